import Foundation
import Testing
import Torch

@Suite("Runs are listed, shown and compared by what they have kept")
struct RunsTests {
  struct Listed: Decodable {
    let run, state: String
    let problems: [String]
    let method: String?
    let classCount, epochs, plannedEpochs: Int?
    let evaluations: [Figures]

    struct Figures: Decodable {
      let name: String
      let accuracy, ece: Double
      let images: Int
    }
  }

  struct Compared: Decodable {
    let settings: [Setting]
    let tests: [Test]

    struct Setting: Decodable {
      let name: String
      let values: [String?]
    }

    struct Test: Decodable {
      let evaluation, first, second, form: String
      let images, onlyFirst, onlySecond: Int
      let difference, pValue: Double
      let interval95: Interval
    }

    struct Interval: Decodable {
      let lower, upper: Double
    }
  }

  struct Evaluated: Decodable {
    let accuracy, ece: Double
    let images: Int
    let interval95: Compared.Interval
  }

  @Test("two runs: measured, listed, shown, compared; and what cannot be")
  func journey() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/plain"))
      try place.cocoop(Short.train("coop", output: "runs/units/openclipart/coop-seed1"))
      let coop = "runs/units/openclipart/coop-seed1"
      let early = try place.cocoop("runs compare runs/plain \(coop)")
      #expect(
        early.errors
          == "Error: runs/plain and \(coop) cannot be compared: runs/plain has no evaluation, and \(coop) has "
          + "no evaluation: none of the same dataset, classes and split. "
          + "Measure both on the same images with 'cocoop evaluate'.\n")

      let measured: [Evaluated] = try ["runs/plain", coop].map { run in
        try place.cocoop("evaluate --run \(run) --quiet --json").json()
      }
      for one in measured { #expect(one.interval95.lower <= one.accuracy && one.accuracy <= one.interval95.upper) }
      let kept = "evaluations/openclipart-base-test"
      let csv = try String(contentsOf: place.file("\(coop)/\(kept)/predictions.csv"), encoding: .utf8)
      let rows = csv.split(separator: "\r\n").dropFirst().map { $0.split(separator: ",") }
      #expect(rows.count == measured[1].images && rows.allSatisfy { $0.count == 4 })
      let right = rows.count { $0[1] == $0[2] }
      #expect(abs(100 * Double(right) / Double(rows.count) - measured[1].accuracy) < 1e-9)

      let listed: [Listed] = try place.cocoop("runs list --json").json()
      #expect(listed.map(\.run) == ["runs/plain", coop] && listed.map(\.state) == ["finished", "finished"])
      #expect(listed.map(\.method) == ["zero-shot", "coop"] && listed.map(\.classCount) == [14, 14])
      #expect(listed.flatMap(\.evaluations).map(\.name) == ["openclipart-base-test", "openclipart-base-test"])
      #expect(listed.flatMap(\.evaluations).map(\.accuracy) == measured.map(\.accuracy))
      #expect((listed[1].epochs, listed[1].plannedEpochs) == (1, 1))
      let shown = try place.cocoop("runs show \(coop)").output
      #expect(
        shown.hasPrefix(
          "run                    \(coop)\nstate                  finished\nmethod                 CoOp\n"))
      #expect(shown.contains("\nopenclipart-base-test  accuracy ") && shown.contains(" images, 95 % within "))

      let compared: Compared = try place.cocoop("runs compare runs/plain \(coop) --json").json()
      let test = try #require(compared.tests.first)
      #expect(compared.tests.count == 1 && test.images == measured[0].images)
      #expect(abs(test.difference - (measured[1].accuracy - measured[0].accuracy)) < 1e-9)
      #expect(test.interval95.lower <= test.difference && test.difference <= test.interval95.upper)
      #expect(abs(100 * Double(test.onlySecond - test.onlyFirst) / Double(test.images) - test.difference) < 1e-9)
      #expect(0 <= test.pValue && test.pValue <= 1)
      #expect(compared.settings.contains { $0.name == "method" && $0.values == ["zero-shot", "coop"] })
      #expect(compared.settings.contains { $0.name == "training.epochs" && $0.values == [nil, "1"] })
      #expect(!compared.settings.contains { $0.name == "seed" })
      let text = try place.cocoop("runs compare runs/plain \(coop)").output
      #expect(text.contains("McNemar     p = ") && text.contains("95 % within ") && text.contains("\nmethod "))

      if Precision.bfloat16.isAvailable {
        let near: Evaluated = try place.cocoop("evaluate --run \(coop) --precision bfloat16 --json").json()
        let table = try place.cocoop("runs compare runs/plain \(coop)").output
        let (exact, approximate) = (measured[0].accuracy, near.accuracy)
        #expect(table.contains(String(format: "  %.2f", exact)), "\(table)")
        #expect(table.contains(String(format: "  %.2f in bfloat16\n", approximate)), "\(table)")
      }
      try damage(in: place, coop: coop)
    }
  }

  private func damage(in place: Workplace, coop: String) throws {
    try place.write("not prompts", to: "\(coop)/prompts.safetensors")
    try place.write("{", to: "runs/broken/run.json")
    try place.write("{}", to: "runs/remains/metrics.jsonl")
    try place.write("file\n", to: "runs/plain/evaluations/openclipart-base-test/predictions.csv")
    let outcome = try place.cocoop("runs list")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    for line in [
      "\nruns/broken: runs/broken is no run: its run.json cannot be read",
      "\nruns/remains: runs/remains is no run: it has no run.json",
      "/predictions.csv cannot be used: it does not begin with the line file,label,prediction,probability",
      "\n\(coop): ",
    ] {
      #expect(outcome.output.replacing("FOLDER/", with: "").contains(line))
    }
    let listed: [Listed] = try place.cocoop("runs list --json").json()
    #expect(listed.map(\.run) == ["runs/broken", "runs/plain", "runs/remains", coop])
    #expect(listed.allSatisfy { $0.state == "damaged" && !$0.problems.isEmpty })
    #expect(
      try place.cocoop("runs list elsewhere").errors
        == "Error: There is no folder elsewhere. Name the folder that holds the runs.\n")
    #expect(
      try place.cocoop("runs show runs").errors
        == "Error: FOLDER/runs is no run: it has no run.json. Give a folder that 'cocoop train' has written.\n")
    #expect(try place.cocoop("runs compare runs/plain").status == 64)
  }

  @Test("a run that cannot keep its evaluation is measured all the same")
  func notKept() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "run"))
      try place.write("in the way", to: "run/evaluations")
      let outcome = try place.cocoop("evaluate --run run")
      #expect(outcome.status == 0 && outcome.output.hasPrefix("accuracy  "))
      let note = "note: The evaluation is not kept. Cannot write FOLDER/run/evaluations"
      #expect(outcome.errors.hasSuffix("\(note)/openclipart-base-test: Not a directory.\n"))
      guard getuid() != 0 else { return }  // root ignores permissions
      try FileManager.default.removeItem(at: place.file("run/evaluations"))
      chmod(place.file("run").path, 0o555)
      defer { chmod(place.file("run").path, 0o755) }
      let denied = try place.cocoop("evaluate --run run")
      #expect(denied.status == 0 && denied.errors.hasSuffix("\(note): Permission denied.\n"))
    }
  }
}

@Suite("A report compares a run that stands alone with zero-shot CLIP")
struct SingleReportTests {
  @Test("whose figures are those of a zero-shot run on the same images")
  func zeroShot() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("coop", output: "runs/coop", more: ["--classes", "base"]))
      try place.cocoop("report runs/coop --output page.html --quiet")
      try place.cocoop(Short.train("zero-shot", output: "zero", more: ["--classes", "base"]))
      struct Measured: Decodable { let accuracy: Double }
      let measured: [Measured] = try ["base", "new"].map {
        try place.cocoop("evaluate --run zero --classes \($0) --quiet --json").json()
      }
      let page = try String(contentsOf: place.file("page.html"), encoding: .utf8)
      let row = try #require(page.firstMatch(of: /<tr><th scope="row">zero-shot CLIP<span.*?<\/tr>/)).output
      #expect(row.contains("computed for this page"))
      for figures in measured { #expect(row.contains(String(format: "%.1f", figures.accuracy))) }
      #expect(page.contains("against zero-shot CLIP") && page.contains("1 run with tiny-clip"))
      #expect(!FileManager.default.fileExists(atPath: place.file("runs/zero-shot").path))
    }
  }
}
