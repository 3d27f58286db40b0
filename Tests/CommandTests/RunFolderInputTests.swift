import Embedded
import Foundation
import Testing

@Suite("Runs are replaced on request only, and read strictly")
struct RunFolderInputTests {
  private func zeroShot(_ output: String, _ more: String...) -> [String] {
    Short.train("zero-shot", output: output, more: more)
  }

  @Test("an existing run stays unless --force is given, and until the new one has something to show")
  func existing() throws {
    try withWorkplace { place in
      try place.cocoop(zeroShot("run"))
      let before = try Data(contentsOf: place.file("run/run.json"))
      let refused = try place.cocoop(zeroShot("run"))
      #expect(refused.status == 1)
      #expect(
        refused.errors == "Error: There is a run in FOLDER/run already. Choose another --output, continue it with"
          + " --resume or replace it with --force.\n")
      for hopeless in [["--context", ""], ["--model", "nowhere"], ["--epochs", "0"], ["--context-length", "99"]] {
        #expect(try place.cocoop(Short.train("coop", output: "run", more: ["--force"] + hopeless)).status == 1)
        #expect(try Data(contentsOf: place.file("run/run.json")) == before)
        #expect(place.exists("run/prompts.safetensors"))
      }
      try place.write("mine", to: "run/notes.txt")
      #expect(try place.cocoop(zeroShot("run", "--force", "--seed", "2")).status == 0)
      #expect(try Data(contentsOf: place.file("run/run.json")) != before)
      #expect(place.exists("run/notes.txt"))
    }
  }

  @Test("places where no run can be")
  func impossible() throws {
    try withWorkplace { place in
      try place.write("mine", to: "foreign/notes.txt")
      try place.write("a file", to: "file")
      let writable = "Choose a folder that exists, is writable and has room."
      let cases = [
        ("foreign", "FOLDER/foreign has other files in it and is no run. Choose another --output."),
        ("file", "Cannot write FOLDER/file: a file is in the way. \(writable)"),
        ("file/run", "Cannot write FOLDER/file/run: Not a directory. \(writable)"),
      ]
      let before = place.contents
      for (output, message) in cases {
        let outcome = try place.cocoop(zeroShot(output, "--force"))
        #expect(outcome.status == 1 && outcome.errors == "Error: \(message)\n")
      }
      #if os(Linux)
        let kernel = try place.cocoop(zeroShot("/proc/x/run"))
        #expect(kernel.status == 1)
        #expect(kernel.errors == "Error: Cannot write /proc/x/run: No such file or directory. \(writable)\n")
      #endif
      #expect(place.contents == before)
      let nothing = try place.cocoop(zeroShot("nowhere", "--resume"))
      #expect(nothing.status == 1)
      #expect(
        nothing.errors == "Error: There is no run in FOLDER/nowhere to go on with. Start it without --resume.\n")
    }
  }

  @Test("damaged runs")
  func damaged() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("coop", output: "run"))
      func evaluate() throws -> String {
        let outcome = try place.cocoop("evaluate --run run --quiet")
        #expect(outcome.status == 1 && outcome.output.isEmpty && outcome.errors.count { $0 == "\n" } == 1)
        return outcome.errors
      }
      let prompts = try Data(contentsOf: place.file("run/prompts.safetensors"))
      try place.write(prompts.prefix(prompts.count - 4), to: "run/prompts.safetensors")
      #expect(try evaluate().hasPrefix("Error: FOLDER/run/prompts.safetensors: "))
      try place.write("", to: "run/prompts.safetensors")
      #expect(try evaluate().hasPrefix("Error: FOLDER/run/prompts.safetensors: "))
      try place.write(prompts, to: "run/prompts.safetensors")
      let record = try String(contentsOf: place.file("run/run.json"), encoding: .utf8)
      try place.write(record.prefix(40).description, to: "run/run.json")
      #expect(
        try evaluate() == "Error: FOLDER/run is no run: its run.json cannot be read."
          + " Give a folder that 'cocoop train' has written.\n")
      try place.write(record.replacing(#""version" : 1"#, with: #""version" : 2"#), to: "run/run.json")
      #expect(
        try evaluate() == "Error: FOLDER/run/run.json has format version 2, but this program reads version 1."
          + " Use the version of this program that wrote it.\n")
    }
  }

  @Test("a run asks for the model that it was learned on")
  func otherModel() throws {
    try withWorkplace { place in
      try place.cocoop(zeroShot("run"))
      try FileManager.default.copyItem(at: Embedded.tinyCLIP, to: place.file("other"))
      var weights = try Data(contentsOf: place.file("other/open_clip_model.safetensors"))
      // The lowest bit of the last element: another model, though a valid one.
      weights[weights.count - 2] ^= 1
      try place.write(weights, to: "other/open_clip_model.safetensors")
      let outcome = try place.cocoop("evaluate --run run --model other --quiet")
      #expect(outcome.status == 1)
      #expect(
        outcome.errors.hasPrefix(
          "Error: FOLDER/run/prompts.safetensors was learned on the model tiny-clip ("))
      #expect(outcome.errors.hasSuffix("Name the model that it was learned on with --model.\n"))
    }
  }
}
