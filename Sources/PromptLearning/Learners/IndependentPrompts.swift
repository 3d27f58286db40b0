import CLIP
import Datasets
import Support
import Torch

/// Deep prompts in both towers that learn independently of each other: IVLP, the carrier of PromptSRC (Khattak et al.,
/// *MaPLe*, CVPR 2023, §4; *PromptSRC*, ICCV 2023, §3.1).
public struct IndependentPrompts: TrainablePromptLearner {
  public static let parameterNames = specs.map(\.name)
  /// In the order of ``parameterNames``.
  public let parameters: [Tensor]
  private let texts: DeepTexts
  private let textPrompts: DeepPrompts
  private let image: PromptedVisionTransformer

  /// - Parameters:
  ///   - parameters: contexts `[M, D]`, text prompts `[J − 1, M, D]`, image prompts of block 0 `[Mv, Dv]` and of the
  ///     blocks after it `[Jv − 1, Mv, Dv]`.
  ///   - sentence: what follows the contexts.
  /// - Throws: ``LearningError``, `CLIPError` where the image tower is no ViT or a tower has fewer blocks.
  public init(
    for classNames: [String], parameters: [Tensor], sentence: PromptTemplate = .name, clip: CLIPModel
  ) throws {
    try self.init(
      DeepTexts(for: classNames, contextCount: parameters[0].shape[0], sentence: sentence, clip: clip),
      clip.visionTransformer, parameters.on(clip.device))
    _ = try textPrompts.checked(for: "text", blocks: clip.textEncoder.layerCount)
    _ = try image.prompts.checked(for: "image", blocks: image.tower.layerCount)
  }

  private init(_ texts: DeepTexts, _ tower: VisionTransformer, _ parameters: [Tensor]) throws {
    self.texts = texts
    self.parameters = parameters
    textPrompts = try DeepPrompts(first: parameters[0], deeper: parameters[1])
    image = PromptedVisionTransformer(tower, try DeepPrompts(first: parameters[2], deeper: parameters[3]))
  }

  /// - Parameters:
  ///   - initialContext: what the contexts begin as; all other prompts are drawn from N(0, 0.02²).
  ///   - depths: how many blocks of each tower have prompts of their own.
  ///   - imageTokens: Mv.
  ///   - seed: of the random initial values.
  public init(
    for classNames: [String], initialContext: InitialContext = .leading(words: "a photo of a", count: 2),
    depths: (text: Int, image: Int), imageTokens: Int = 2, clip: CLIPModel, seed: UInt64 = 1
  ) throws {
    let sentence = try initialContext.sentence(by: clip.tokenizer)
    let tower = try clip.visionTransformer
    var generator = SeededGenerator(seed: seed)
    let context = try initialContext.vectors(for: clip, using: &generator)
    let deeper = try DeepPrompts.random(
      depth: depths.text, length: context.shape[0], width: clip.textEncoder.width, using: &generator)
    let first = try Tensor.normal([imageTokens, tower.width], deviation: DeepPrompts.deviation, using: &generator)
    let deeperImage = try DeepPrompts.random(
      depth: depths.image, length: imageTokens, width: tower.width, using: &generator)
    try self.init(
      for: classNames, parameters: [context, deeper, first, deeperImage], sentence: sentence, clip: clip)
  }

  public var classNames: [String] { texts.classNames }
  /// What follows the contexts.
  var sentence: PromptTemplate { texts.sentence }
  public var imagePrompts: PromptedVisionTransformer? { image }
  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int { texts.microbatchBytes(isTraining: isTraining) }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> IndependentPrompts {
    try IndependentPrompts(for: classNames, parameters: parameters, sentence: sentence, clip: clip)
  }

  public func restricted(to classes: Range<Int>) throws -> IndependentPrompts {
    try IndependentPrompts(texts.restricted(to: classes), image.tower, parameters)
  }

  public func replacing(_ parameters: [Tensor]) throws -> IndependentPrompts {
    try IndependentPrompts(texts, image.tower, parameters)
  }

  /// Text features of the current prompts, whatever the image.
  public func classFeatures(for imageFeatures: Tensor) throws -> Tensor { try texts.features(textPrompts) }

  static let specs = [ContextPrompts.leadingContextSpec, textSpec] + ImagePrompts.specs
  /// Of the text tower's blocks after the first.
  static let textSpec = ParameterSpec("text_prompts", [.blocks(usual: 8), .any(usual: 2), .textWidth])
}

extension ContextPrompts {
  /// Contexts that stand in front of all classes.
  static let leadingContextSpec = ParameterSpec("ctx", [.any(usual: 2), .textWidth])
}
