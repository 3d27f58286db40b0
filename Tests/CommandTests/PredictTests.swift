import Embedded
import Foundation
import Prediction
import Testing

@Suite("Predict names any number of photos, in the order given")
struct PredictTests {
  private static let asking = ["predict", "--model", "tiny-clip", "--classes", "bird,cat", "--top", "1"]

  private func photo() throws -> Data { try Data(contentsOf: URL(filePath: Short.photo)) }

  /// The lines of `--format jsonl`.
  private func lines(_ outcome: Outcome) throws -> [Prediction] {
    try outcome.output.split(separator: "\n").map { try JSONDecoder().decode(Prediction.self, from: Data($0.utf8)) }
  }

  @Test("files, folders, patterns and standard input give the same photos")
  func places() throws {
    try withWorkplace { place in
      for path in ["a/1.jpg", "a/2.JPG", "a/deep/3.jpg", "a/.hidden.jpg", "b/[4].jpg"] {
        try place.write(photo(), to: path)
      }
      try place.write("no photo", to: "a/notes.txt")
      try FileManager.default.createSymbolicLink(at: place.file("a/deep/loop"), withDestinationURL: place.file("a"))
      let inA = ["a/1.jpg", "a/2.JPG", "a/deep/3.jpg"]
      let (text, nested) = (
        "1 file is no image this reads: 1 .txt", "1 photo lies in sub-folders: --recursive takes it"
      )
      let folder = "1 folder matches the pattern: a pattern takes files, and a folder's own name its photos"
      let cases: [(arguments: [String], input: String, files: [String], leftOut: String?)] = [
        (["b/[4].jpg", "a/1.jpg"], "", ["b/[4].jpg", "a/1.jpg"], nil),
        (["a"], "", ["a/1.jpg", "a/2.JPG"], "\(text); \(nested)"),
        (["--recursive", "a/"], "", inA, text),
        (["a/*"], "", ["a/1.jpg", "a/2.JPG"], "\(text); \(folder)"),
        (["a/?.*", "*/[[]*"], "", ["a/1.jpg", "a/2.JPG", "b/[4].jpg"], nil),
        (["**/*.jpg"], "", ["a/1.jpg", "a/deep/3.jpg", "b/[4].jpg"], nil),
        (["a/**/3.jpg"], "", ["a/deep/3.jpg"], nil),
        (["-", "a/1.jpg"], "b/[4].jpg\n\na/2.JPG", ["b/[4].jpg", "a/2.JPG", "a/1.jpg"], nil),
        (["-"], "b/[4].jpg\r\na/2.JPG\r\n", ["b/[4].jpg", "a/2.JPG"], nil),
        (["-0", "-"], "a/1.jpg\0a/2.JPG\0", ["a/1.jpg", "a/2.JPG"], nil),
      ]
      for (arguments, input, files, leftOut) in cases {
        let outcome = try place.cocoop(
          Self.asking + ["--format", "jsonl"] + arguments, input: Data(input.utf8))
        #expect(outcome.status == 0, "\(arguments)")
        #expect(outcome.errors == (leftOut.map { "note: Left out: \($0).\n" } ?? ""), "\(arguments)")
        #expect(try lines(outcome).map(\.file) == files, "\(arguments)")
      }
      let image = try place.cocoop(Self.asking + ["--format", "jsonl", "--stdin-image"], input: photo())
      #expect(try lines(image).map(\.file) == ["-"])
    }
  }

  @Test("the answers do not depend on the batch")
  func batches() throws {
    try withWorkplace { place in
      let pattern = Embedded.openclipart.appending(path: "images/b*/00[0-3].jpg").path
      let answers = try ["1", "3", "64"].map { size in
        try lines(place.cocoop(Self.asking + ["--format", "jsonl", "--batch-size", size, pattern]))
      }
      #expect(answers[0].count > 8)
      for other in answers.dropFirst() {
        #expect(other.map(\.file) == answers[0].map(\.file))
        for (left, right) in zip(other, answers[0]) {
          #expect(left.top[0].class == right.top[0].class)
          #expect(abs(left.top[0].probability - right.top[0].probability) < 1e-6)
        }
      }
    }
  }

  @Test("ten broken photos of a hundred are named, each once, and the others are predicted")
  func brokenPhotos() throws {
    try withWorkplace { place in
      let (photo, wanted) = (try photo(), (0..<100).map { String(format: "p/%02d.jpg", $0) })
      for (index, path) in wanted.enumerated() {
        try place.write(index % 10 == 7 ? photo.prefix(100) : photo, to: path)
      }
      let outcome = try place.cocoop(Self.asking + ["--format", "jsonl", "p"])
      let predictions = try lines(outcome)
      #expect(outcome.status == 1 && predictions.map(\.file) == wanted)
      let broken = predictions.filter { $0.error != nil }
      #expect(broken.count == 10 && broken.allSatisfy { $0.top.isEmpty })
      let errors = outcome.errors.split(separator: "\n").map(String.init)
      #expect(errors.count == 11 && errors.last == "Error: 10 of 100 photos could not be read.")
      #expect(errors.dropLast() == broken.map { "Error: \($0.error ?? "")" }[...])
    }
  }

