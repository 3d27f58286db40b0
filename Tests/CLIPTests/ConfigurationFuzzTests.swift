import CLIP
import Foundation
import Support
import Testing
import TestSupport
import Torch

@Suite("Mutated configurations are read or refused, and never crash or hang")
struct ConfigurationFuzzTests {
  static let pieces = [
    "\"", ",", "[", "]", "{", "}", "-", "1e400", "null", "true", "1", "0", "999999999", "99999999999999999999", "0.5",
    ":",
    "\"mlp_ratio\": 1e9,", "\"mlp_ratio\": 0.5,", "\"ls_init_value\": 1,", "\"no_ln_pre\": true,",
    "\"pool_type\": \"avg\",", "\"layers\": [1, 1, 1, 1],", "\"norm_kwargs\": {\"eps\": 1e-9},",
    "\"proj_type\": \"none\",",
    "\"timm_model_name\": \"tf_efficientnet_lite4\",", "\"timm_proj\": null,", "\"size\": 32,",
    "\"image_size\": [32, 32],",
    "\"eos_id\": 49407,", "\"width\": 7,", "\"layers\": 1000000000,", "\"heads\": 1,", "\"image_size\": 1000000000,",
    "\\ud800", "\0", "é",
  ]
  static let vision = VisionTransformer.Configuration(imageSize: 32, patchSize: 16, width: 8, layers: 2, heads: 2)
  static let text = CLIPConfiguration.TextTower(tokenLimit: 9, vocabularySize: 49408, width: 8, heads: 2, layers: 2)
  static let configuration = ConfigurationTests.text(
    vision: #""image_size": 32, "patch_size": 16, "width": 8, "head_width": 4, "layers": 2"#,
    text: #""context_length": 9, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 2"#)

  @Test("each with weights of the model that the original states")
  func mutations() throws {
    let tensors = try FormulaWeights.tensors(Self.vision, Self.text, embeddingWidth: 8)
    var mutate = Mutation(seed: 1, pieces: Self.pieces)
    var built = 0
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "open_clip_config.json")
      let report = try Fuzzing("open_clip_config.json", usually: 3000, allowance: 1 << 20) { _ in
        let damaged = mutate(Array(Self.configuration.utf8))
        try Data(damaged).write(to: file)
        return damaged
      } read: { _ in
        try CLIPConfiguration(openCLIP: file)
      } check: { configuration in
        do {
          _ = try CLIPModel(
            name: "mutated", configuration: configuration, weights: CheckpointSource(tensors, name: "weights"))
          built += 1
        } catch let error as any UserFacingError {
          #expect(!error.explanation.contains("\n"))
        }
      }
      #expect(report.problems.isEmpty)
      // The mutations are neither all harmless nor all fatal.
      #expect(report.read > 50 && report.refused > 50 && built > 50)
    }
  }

  @Test("sizes that no memory holds are refused before anything is allocated")
  func absurdSizes() throws {
    let tensors = try FormulaWeights.tensors(Self.vision, Self.text, embeddingWidth: 8)
    for (key, value) in [
      ("layers", "1000000000"), ("width", "999999996"), ("image_size", "999999984"),
      ("layers", "[1000000000, 1000000000, 1000000000, 1000000000]"), ("patch_size", "1, \"mlp_ratio\": 1000"),
      ("head_width", "4, \"timm_model_name\": \"tf_efficientnet_lite4\""),
    ] {
      try withTemporaryFolder { folder in
        let file = folder.appending(path: "open_clip_config.json")
        let changed = Self.configuration.replacing(try Regex("\"\(key)\": [0-9]+"), with: "\"\(key)\": \(value)")
        try Data(changed.utf8).write(to: file)
        #expect(throws: CLIPError.self, "\(key)") {
          let configuration = try CLIPConfiguration(openCLIP: file)
          _ = try CLIPModel(
            name: "absurd", configuration: configuration, weights: CheckpointSource(tensors, name: "weights"))
        }
      }
    }
  }
}
