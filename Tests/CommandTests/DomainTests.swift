import Datasets
import Embedded
import Foundation
import PromptLearning
import Runs
import Testing
import TestSupport

@Suite("Domain generalisation is reproduced from ImageNet's and its variants' own folders")
struct DomainTests {
  private static let domains: [PublishedDataset] = [.imageNet, .imageNetV2, .imageNetSketch, .imageNetA, .imageNetR]

  /// The sources of each class: folders of the benchmarks, the name in their list, and drawings of openclipart.
  private static let classes = [
    (folders: ["n01", "0"], name: "tench", drawings: "fish"),
    (folders: ["n02", "1"], name: "great white shark", drawings: "boat"),
    (folders: ["n03", "2"], name: "missile", drawings: "weapon"),
  ]

  /// The names of the existing classes, by label: -A and -R have two of the three, and number them from 0.
  private static func classNames(of benchmark: PublishedDataset) -> [String] {
    let names = classes.map(\.name)
    return benchmark == .imageNetA || benchmark == .imageNetR ? Array(names.dropFirst()) : names
  }

  private static func command(_ more: String...) -> [String] {
    [
      "reproduce", "domain-generalization", "--root", "root", "--methods", "zero-shot,coop,cocoop", "--seeds", "1,2",
      "--shots", "2", "--epochs", "3", "--image-views", "1", "--threads", "1", "--output", "out",
    ] + more
  }

  /// Writes the benchmarks' folders in miniature, with drawings instead of empty files.
  private func withDomains(_ body: (Workplace) throws -> Void) throws {
    try withWorkplace { place in
      let root = place.file("root")
      for benchmark in Self.domains { try Miniature.write(benchmark, to: root) }
      var used: [String: Int] = [:]
      for path in place.contents where [".jpg", ".JPEG"].contains(where: path.hasSuffix) {
        let stands = try #require(Self.classes.first { $0.folders.contains(Self.folder(of: path)) })
        let drawings = try FileManager.default.contentsOfDirectory(
          atPath: Embedded.openclipart.appending(path: "images/\(stands.drawings)").path
        ).sorted()
        let number = used[stands.drawings, default: 0]
        used[stands.drawings] = number + 1
        try place.write(
          Data(contentsOf: TinyCLIP.photo("\(stands.drawings)/\(drawings[number % drawings.count])")), to: path)
      }
      try body(place)
    }
  }

  private static func folder(of path: String) -> String {
    URL(filePath: path).deletingLastPathComponent().lastPathComponent
  }

  @Test("each target is answered over its own classes, with the labels that its folders say")
  func targets() throws {
    try withDomains { place in
      let printed: PrintedComparison = try place.cocoop(Self.command("--json", "--quiet")).json()
      #expect(printed.protocol == "domain-generalization" && printed.failures.isEmpty)
      #expect(printed.methods.count == 3 * Self.domains.count)
      for method in ["zero-shot", "coop", "cocoop"] {
        for benchmark in Self.domains {
          let source = method == "zero-shot" ? benchmark : .imageNet
          let runs = (method == "zero-shot" ? [1] : [1, 2]).map { "out/units/\(source.rawValue)/\(method)-seed\($0)" }
          let row = try #require(printed.methods.first { $0.method == method && $0.dataset == benchmark.rawValue })
          let kept = try runs.map { try evaluation(of: $0, on: benchmark, in: place) }
          let mean = kept.map(\.evaluation.accuracy).reduce(0, +) / Double(kept.count)
          #expect(abs(mean - (row.accuracy ?? .nan)) < 1e-9, "\(method), \(benchmark)")
          try kept.forEach { try expectOwnLabels($0, of: benchmark) }
        }
      }
      try expectEqualByHand(.imageNetA, printed, in: place)
      try expectEqualByHand(.imageNetV2, printed, in: place)
    }
  }

  private func evaluation(of run: String, on benchmark: PublishedDataset, in place: Workplace) throws -> SavedEvaluation
  {
    let found = try RunFolder(existing: place.file(run)).evaluations().filter { $0.dataset == benchmark.rawValue }
    return try #require(found.count == 1 ? found[0] : nil, "\(run) on \(benchmark)")
  }

