import CLIP
import Explanations
import Foundation
import TestSupport
import Testing
import Torch

@Suite("Mutated configurations are read or refused, and never crash or hang")
struct ConfigurationFuzzTests {
  static let rounds = 3000
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

  @Test("3,000 mutations, each with weights of the model that the original states")
  func mutations() throws {
    let tensors = try FormulaWeights.tensors(Self.vision, Self.text, embeddingWidth: 8)
    var mutate = Mutation(seed: 1, pieces: Self.pieces)
    var outcomes: [String: Int] = [:]
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "open_clip_config.json")
      for _ in 0..<Self.rounds {
        try Data(mutate(Array(Self.configuration.utf8))).write(to: file)
        do {
          let configuration = try CLIPConfiguration(openCLIP: file)
          outcomes["read", default: 0] += 1
          _ = try CLIPModel(name: "mutated", configuration: configuration, weights: Weights(tensors, name: "weights"))
          outcomes["built", default: 0] += 1
        } catch let error as any Explained {
          #expect(!error.explanation.contains("\n"))
          outcomes["refused", default: 0] += 1
        }
      }
    }
    // The mutations are neither all harmless nor all fatal.
    for outcome in ["read", "built", "refused"] { #expect(outcomes[outcome, default: 0] > 50, "\(outcome)") }
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
          _ = try CLIPModel(name: "absurd", configuration: configuration, weights: Weights(tensors, name: "weights"))
        }
      }
    }
  }
}
