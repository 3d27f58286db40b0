import Images
import Torch

/// The nine models that OpenAI published, by the names of `clip.available_models()`.
///
/// Source: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021, tables 19 and 20.
public enum OpenAIModel: String, Sendable, CaseIterable {
  case rn50 = "RN50"
  case rn101 = "RN101"
  case rn50x4 = "RN50x4"
  case rn50x16 = "RN50x16"
  case rn50x64 = "RN50x64"
  case viTB32 = "ViT-B/32"
  case viTB16 = "ViT-B/16"
  case viTL14 = "ViT-L/14"
  case viTL14At336 = "ViT-L/14@336px"

  fileprivate var embeddingWidth: Int {
    switch self {
    case .rn50, .rn50x64: 1024
    case .rn50x4: 640
    case .rn50x16, .viTL14, .viTL14At336: 768
    case .rn101, .viTB32, .viTB16: 512
    }
  }

  /// D; its heads are 64 wide.
  fileprivate var textWidth: Int {
    switch self {
    case .rn50x4: 640
    case .rn50x16, .viTL14, .viTL14At336: 768
    case .rn50x64: 1024
    case .rn50, .rn101, .viTB32, .viTB16: 512
    }
  }

  fileprivate var imageTower: CLIPConfiguration.ImageTower {
    switch self {
    case .rn50: .modifiedResNet(.init(imageSize: 224, width: 64, blocks: [3, 4, 6, 3]))
    case .rn101: .modifiedResNet(.init(imageSize: 224, width: 64, blocks: [3, 4, 23, 3]))
    case .rn50x4: .modifiedResNet(.init(imageSize: 288, width: 80, blocks: [4, 6, 10, 6]))
    case .rn50x16: .modifiedResNet(.init(imageSize: 384, width: 96, blocks: [6, 8, 18, 8]))
    case .rn50x64: .modifiedResNet(.init(imageSize: 448, width: 128, blocks: [3, 15, 36, 10]))
    case .viTB32: .visionTransformer(.init(imageSize: 224, patchSize: 32, width: 768, layers: 12, heads: 12))
    case .viTB16: .visionTransformer(.init(imageSize: 224, patchSize: 16, width: 768, layers: 12, heads: 12))
    case .viTL14: .visionTransformer(.init(imageSize: 224, patchSize: 14, width: 1024, layers: 24, heads: 16))
    case .viTL14At336: .visionTransformer(.init(imageSize: 336, patchSize: 14, width: 1024, layers: 24, heads: 16))
    }
  }
}

extension CLIPConfiguration {
  /// The architecture and the pixels of a model that OpenAI published.
  public static func openAI(_ model: OpenAIModel) -> CLIPConfiguration {
    CLIPConfiguration(
      embeddingWidth: model.embeddingWidth, image: model.imageTower,
      text: TextTower(width: model.textWidth, heads: model.textWidth / 64), activation: .quickGELU,
      preprocessing: .openAI(size: model.imageTower.imageSize ?? 224))
  }
}

extension CLIPConfiguration.ImageTower {
  /// The edge of the square input that the tower is made for, in pixels; `nil` where any will do.
  var imageSize: Int? {
    switch self {
    case .visionTransformer(let tower): tower.imageSize
    case .modifiedResNet(let tower): tower.imageSize
    case .efficientNetLite: nil
    }
  }
}

extension Preprocessing {
  /// What OpenAI's models were trained on: the smaller edge resized by cubic convolution, and their data's statistics.
  public static func openAI(size: Int) -> Preprocessing {
    Preprocessing(
      size: size, mean: [0.48145466, 0.4578275, 0.40821073], standardDeviation: [0.26862954, 0.26130258, 0.27577711])
  }
}