  /// Checks labels without the tool's own: the folder of an image gives its class.
  private func expectOwnLabels(_ kept: SavedEvaluation, of benchmark: PublishedDataset) throws {
    let names = Self.classNames(of: benchmark)
    #expect(kept.predictions.count == 2 * (benchmark == .imageNet ? 2 : names.count), "\(benchmark)")
    for prediction in kept.predictions {
      let right = Self.classes.first { $0.folders.contains(Self.folder(of: prediction.file)) }?.name
      #expect(prediction.label == right && names.contains(prediction.prediction ?? ""), "\(benchmark): \(prediction)")
    }
    let share = 100 * Double(kept.predictions.count { $0.isRight }) / Double(kept.predictions.count)
    #expect(abs(share - kept.evaluation.accuracy) < 1e-9)
  }

  /// Checks that `predict` and `evaluate`, which know nothing of comparisons, give the same answers.
  private func expectEqualByHand(_ benchmark: PublishedDataset, _ printed: PrintedComparison, in place: Workplace)
    throws
  {
    struct Predicted: Decodable {
      struct Class: Decodable {
        let `class`: String
        let probability: Float
      }
      let file: String
      let top: [Class]
    }
    struct Evaluated: Decodable { let accuracy: Double }
    let plain = try evaluation(of: "out/units/\(benchmark.rawValue)/zero-shot-seed1", on: benchmark, in: place)
    let names = Self.classNames(of: benchmark).joined(separator: ",")
    let photos = plain.predictions.map { plain.imageFolder.appending(path: $0.file).path }
    let predicted: [Predicted] = try place.cocoop(
      ["predict", "--model", "tiny-clip", "--classes", names, "--json", "--quiet"] + photos
    ).json()
    #expect(predicted.map(\.top[0].class) == plain.predictions.map(\.prediction))
    for (one, kept) in zip(predicted, plain.predictions) {
      #expect(abs(one.top[0].probability - kept.probability) < 1e-5)
    }
    let run = "out/units/ImageNet/cocoop-seed2"
    let before = try evaluation(of: run, on: benchmark, in: place)
    let evaluated: Evaluated = try place.cocoop(
      [
        "evaluate", "--run", run, "--data", benchmark.spelling, "--root", "root", "--classes", "all", "--json",
        "--quiet",
      ]
    ).json()
    let after = try evaluation(of: run, on: benchmark, in: place)
    #expect(evaluated.accuracy == before.evaluation.accuracy)
    #expect(after.predictions.map(\.prediction) == before.predictions.map(\.prediction))
    #expect(after.predictions.map(\.label) == before.predictions.map(\.label))
  }

  @Test("a target that is missing and one that is broken are told, the others go on, and later only these are done")
  func broken() throws {
    try withDomains { place in
      let aside = place.file("aside")
      let sketch = place.file("root/\(PublishedDataset.imageNetSketch.folder)")
      try FileManager.default.moveItem(at: sketch, to: aside)
      let image = try #require(
        place.contents.first { $0.hasPrefix("root/\(PublishedDataset.imageNetA.folder)") && $0.hasSuffix(".jpg") })
      let drawing = try place.bytes(image)
      try place.write("", to: image)

      let outcome = try place.cocoop(Self.command())
      #expect(outcome.status == 1)
      let told = outcome.errors.split(separator: "\n").filter { $0.contains(" failed: ") }
      #expect(told.count == 2, "\(outcome.errors)")
      #expect(told.contains { $0.hasPrefix("ImageNet-Sketch failed: ") })
      #expect(told.contains { $0.hasPrefix("ImageNet-A failed: FOLDER/\(image)") }, "\(told)")
      let rows = outcome.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(rows.prefix(7).map { $0[0] } == ["dataset"] + Self.domains.map(\.rawValue) + ["Average"])
      for row in rows[1...5] {
        let hasFailed = row[0] == "ImageNet-Sketch" || row[0] == "ImageNet-A"
        #expect(row.count { $0 == "failed" } == (hasFailed ? 3 : 0), "\(row)")
      }
      #expect(told.allSatisfy(outcome.output.contains), "the table names what is missing, too")

      try FileManager.default.moveItem(at: aside, to: sketch)
      try place.write(drawing, to: image)
      let mended: PrintedComparison = try place.cocoop(Self.command("--json", "--quiet")).json()
      #expect(mended.failures.isEmpty && mended.methods.count == 3 * Self.domains.count)
      for unit in ["coop-seed1", "coop-seed2", "cocoop-seed1", "cocoop-seed2"] {
        let log = try String(contentsOf: place.file("out/units/ImageNet/\(unit)/log.txt"), encoding: .utf8)
        #expect(log.ranges(of: "learned in ").count == 1, "\(unit) was trained once")
      }
    }
  }
}
