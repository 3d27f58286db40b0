import Foundation
import Testing

/// The tested part of the output of `compare --json`.
private struct PrintedMethods: Decodable {
  struct Question: Decodable {
    struct Score: Decodable, Equatable {
      let method: String
      let seeds: [Int]
      let accuracy, seconds: Double
      let interval95: Interval
    }
    struct Interval: Decodable, Equatable { let lower, upper: Double }
    struct Verdict: Decodable {
      struct Difference: Decodable { let method: String, difference, pValue: Double, agreeingSeeds, seeds: Int }
      let best: String
      let isSure: Bool
      let others: [Difference]
      let sentence: String
    }
    let learnedClasses, classes, photos: Int
    let methods: [Score]
    let verdict: Verdict
  }
  let fixed, new: Question?
}

@Suite("A person learns which method is best on her photos")
struct CompareTests {
  private static func command(_ seeds: String = "1,2", methods: String = "zero-shot,linear-probe,cocoop") -> [String] {
    [
      "compare", "data/one.csv", "--methods", methods, "--seeds", seeds, "--shots", "2", "--epochs", "2",
      "--image-views", "1", "--threads", "1", "--no-cache", "--output", "out",
    ]
  }

  /// Writes four classes, each with two drawings for training, two for testing, and a copy of one for validation.
  private static func write(in place: Workplace) throws {
    try SmallComparison.write("one", in: place)
    let lines = try String(contentsOf: place.file("data/one.csv"), encoding: .utf8).split(separator: "\n")
    var seen: Set<Substring> = []
    let validation = try lines.filter { $0.hasSuffix(",train") }.compactMap { line -> String? in
      let fields = line.split(separator: ",")
      guard seen.insert(fields[1]).inserted else { return nil }
      let copy = fields[0].replacing("one/", with: "one/val-")
      try FileManager.default.copyItem(at: place.file("data/\(fields[0])"), to: place.file("data/\(copy)"))
      return "\(copy),\(fields[1]),val"
    }
    try place.write((lines.map(String.init) + validation).joined(separator: "\n") + "\n", to: "data/one.csv")
  }

  @Test("fixed and new classes are compared on held-out photos; what is done is done once")
  func comparison() throws {
    try withWorkplace { place in
      try Self.write(in: place)
      let first = try place.cocoop(Self.command() + ["--json"])
      #expect(first.status == 0, "\(first.errors)")
      let printed: PrintedMethods = try first.json()
      let (fixed, new) = try (#require(printed.fixed), #require(printed.new))
      #expect((fixed.learnedClasses, fixed.classes, fixed.photos) == (4, 4, 8))
      #expect((new.learnedClasses, new.classes, new.photos) == (2, 2, 4))
      #expect(fixed.methods.map(\.method) == ["zero-shot", "linear-probe", "cocoop"])
      #expect(fixed.methods.map(\.seeds) == [[1], [1, 2], [1, 2]])
      #expect(new.methods.map(\.method) == ["zero-shot", "cocoop"])
      for question in [fixed, new] {
        let highest = try #require(question.methods.map(\.accuracy).max())
        #expect(question.methods.first { $0.method == question.verdict.best }?.accuracy == highest)
        #expect(question.verdict.others.count == question.methods.count - 1)
        for score in question.methods {
          #expect(score.interval95.lower <= score.accuracy && score.accuracy <= score.interval95.upper)
        }
      }
      // The figures are those of the runs, in the files that everybody reads.
      struct Summary: Decodable {
        struct Figures: Decodable { let accuracy: Double, classes: String }
        let evaluations: [Figures]
      }
      let probes = try [1, 2].map { seed in
        let path = "out/fixed-classes/units/one/linear-probe-seed\(seed)"
        return try #require(place.cocoop("runs show \(path) --json").json(Summary.self).evaluations.first).accuracy
      }
      #expect(fixed.methods[1].accuracy == (probes[0] + probes[1]) / 2)

      // The same command repeats nothing, and another seed adds to the existing runs.
      let again = try place.cocoop(Self.command())
      #expect(again.errors.contains("[5/5]") && again.errors.count(of: "(done before)") == 8)
      #expect(again.output.contains(fixed.verdict.sentence) && again.output.contains(new.verdict.sentence))
      let header = again.output.split(separator: "\n").first?.split(separator: " ").map(String.init)
      #expect(header == ["method", "fixed", "95", "%", "new", "95", "%", "seconds"])
      #expect(place.exists("out/results.json") && place.exists("out/results.md"))
      let more = try place.cocoop(Self.command("1,2,3"))
      #expect(more.status == 0 && more.errors.count(of: "(done before)") == 8)
    }
  }

  @Test("a method that names no other classes leaves the question of new ones out")
  func fixedAlone() throws {
    try withWorkplace { place in
      try Self.write(in: place)
      let outcome = try place.cocoop(Self.command("1", methods: "linear-probe") + ["--quiet"])
      #expect(outcome.status == 0)
      #expect(outcome.output.contains("For these classes, linear probe alone was measured: "))
      #expect(outcome.output.contains("New classes were not tested"))
      #expect(!place.exists("out/new-classes"))
    }
  }

  @Test("what cannot be compared is refused in one line, and nothing is written")
  func badInput() throws {
    try withWorkplace { place in
      try SmallComparison.write("one", in: place)
      try place.write("path,class,split\none/a.jpg,bird,train\none/b.jpg,bird,test\n", to: "data/single.csv")
      for name in ["a", "b"] {
        try place.write(Data(contentsOf: URL(filePath: Short.photo)), to: "data/one/\(name).jpg")
      }
      try place.write("mine", to: "full/notes.txt")
      func refused(_ arguments: [String]) throws -> String {
        let before = place.contents
        let outcome = try place.cocoop(["compare"] + arguments + ["--methods", "zero-shot", "--quiet"])
        #expect(outcome.status == 1 && outcome.output.isEmpty && place.contents == before)
        return outcome.errors
      }
      #expect(
        try refused(["data/single.csv"])
          == "Error: data/single.csv has one class, 'bird', and there is nothing to tell it from."
          + " Give photos of two classes or more.\n")
      #expect(
        try refused(["data/one.csv", "--output", "full"])
          == "Error: FOLDER/full has other files in it and nothing of 'cocoop compare'. Choose another --output.\n")
      #expect(
        try refused(["nowhere"]).hasPrefix("Error: There is no dataset 'nowhere': it is neither embedded nor a path."))
    }
  }
}

extension String {
  fileprivate func count(of part: String) -> Int { components(separatedBy: part).count - 1 }
}
