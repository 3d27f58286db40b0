import Foundation
import Torch

/// The architecture of a checkpoint and the pixels it expects, as open_clip's `open_clip_config.json` states them.
///
/// Nothing is assumed: what changes the result must be in the file, and a key that is not understood is an error.
public struct CLIPConfiguration: Sendable, Equatable {
  /// E: the width of the space that images and texts share.
  public var embeddingWidth: Int
  public var image: ImageTower
  public var text: TextTower
  /// The activation of both transformers.
  public var activation: Activation
  public var preprocessing: Preprocessing

  public enum ImageTower: Sendable, Equatable {
    case visionTransformer(VisionTransformer.Configuration)
    /// timm's `tf_efficientnet_lite0`, average pooling, and a linear head.
    case efficientNetLite0
  }

  public struct TextTower: Sendable, Equatable {
    /// L: the most tokens that a prompt may have, start and end included.
    public var tokenLimit = 77
    public var vocabularySize = 49408
    /// D.
    public var width = 512
    public var heads = 8
    public var layers = 12

    public init(tokenLimit: Int = 77, vocabularySize: Int = 49408, width: Int = 512, heads: Int = 8, layers: Int = 12) {
      self.tokenLimit = tokenLimit
      self.vocabularySize = vocabularySize
      self.width = width
      self.heads = heads
      self.layers = layers
    }
  }

  public init(
    embeddingWidth: Int, image: ImageTower, text: TextTower, activation: Activation, preprocessing: Preprocessing
  ) {
    self.embeddingWidth = embeddingWidth
    self.image = image
    self.text = text
    self.activation = activation
    self.preprocessing = preprocessing
  }

  /// Reads `open_clip_config.json`.
  ///
  /// - Throws: ``CLIPError/configuration(file:key:expected:found:)`` and ``CLIPError/unsupported(file:option:)``.
  public init(openCLIP url: URL) throws {
    var file = try ConfigurationFile(contentsOf: url)
    var model = try file.section("model_cfg")
    embeddingWidth = try model.positiveInteger("embed_dim")
    activation = try model.flag("quick_gelu", default: false) ? .quickGELU : .gelu
    text = try TextTower(&model)
    let imageSize: Int
    (image, imageSize) = try ImageTower.read(&model)
    preprocessing = try Preprocessing(&file, size: imageSize)
    try model.finish()
    try file.finish()
  }
}

extension CLIPConfiguration.TextTower {
  fileprivate init(_ model: inout ConfigurationFile) throws {
    var section = try model.section("text_cfg")
    tokenLimit = try section.positiveInteger("context_length", default: 77)
    vocabularySize = try section.positiveInteger("vocab_size", default: 49408)
    width = try section.positiveInteger("width", default: 512)
    heads = try section.positiveInteger("heads", default: 8)
    layers = try section.positiveInteger("layers", default: 12)
    guard width % heads == 0 else {
      throw section.wrong("heads", expected: "a divisor of width \(width)", found: heads)
    }
    try section.finish()
  }
}

extension CLIPConfiguration.ImageTower {
  /// The tower and the edge of its square input, in pixels.
  fileprivate static func read(_ model: inout ConfigurationFile) throws -> (Self, imageSize: Int) {
    var section = try model.section("vision_cfg")
    let imageSize = try section.positiveInteger("image_size")
    let tower: Self =
      section.has("timm_model_name")
      ? try efficientNetLite(&section) : try visionTransformer(&section, imageSize: imageSize)
    try section.finish()
    return (tower, imageSize)
  }

  private static func efficientNetLite(_ section: inout ConfigurationFile) throws -> Self {
    try section.require("timm_model_name", "tf_efficientnet_lite0")
    try section.require("timm_pool", "avg")
    try section.require("timm_proj", "linear")
    _ = try section.flag("timm_model_pretrained", default: false)  // says where training began, not what is computed
    return .efficientNetLite0
  }

  private static func visionTransformer(_ section: inout ConfigurationFile, imageSize: Int) throws -> Self {
    let width = try section.positiveInteger("width", default: 768)
    let headWidth = try section.positiveInteger("head_width", default: 64)
    let patchSize = try section.positiveInteger("patch_size", default: 16)
    guard width % headWidth == 0 else {
      throw section.wrong("head_width", expected: "a divisor of width \(width)", found: headWidth)
    }
    guard imageSize % patchSize == 0 else {
      throw section.wrong("patch_size", expected: "a divisor of image_size \(imageSize)", found: patchSize)
    }
    return .visionTransformer(
      .init(
        imageSize: imageSize, patchSize: patchSize, width: width,
        layers: try section.positiveInteger("layers", default: 12),
        heads: width / headWidth))
  }
}
