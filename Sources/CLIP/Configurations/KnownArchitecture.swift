/// The names of architectures that many checkpoints share, to call a checkpoint by.
///
/// OpenAI's nine are ``OpenAIModel``; these are open_clip's own, by the sizes in its `model_configs`.
struct KnownArchitecture {
  private let name: String
  private let embeddingWidth: Int
  private let vision: VisionTransformer.Configuration
  private let text: CLIPConfiguration.TextTower

  private init(
    _ name: String, embedding: Int, image: Int = 224, patch: Int, width: Int, layers: Int, headWidth: Int = 64,
    perceptron: Int? = nil, text: (width: Int, layers: Int)
  ) {
    self.name = name
    embeddingWidth = embedding
    vision = .init(
      imageSize: image, patchSize: patch, width: width, layers: layers, heads: width / headWidth,
      perceptronWidth: perceptron)
    self.text = .init(width: text.width, heads: text.width / 64, layers: text.layers)
  }

  private static let openCLIP = [
    KnownArchitecture("ViT-S/32", embedding: 384, patch: 32, width: 384, layers: 12, text: (384, 12)),
    KnownArchitecture("ViT-S/16", embedding: 384, patch: 16, width: 384, layers: 12, text: (384, 12)),
    KnownArchitecture("ViT-M/32", embedding: 512, patch: 32, width: 512, layers: 12, text: (512, 12)),
    KnownArchitecture("ViT-M/16", embedding: 512, patch: 16, width: 512, layers: 12, text: (512, 12)),
    KnownArchitecture("ViT-B/32-256", embedding: 512, image: 256, patch: 32, width: 768, layers: 12, text: (512, 12)),
    KnownArchitecture("ViT-B/32+", embedding: 640, image: 256, patch: 32, width: 896, layers: 12, text: (640, 12)),
    KnownArchitecture("ViT-B/16+", embedding: 640, patch: 16, width: 896, layers: 12, text: (640, 12)),
    KnownArchitecture("ViT-B/16+ 240", embedding: 640, image: 240, patch: 16, width: 896, layers: 12, text: (640, 12)),
    KnownArchitecture("ViT-L/16", embedding: 768, patch: 16, width: 1024, layers: 24, text: (768, 12)),
    KnownArchitecture(
      "ViT-L/14@280px", embedding: 768, image: 280, patch: 14, width: 1024, layers: 24, text: (768, 12)),
    KnownArchitecture("ViT-H/16", embedding: 1024, patch: 16, width: 1280, layers: 32, headWidth: 80, text: (1024, 24)),
    KnownArchitecture("ViT-H/14", embedding: 1024, patch: 14, width: 1280, layers: 32, headWidth: 80, text: (1024, 24)),
    KnownArchitecture(
      "ViT-H/14@378px", embedding: 1024, image: 378, patch: 14, width: 1280, layers: 32, headWidth: 80,
      text: (1024, 24)),
    KnownArchitecture(
      "ViT-g/14", embedding: 1024, patch: 14, width: 1408, layers: 40, headWidth: 88, perceptron: 6144,
      text: (1024, 24)),
    KnownArchitecture(
      "ViT-bigG/14", embedding: 1280, patch: 14, width: 1664, layers: 48, headWidth: 104, perceptron: 8192,
      text: (1280, 32)),
  ]

  fileprivate static func name(of configuration: CLIPConfiguration) -> String? {
    let openAI = OpenAIModel.allCases.first { model in
      let known = CLIPConfiguration.openAI(model)
      return known.embeddingWidth == configuration.embeddingWidth && known.image == configuration.image
        && known.text == configuration.text
    }
    guard openAI == nil else { return openAI?.rawValue }
    return openCLIP.first {
      $0.embeddingWidth == configuration.embeddingWidth && .visionTransformer($0.vision) == configuration.image
        && $0.text == configuration.text
    }?.name
  }
}

extension CLIPConfiguration {
  /// What the architecture is called, such as "ViT-B/16"; its sizes, where it has no name.
  public var architecture: String {
    KnownArchitecture.name(of: self)
      ?? "\(image.description), beside a text tower of width \(text.width) and \(text.layers) layers"
  }
}
