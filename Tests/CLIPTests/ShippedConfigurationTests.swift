import CLIP
import Foundation
import Testing
import TestSupport
import Torch

/// One of the configurations that open_clip ships, as Scripts/oracle/record_open_clip_configs.py recorded it.
struct ShippedConfiguration: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  /// The keys that this package refuses.
  let refused: [String]
  /// The sizes of the model that open_clip builds.
  let sizes: Sizes?

  struct Sizes: Decodable, Sendable {
    let embeddingWidth: Int
    let image: Tower
    let text: Tower
  }

  struct Tower: Decodable, Sendable {
    let width, heads: Int
    let layers, mlpWidth, size, patchSize, tokenLimit, vocabularySize: Int?
    let hasLayerScale, hasInputNorm, normalizesAfterPooling: Bool?
    let normEpsilon: Double?
    let activation, pooling: String?
    let blocks: [Int]?
  }

  var testDescription: String { name }
}

@Suite("Every configuration that open_clip ships is read as open_clip reads it, or refused by name")
struct ShippedConfigurationTests {
  struct Recipe: Decodable, Sendable { let models: [ShippedConfiguration] }

  static let file = Bundle.module.bundleURL.appending(path: "Fixtures/open-clip-configs.json")
  static let recorded = Result { try JSONDecoder().decode(Recipe.self, from: Data(contentsOf: file)).models }

  @Test("all 144")
  func all() throws {
    let models = try Self.recorded.get()
    let root = try JSONSerialization.jsonObject(with: Data(contentsOf: Self.file)) as? [String: Any]
    let configs = try #require(root?["models"] as? [[String: Any]]).map { $0["config"] }
    #expect(models.count == 144 && configs.count == 144)
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "open_clip_config.json")
      for (model, config) in zip(models, configs) {
        try JSONSerialization.data(withJSONObject: ["model_cfg": config]).write(to: file)
        var read: CLIPConfiguration?
        let message = message(in: folder) { read = try CLIPConfiguration(openCLIP: file) }
        if let sizes = model.sizes {
          #expect(try read == Self.expected(sizes), "\(model.name): \(message)")
        } else {
          #expect(read == nil, "\(model.name) should be refused for \(model.refused)")
          #expect(model.refused.contains { message.contains("model_cfg.\($0)") }, "\(model.name): \(message)")
        }
      }
    }
  }

  /// The configuration of the model that open_clip built, in this package's terms.
  private static func expected(_ sizes: ShippedConfiguration.Sizes) throws -> CLIPConfiguration {
    let (image, text) = (sizes.image, sizes.text)
    let size = try #require(image.size)
    let tower: CLIPConfiguration.ImageTower
    if let blocks = image.blocks {
      tower = .modifiedResNet(.init(imageSize: size, width: image.width, blocks: blocks, heads: image.heads))
    } else {
      tower = .visionTransformer(
        .init(
          imageSize: size, patchSize: try #require(image.patchSize), width: image.width,
          layers: try #require(image.layers), heads: image.heads, mlpWidth: image.mlpWidth,
          hasLayerScale: image.hasLayerScale ?? false, normEpsilon: try #require(image.normEpsilon),
          hasInputNorm: image.hasInputNorm ?? false,
          pooling: image.pooling == "avg" ? .averageOfPatches : .classToken,
          normalizesAfterPooling: image.normalizesAfterPooling ?? false))
      #expect(image.activation == text.activation)
    }
    return CLIPConfiguration(
      embeddingWidth: sizes.embeddingWidth, image: tower,
      text: .init(
        tokenLimit: try #require(text.tokenLimit), vocabularySize: try #require(text.vocabularySize),
        width: text.width, heads: text.heads, layers: try #require(text.layers), mlpWidth: text.mlpWidth,
        hasLayerScale: text.hasLayerScale ?? false, normEpsilon: try #require(text.normEpsilon)),
      activation: text.activation == "QuickGELU" ? .quickGELU : .gelu, preprocessing: .openAI(size: size),
      assumptions: [
        "no preprocess_cfg: OpenAI's mean and deviation, bicubic, shortest edge, as open_clip takes them"
      ])
  }
}
