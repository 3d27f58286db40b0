import CLIP
import Datasets
import Support
import Torch

/// MaPLe: deep prompts in the text tower, and those of the image tower as linear functions of them (Khattak et al.,
/// *MaPLe: Multi-modal Prompt Learning*, CVPR 2023, §3.2).
public struct CoupledPrompts: TrainablePromptLearner {
  public static let parameterNames = specs.map(\.name)
  /// In the order of ``parameterNames``.
  public let parameters: [Tensor]
  private let texts: DeepTexts
  private let textPrompts: DeepPrompts
  private let image: PromptedVisionTransformer

  /// - Parameters:
  ///   - parameters: contexts v `[M, D]`, text prompts t `[J − 1, M, D]`, the coupling of v: A `[Dv, D]` and a `[Dv]`,
  ///     and that of each t: `[J − 1, Dv, D]` and `[J − 1, Dv]`.
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
    let first = try Linear(weight: parameters[2], bias: parameters[3])(parameters[0])  // [M, Dv]
    let deeper = try parameters[1].matmul(parameters[4].permuted([0, 2, 1])) + parameters[5].unsqueezed(at: 1)
    image = PromptedVisionTransformer(tower, try DeepPrompts(first: first, deeper: deeper))  // deeper: [J − 1, M, Dv]
  }

  /// - Parameters:
  ///   - initialContext: what the contexts begin as; text prompts are drawn from N(0, 0.02²), and couplings as PyTorch
  ///     draws linear layers, one for all inner blocks.
  ///   - depth: J, how many blocks of both towers have prompts of their own.
  ///   - seed: of the random initial values.
  public init(
    for classNames: [String], initialContext: InitialContext = .leading(words: "a photo of a", count: 2), depth: Int,
    clip: CLIPModel, seed: UInt64 = 1
  ) throws {
    let sentence = try initialContext.sentence(by: clip.tokenizer)
    let (width, tower) = (clip.textEncoder.width, try clip.visionTransformer)
    var generator = SeededGenerator(seed: seed)
    let context = try initialContext.vectors(for: clip, using: &generator)
    let deeper = try DeepPrompts.random(depth: depth, length: context.shape[0], width: width, using: &generator)
    let bound = 1 / Float(width).squareRoot()
    func coupling() throws -> [Tensor] {
      [
        try .uniform([tower.width, width], bound: bound, using: &generator),
        try .uniform([tower.width], bound: bound, using: &generator),
      ]
    }
    let first = try coupling()
    // The inner blocks' couplings begin as copies of one.
    let inner = try coupling().map { try $0.unsqueezed(at: 0).expanded(to: [max(0, depth - 1)] + $0.shape) * 1 }
    try self.init(
      for: classNames, parameters: [context, deeper] + first + inner, sentence: sentence, clip: clip)
  }

  public var classNames: [String] { texts.classNames }
  /// What follows the contexts.
  var sentence: PromptTemplate { texts.sentence }
  public var imagePrompts: PromptedVisionTransformer? { image }
  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int { texts.microbatchBytes(isTraining: isTraining) }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> CoupledPrompts {
    try CoupledPrompts(for: classNames, parameters: parameters, sentence: sentence, clip: clip)
  }

  public func restricted(to classes: Range<Int>) throws -> CoupledPrompts {
    try CoupledPrompts(texts.restricted(to: classes), image.tower, parameters)
  }

  public func replacing(_ parameters: [Tensor]) throws -> CoupledPrompts {
    try CoupledPrompts(texts, image.tower, parameters)
  }

  /// Text features of the current prompts, whatever the image.
  public func classFeatures(for imageFeatures: Tensor) throws -> Tensor { try texts.features(textPrompts) }

  static let specs = [
    ContextPrompts.leadingContextSpec,
    ParameterSpec("compound_prompts_text", [.blocks(usual: 8), .any(usual: 2), .textWidth]),
    ParameterSpec("proj.weight", [.imageWidth, .textWidth]), ParameterSpec("proj.bias", [.imageWidth]),
    ParameterSpec("compound_prompt_projections.weight", [.blocks(usual: 8), .imageWidth, .textWidth]),
    ParameterSpec("compound_prompt_projections.bias", [.blocks(usual: 8), .imageWidth]),
  ]
}
