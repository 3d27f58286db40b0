import Embedded
import Foundation
import TestSupport
import Testing
import Torch

@Suite("A model whose numbers exceed a precision is told in one line, and no answer is made of them")
struct OverflowTests {
  private static let precisions = [Precision.float32, .float16].filter(\.isAvailable)

  /// Writes tiny-clip with large weights in one block: finite numbers, and what the block computes is not in `precision`.
  private func prepare(_ place: Workplace, for precision: Precision) throws {
    try FileManager.default.copyItem(at: Embedded.tinyCLIP, to: place.file("model"))
    try SafetensorsFile.rewrite(place.file("model/open_clip_model.safetensors")) { tensors, _ in
      for layer in ["c_fc", "c_proj"] {
        let name = "transformer.resblocks.0.mlp.\(layer).weight"
        let weight = try #require(tensors[name])
        tensors[name] = try weight.converted(to: .float32) * (precision == .float32 ? 1e20 : 1e7)
      }
    }
  }

  private func problem(_ answers: String, in precision: Precision) -> String {
    let remedy = precision == .float32 ? "Use another model or run" : "Give --precision bfloat16 or float32"
    return "\(answers) are not numbers in \(precision.rawValue). \(remedy)."
  }

  @Test("predict prints no number that is none, whichever the format", arguments: precisions)
  func predict(precision: Precision) throws {
    try withWorkplace { place in
      try prepare(place, for: precision)
      try place.write(Data(contentsOf: URL(filePath: Short.photo)), to: "a.jpg")
      let call = ["predict", "--model", "model", "--classes", "bird,cat", "--no-cache", "--precision"]
      let expected = problem("The probabilities of a.jpg", in: precision)
      for format in ["json", "jsonl", "csv", "table"] {
        let outcome = try place.cocoop(call + [precision.rawValue, "--format", format, "a.jpg"])
        #expect(outcome.status == 1 && outcome.output.isEmpty)
        #expect(outcome.errors == "Error: \(expected)\n")
      }
      let open = try place.cocoop(
        call + [precision.rawValue, "--stream"], input: Data("{\"images\": [\"a.jpg\"], \"id\": 7}\n".utf8))
      struct Answer: Decodable {
        let id: Int
        let error: String
      }
      let answer: Answer = try open.json()
      #expect(open.status == 0 && answer.id == 7 && answer.error == expected)
      guard precision != .float32 else { return }
      #expect(try place.cocoop(call + ["float32", "a.jpg"]).status == 0)
    }
  }

  @Test("evaluate has no figures, and serve says why it is not ready", arguments: precisions)
  func run(precision: Precision) throws {
    try withWorkplace { place in
      try prepare(place, for: precision)
      try SmallTraining.prepare(place)
      let training = "train data/split_small.json --method zero-shot --model model --output run --no-test --quiet"
      #expect(try place.cocoop(training).status == 0)
      let measured = try place.cocoop("evaluate --run run --no-cache --quiet --precision \(precision.rawValue)")
      #expect(measured.status == 1 && measured.output.isEmpty && !place.exists("run/evaluations"))
      #expect(measured.errors == "Error: \(problem("The scores of 4 of 4 images", in: precision))\n")

      let log = try place.write("", to: "log")
      let port = try Connection.freePort()
      let server = try place.start(
        ["serve", "--run", "run", "--port", "\(port)", "--threads", "1", "--precision", precision.rawValue],
        errors: FileHandle(forWritingTo: log))
      func told() throws -> String { try String(contentsOf: log, encoding: .utf8) }
      let end = ContinuousClock.now + .seconds(60)
      while server.process.isRunning, ContinuousClock.now < end, try !told().contains("cannot answer") {
        usleep(10_000)
      }
      kill(server.process.processIdentifier, SIGKILL)
      _ = try server.outcome()
      let expected = "The model cannot answer: \(problem("The probabilities of an image", in: precision))\n"
      let text = try told()
      #expect(text.contains(expected), "\(text)")
    }
  }
}