  @Test("names with line breaks, commas and quotes are right in CSV and in JSON")
  func names() throws {
    try withWorkplace { place in
      let name = "a \"b\",\nc.jpg"
      try place.write(photo(), to: name)
      let csv = try place.cocoop(Self.asking + ["--format", "csv", name, "none.jpg"])
      let rows = csv.output.components(separatedBy: "\r\n")
      #expect(rows[0] == "file,rank,class,probability,error")
      #expect(rows[1].hasPrefix("\"a \"\"b\"\",\nc.jpg\",1,bird,0.") && rows[1].hasSuffix(","))
      #expect(rows[2...] == ["none.jpg,,,,There is no file FOLDER/none.jpg. Check the path.", ""])
      let document: [Prediction] = try place.cocoop(Self.asking + ["--json", name]).json()
      #expect(document.map(\.file) == [name])
      let table = try place.cocoop(Self.asking + [name])
      #expect(table.output.hasPrefix(#"a "b",\nc.jpg"# + "\n"))
    }
  }

  @Test("several templates are averaged, and a CSV file gives the classes")
  func templatesAndClasses() throws {
    try withWorkplace { place in
      try place.write("path,class\na.jpg,bird\nb.jpg,cat\nc.jpg,bird\n", to: "data.csv")
      func probability(_ options: [String]) throws -> Float {
        let arguments = ["predict", "--model", "tiny-clip", "--classes-file", "data.csv", "--json"] + options
        let predictions: [Prediction] = try place.cocoop(arguments + [Short.photo]).json()
        #expect(predictions[0].top.map(\.class) == ["bird", "cat"])
        return predictions[0].top[0].probability
      }
      let photo = ["--template", "a photo of a {}."]
      let (one, other) = (try probability(photo), try probability(["--template", "art of the {}."]))
      #expect(try probability([]) == one && one != other)
      let both = try probability(photo + ["--template", "art of the {}."])
      #expect(both != one && both != other)
    }
  }

  @Test("what cannot be predicted costs one line")
  func badInput() throws {
    try withWorkplace { place in
      try place.write("", to: "empty/notes.txt")
      let paths = "Give --stdin-image for an image, or --null for paths with NUL between them."
      let cases: [(arguments: [String], input: Data, message: String)] = [
        (["x*.jpg"], Data(), "No file matches x*.jpg. Check the pattern and the folder that it starts from."),
        (
          ["--recursive", "empty"], Data(),
          "The folder empty has no photos in it, nor have its folders."
            + " Left out: 1 file is no image this reads: 1 .txt. Give a folder of photos."
        ),
        (["-"], try photo(), "Line 1 of standard input is no path: it is not text. \(paths)"),
      ]
      for (arguments, input, message) in cases {
        let outcome = try place.cocoop(Self.asking + arguments, input: input)
        #expect(outcome.status == 1 && outcome.output.isEmpty && outcome.errors == "Error: \(message)\n")
      }
    }
  }

  @Test("a closed or full standard output is told, a reader that has seen enough is not")
  func output() throws {
    try withWorkplace { place in
      let arguments = Self.asking + ["--format", "jsonl", "--batch-size", "1", Short.photo, Short.photo, Short.photo]
      func call(_ redirection: String) throws -> Outcome {
        try place.start(arguments, through: redirection).outcome()
      }
      func message(_ reason: String) -> String {
        "Error: Cannot write to standard output: \(reason). Give it a file or a pipe that takes them.\n"
      }
      let closed = try call(">&-")
      #expect(closed.status == 1 && closed.errors == message("it is closed"))
      #if os(Linux)
        let full = try call(">/dev/full")
        #expect(full.status == 1 && full.errors == message("No space left on device"))
      #endif
      let seen = try call("| head -n 1")
      #expect(seen.status == 0 && seen.errors.isEmpty && seen.output.count { $0 == "\n" } == 1)
    }
  }

  @Test("Ctrl-C ends with 130 after the last whole photo")
  func interruption() throws {
    try withWorkplace { place in
      let call = try place.start(
        Self.asking + ["--format", "jsonl", "--recursive", Embedded.openclipart.appending(path: "images").path])
      while call.process.isRunning, !call.hasPrinted { usleep(5000) }
      call.process.interrupt()
      let outcome = try call.outcome()
      #expect(outcome.status == 130)
      #expect(outcome.errors == "\nInterrupted. What was printed is not everything.\n")
      #expect(try lines(outcome).allSatisfy { !$0.top.isEmpty } && outcome.output.hasSuffix("\n"))
    }
  }
}
