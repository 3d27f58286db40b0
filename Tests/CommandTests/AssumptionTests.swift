import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@Suite("What a checkpoint leaves open is said once, wherever it is used")
struct AssumptionTests {
  private static let notice =
    "note: state leaves something open (no configuration: QuickGELU, attention heads of 64, and OpenAI's mean, deviation"
    + " and bicubic resizing, as in OpenAI's files). Where the model was trained otherwise, give a folder whose"
    + " open_clip_config.json says how; 'cocoop models convert' writes one to start from.\n"

  @Test("by train, evaluate and predict, and not with --quiet or where a configuration stands beside the weights")
  func notices() throws {
    try withWorkplace { place in
      let tensors = try FormulaWeights.tensors(
        .init(imageSize: 32, patchSize: 16, width: 64, layers: 1, heads: 1),
        .init(tokenLimit: 77, width: 64, heads: 1, layers: 1), embeddingWidth: 64)
      try SafetensorsFile.write(tensors, to: place.file("state.safetensors"))
      func notes(_ line: String) throws -> String {
        let outcome = try place.cocoop(line)
        #expect(outcome.status == 0, "\(line): \(outcome.errors)")
        return outcome.errors.split(separator: "\n").filter { $0.hasPrefix("note: ") }.map { $0 + "\n" }.joined()
      }
      let train = "train --method zero-shot --model state.safetensors --data openclipart --shots 1 --output runs"
      let predict = "predict --classes bird,cat \(Short.photo) --model"
      #expect(try notes("\(train)/a") == Self.notice)
      #expect(try notes("evaluate --run runs/a --classes new --split val") == Self.notice)
      #expect(try notes("predict --run runs/a \(Short.photo)") == Self.notice)
      #expect(try notes("\(predict) state.safetensors") == Self.notice)

      #expect(try place.cocoop("\(train)/b --quiet").errors.isEmpty)
      #expect(try place.cocoop("\(predict) state.safetensors --quiet").errors.isEmpty)
      #expect(try notes("models convert state.safetensors whole") == "")
      #expect(try notes("\(predict) whole") == "")
    }
  }
}
