import ClassificationMetrics
import Datasets
import Foundation
import PromptLearning
import Runs
import Support
import Testing
import TestSupport
import Torch

@Suite("An evaluation is kept with its answers, and read back as it was")
struct KeptEvaluationTests {
  static let names = ["a \"b\"", "c,d", "e\nf"]
  static let files = ["plain.jpg", "a,b.jpg", "\"quoted\".jpg", "two\r\nlines.jpg", "größe.jpg", " space .jpg"]

  /// Six images, four of them predicted correctly, one without an answer.
  static func evaluation(
    dataset: String = "odd, names/…", files: [String] = files, precision: Precision = .float32
  ) -> SavedEvaluation {
    let labels = [0, 1, 2, 0, 1, 2]
    var logits = labels.flatMap { label in (0..<3).map { Float($0 == label ? 2 : 0) } }
    logits[0..<3] = [0, 1, 0]
    logits[5 * 3] = .nan
    let evaluation = Evaluation(logits: logits, labels: labels, classNames: names, seconds: 1.5)
    let answers = [1, 1, 2, 0, 1, nil]
    return SavedEvaluation(
      dataset: dataset, classes: .base, split: .test, precision: precision, classNames: names,
      imageFolder: URL(filePath: "/images"), evaluation: evaluation,
      predictions: files.enumerated().map { index, file in
        let answer = answers[index]
        return .init(
          file: file, label: names[labels[index]], prediction: answer.map { names[$0] },
          probability: answer == nil ? 0 : 0.1 + Float(index) / 7)
      })
  }

  /// A run's folder with nothing but `run.json` in it.
  static func withRun<Result>(_ body: (RunFolder) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      try Data("{}".utf8).write(to: folder.appending(path: "run.json"))
      return try body(RunFolder(existing: folder))
    }
  }

  @Test("names with commas, quotes and line breaks come back, and figures to the last bit")
  func roundTrip() throws {
    try Self.withRun { run in
      let kept = Self.evaluation()
      #expect(try run.evaluations().isEmpty)
      try run.keep(kept)
      try run.keep(kept)  // replaces the first
      #expect(try run.evaluations() == [kept])
      #expect(kept.name == "odd--names---base-test")
      let folder = run.url.appending(path: "evaluations/\(kept.name)")
      let csv = try String(contentsOf: folder.appending(path: "predictions.csv"), encoding: .utf8)
      #expect(csv.hasPrefix("file,label,prediction,probability\r\nplain.jpg,\"a \"\"b\"\"\",\"c,d\",0.1\r\n"))
      #expect(csv.hasSuffix(" space .jpg,\"e\nf\",,\r\n"))
      #expect(kept.predictions.map(\.isRight) == [false, true, true, true, true, false])
      #expect(kept.answers.isRight == kept.predictions.map(\.isRight))
      #expect(kept.answers.accuracy * 100 == kept.evaluation.accuracy)
    }
  }

  @Test("the precision is kept and told, and figures of float32 have none in their file", arguments: Precision.allCases)
  func precision(precision: Precision) throws {
    try Self.withRun { run in
      let kept = Self.evaluation(dataset: "drawings", precision: precision)
      try run.keep(kept)
      #expect(try run.evaluations() == [kept])
      let file = run.url.appending(path: "evaluations/drawings-base-test/evaluation.json")
      let json = try JSONValue(parsing: Data(contentsOf: file))
      let isExact = precision == .float32
      #expect(json["precision"]?.string == (isExact ? nil : precision.rawValue))
      let summary = RunSummary(of: run.url, named: "run")
      #expect(summary.evaluations.map(\.precision) == [precision])
      let told = isExact ? "" : " in \(precision.rawValue)"
      #expect(summary.text.contains("accuracy 66.67 % of 6 images\(told), 95 % within"))
      let list = try RunListing(of: run.url.path).text
      #expect(list.contains("drawings-base-test 66.67\(told)\n"))
      try RunLogger.add(kept, to: run.url)
      let log = try String(contentsOf: run.url.appending(path: "log.txt"), encoding: .utf8)
      #expect(log.hasSuffix("drawings-base-test: accuracy 66.67 % on 6 images\(told)\n"))
    }
  }

  @Test("what was damaged is refused by name")
  func damaged() throws {
    try Self.withRun { run in
      let kept = Self.evaluation(dataset: "drawings")
      try run.keep(kept)
      let folder = run.url.appending(path: "evaluations/drawings-base-test")
      let csv = folder.appending(path: "predictions.csv")
      let json = folder.appending(path: "evaluation.json")
      let whole = (csv: try Data(contentsOf: csv), json: try Data(contentsOf: json))
      func problem(csv changedCSV: String? = nil, json changedJSON: String? = nil) throws -> String {
        try (changedCSV.map { Data($0.utf8) } ?? whole.csv).write(to: csv)
        try (changedJSON.map { Data($0.utf8) } ?? whole.json).write(to: json)
        return message { try run.evaluations() }.replacing(folder.path + "/", with: "")
      }
      let remedy = " Remove the folder that it is in and measure again with 'cocoop evaluate'."
      let header = "file,label,prediction,probability\n"
      #expect(
        try problem(csv: "nothing")
          == "predictions.csv cannot be used: it does not begin with the line file,label,prediction,probability."
          + remedy)
      #expect(
        try problem(csv: header)
          == "predictions.csv cannot be used: it has 0 images, and evaluation.json 6." + remedy)
      #expect(
        try problem(csv: header + "a,\"c,d\",g,0.5\n")
          == "predictions.csv cannot be used: line 2 names the class 'g', which evaluation.json does not have." + remedy
      )
      #expect(
        try problem(csv: header + "a,\"c,d\",\"c,d\",1.5\n")
          == "predictions.csv cannot be used: line 2 has '1.5' where a probability should be." + remedy)
      #expect(
        try problem(csv: header + "a,b\n")
          == "predictions.csv cannot be used: line 2 has 2 fields in place of 4." + remedy)
      #expect(
        try problem(json: "{}") == "evaluation.json cannot be used: it is not what 'cocoop evaluate' writes." + remedy)
      let later = String(decoding: whole.json, as: UTF8.self).replacing("\"version\" : 1", with: "\"version\" : 9")
      #expect(
        try problem(json: later)
          == "evaluation.json cannot be used: it has version 9, and this package reads 1." + remedy)
      try FileManager.default.removeItem(at: csv)
      try whole.json.write(to: json)
      #expect(
        message { try run.evaluations() }.replacing(folder.path + "/", with: "")
          == "predictions.csv cannot be used: it is missing or cannot be read." + remedy)
    }
  }
}
