import CLIP
import Datasets
import Support
import Torch

/// VPT: deep prompts in the image tower alone, beside zero-shot CLIP's class features (Jia et al., ECCV 2022; as an
/// ablation of MaPLe, Khattak et al., CVPR 2023, §4).
public struct ImagePrompts: TrainablePromptLearner {
  public static let parameterNames = specs.map(\.name)
  /// In the order of ``parameterNames``.
  public let parameters: [Tensor]
  private let texts: ZeroShotPrompts
  private let image: PromptedVisionTransformer

  /// - Parameters:
  ///   - parameters: prompts of block 0 `[M, Dv]`, and of the blocks after it `[J − 1, M, Dv]`.
  ///   - template: the sentence of a class.
  /// - Throws: ``LearningError``, `CLIPError` where the image tower is no ViT or has fewer blocks.
  public init(
    for classNames: [String], parameters: [Tensor], template: PromptTemplate = .photo, clip: CLIPModel
  ) throws {
    try self.init(
      ZeroShotPrompts(for: classNames, templates: [template], clip: clip), clip.visionTransformer,
      parameters.on(clip.device))
    _ = try image.prompts.checked(for: "image", blocks: image.tower.layerCount)
  }

  private init(_ texts: ZeroShotPrompts, _ tower: VisionTransformer, _ parameters: [Tensor]) throws {
    self.texts = texts
    self.parameters = parameters
    image = PromptedVisionTransformer(tower, try DeepPrompts(first: parameters[0], deeper: parameters[1]))
  }

  /// - Parameters:
  ///   - depth: how many blocks have prompts of their own.
  ///   - tokens: M.
  ///   - seed: of the initial values, from N(0, 0.02²).
  public init(for classNames: [String], depth: Int, tokens: Int = 8, clip: CLIPModel, seed: UInt64 = 1) throws {
    let tower = try clip.visionTransformer
    var generator = SeededGenerator(seed: seed)
    let first = try Tensor.normal([tokens, tower.width], deviation: DeepPrompts.deviation, using: &generator)
    let deeper = try DeepPrompts.random(depth: depth, length: tokens, width: tower.width, using: &generator)
    try self.init(for: classNames, parameters: [first, deeper], clip: clip)
  }

  public var classNames: [String] { texts.classNames }
  public var imagePrompts: PromptedVisionTransformer? { image }
  public var learnsClassFeatures: Bool { false }
  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int { 0 }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> ImagePrompts {
    try ImagePrompts(texts.withClasses(classNames, on: clip), image.tower, parameters)
  }

  public func restricted(to classes: Range<Int>) throws -> ImagePrompts {
    try ImagePrompts(texts.restricted(to: classes), image.tower, parameters)
  }

  public func replacing(_ parameters: [Tensor]) throws -> ImagePrompts {
    try ImagePrompts(texts, image.tower, parameters)
  }

  /// Zero-shot CLIP's class features.
  public func classFeatures(for imageFeatures: Tensor) -> Tensor { texts.features }

  static let specs = [
    ParameterSpec("VPT", [.any(usual: 2), .imageWidth]),
    ParameterSpec("image_prompts", [.blocks(usual: 8), .any(usual: 2), .imageWidth]),
  ]
}
