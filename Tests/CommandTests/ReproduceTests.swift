import Foundation
import Testing

@Suite("A person reproduces a comparison, in as many sittings as it takes")
struct ReproduceTests {
  /// The output of `reproduce --plan --json`.
  private struct Plan: Decodable {
    struct Unit: Decodable { let unit, state: String }
    let units: [Unit]
    let expectedSeconds, memoryMiB: Double
  }

  private static func command(_ datasets: String, more: [String] = []) -> [String] {
    [
      "reproduce", "base-to-new", "--datasets", datasets, "--methods", "zero-shot,cocoop", "--seeds", "1,2", "--shots",
      "2", "--epochs", "60", "--image-views", "1", "--output", "out",
    ] + more
  }

  @Test("stopped by Ctrl-C it goes on with the same command, and does only what is missing")
  func interruption() throws {
    try withWorkplace { place in
      try SmallComparison.write("one", in: place)
      let arguments = Self.command("data/one.csv")
      let plan: Plan = try place.cocoop(arguments + ["--plan", "--json", "--quiet"]).json()
      #expect(
        plan.units.map(\.unit) == ["one/zero-shot-seed1", "one/cocoop-seed1", "one/cocoop-seed2"])
      #expect(plan.units.allSatisfy { $0.state == "to do" } && plan.expectedSeconds > 0 && plan.memoryMiB > 10)
      #expect(!place.exists("out"))

      let call = try place.start(arguments + ["--quiet"])
      while call.process.isRunning, !place.exists("out/units/one/cocoop-seed1/run.json") { usleep(5000) }
      call.process.interrupt()
      let stopped = try call.outcome()
      #expect(stopped.status == 130 && stopped.output.isEmpty)
      #expect(stopped.errors == "\nInterrupted. What is done is kept: go on with the same command.\n")
      #expect(!place.exists("out/units/one/cocoop-seed1/prompts.safetensors"))

      let begun = try place.cocoop(arguments + ["--plan", "--quiet"])
      #expect(begun.output.contains("one/zero-shot-seed1  done "))
      #expect(begun.output.contains("3 units: 1 done, 1 begun, 1 to do.\n"))
      let finished = try place.cocoop(arguments)
      #expect(finished.status == 0)
      #expect(
        finished.errors.contains("[1/3] one, zero-shot CLIP: base ") && finished.errors.contains("(done before)\n"))
      let rows = finished.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(rows[0] == ["dataset", "method", "base", "new", "H", "seconds"] && rows.count == 3)
      #expect(place.exists("out/results.md") && !place.contents.contains { $0.hasSuffix("/lock") })

      let again: PrintedComparison = try place.cocoop(arguments + ["--json", "--quiet"]).json()
      #expect(again.protocol == "base-to-new" && !again.isPapersSetUp && again.failures.isEmpty)
      #expect(
        again.methods.map(\.method) == ["zero-shot", "cocoop"] && again.methods.allSatisfy { $0.seeds == [1, 2] })
      let kept = try Data(contentsOf: place.file("out/results.json"))
      #expect(try JSONDecoder().decode(PrintedComparison.self, from: kept).methods[1].base == again.methods[1].base)
      let other = try place.cocoop(Self.command("data/one.csv", more: ["--shots", "1"]))
      #expect(other.status == 1)
      #expect(
        other.errors == "Error: The run in FOLDER/out/units/one/cocoop-seed1 was started with the shots 2, not 1."
          + " Resume with the settings it was started with, or choose another --output.\n")
    }
  }

  @Test("a broken dataset is one line and a mark in the table; the others go on, and the status is 1")
  func broken() throws {
    try withWorkplace { place in
      try SmallComparison.write("one", in: place)
      try SmallComparison.write("two", in: place)
      try place.write("path,class\n", to: "data/three.csv")
      let image = try #require(place.contents.first { $0.hasPrefix("data/two/clock-") })
      try FileManager.default.removeItem(at: place.file(image))
      let outcome = try place.cocoop(
        Self.command("data/one.csv,data/two.csv,data/three.csv", more: ["--methods", "zero-shot"]))
      #expect(outcome.status == 1)
      let missing = "two failed: 1 of 16 images are missing in FOLDER/data: \(image.dropFirst("data/".count))."
      #expect(outcome.errors.split(separator: "\n").count { $0.hasPrefix(missing) } == 1)
      let lines = outcome.output.split(separator: "\n")
      #expect(lines[1].hasPrefix("one") && !lines[1].contains("failed"))
      #expect(lines[2].hasPrefix("two") && lines[2].split(separator: " ").count { $0 == "failed" } == 3)
      #expect(lines[3].hasPrefix("three ") && lines[3].contains("failed"))
      #expect(lines[4].hasPrefix("Average") && !lines[4].contains("failed") && lines[5].hasPrefix(missing))
    }
  }

  @Test("where no data can be used, the table says so, and the folder can be used again")
  func nothing() throws {
    try withWorkplace { place in
      for _ in 0..<2 {
        let outcome = try place.cocoop("reproduce base-to-new --root . --datasets dtd --methods zero-shot --output out")
        #expect(outcome.status == 1 && outcome.output.contains("DTD      zero-shot CLIP  failed"))
      }
      #expect(place.exists("out/results.json"))
    }
  }

  @Test(
    "what cannot be run is told in one line before any work",
    arguments: [
      (
        "--datasets opencliprt", 1,
        "Error: There is no dataset 'opencliprt': it is neither embedded nor a path."
          + " Did you mean 'openclipart'?\n"
      ),
      (
        "--datasets openclipart --methods cocoop,zeroshot", 64,
        "Error: There is no method 'zeroshot'. Did you mean 'zero-shot'?\n"
      ),
      (
        "--datasets openclipart --source openclipart", 64,
        "Error: --source is for cross-dataset and domain-generalization: base-to-new has none.\n"
      ),
      ("--methods cocoop", 64, "Error: Give --datasets, or --root for the paper's datasets.\n"),
      ("--datasets openclipart --seeds 1,1", 64, "Error: --seeds must name each seed once, found 1,1.\n"),
      (
        "--datasets openclipart --epochs 0", 1,
        "Error: The number of epochs must be from 1 to 100000, found 0.\n"
      ),
      (
        "--datasets openclipart --output taken", 1,
        "Error: FOLDER/taken has other files in it and nothing of 'cocoop reproduce'. Choose another --output.\n"
      ),
    ])
  func refusals(options: String, status: Int32, message: String) throws {
    try withWorkplace { place in
      try place.write("mine", to: "taken/notes.txt")
      let outcome = try place.cocoop("reproduce base-to-new " + options)
      #expect(outcome.status == status && outcome.output.isEmpty && outcome.errors.hasPrefix(message))
      #expect(place.contents == ["taken", "taken/notes.txt"])
    }
  }
}
