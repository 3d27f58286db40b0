import CLIP
import Datasets
import Support
import Torch

/// CoPrompt's prompts: those of MaPLe, with an adapter behind each tower (Roy, Etemad: *Consistency-guided Prompt
/// Learning for Vision-Language Models*, ICLR 2024, §3.3).
public struct AdaptedPrompts: TrainablePromptLearner {
  public static let parameterNames = specs.map(\.name)
  private let prompts: CoupledPrompts
  /// Narrowing and widening of images, then of texts.
  private let adapters: [Tensor]
  private let image: PromptedVisionTransformer?

  /// The shares of what adapters make, which the authors fix.
  static let (imageShare, textShare): (Float, Float) = (0.1, 0.2)

  /// - Parameter adapters: of images `[E / 4, E]` and `[E, E / 4]`, then the same of texts.
  init(_ prompts: CoupledPrompts, adapters: [Tensor]) {
    (self.prompts, self.adapters) = (prompts, adapters)
    image = prompts.imagePrompts?.adapted(
      by: FeatureAdapter(narrowing: adapters[0], widening: adapters[1], share: Self.imageShare))
  }

  /// - Parameter parameters: those of ``CoupledPrompts``, then the adapters of images `[E / 4, E]` and `[E, E / 4]` and
  ///   those of texts.
  /// - Throws: ``LearningError``, `CLIPError` where the image tower is no ViT or a tower has fewer blocks.
  public init(
    for classNames: [String], parameters: [Tensor], sentence: PromptTemplate = .name, clip: CLIPModel
  ) throws {
    let count = CoupledPrompts.parameterNames.count
    self.init(
      try CoupledPrompts(
        for: classNames, parameters: Array(parameters[..<count]), sentence: sentence, clip: clip),
      adapters: try Array(parameters[count...]).on(clip.device))
  }

  /// - Parameter seed: of the random initial values; adapters are drawn as PyTorch draws linear layers.
  public init(
    for classNames: [String], initialContext: InitialContext, depth: Int, clip: CLIPModel, seed: UInt64 = 1
  ) throws {
    let prompts = try CoupledPrompts(
      for: classNames, initialContext: initialContext, depth: depth, clip: clip, seed: seed)
    var generator = SeededGenerator(seed: seed ^ 0x6164_6170_7400)
    let (width, narrow) = (clip.embeddingWidth, clip.embeddingWidth / ClassTokenNetwork.reduction)
    let adapters = try (0..<2).flatMap { _ in
      let down = try Tensor.uniform([narrow, width], bound: 1 / Float(width).squareRoot(), using: &generator)
      return [down, try .uniform([width, narrow], bound: 1 / Float(narrow).squareRoot(), using: &generator)]
    }
    self.init(prompts, adapters: try adapters.on(clip.device))
  }

  /// In the order of ``parameterNames``.
  public var parameters: [Tensor] { prompts.parameters + adapters }
  public var classNames: [String] { prompts.classNames }
  public var imagePrompts: PromptedVisionTransformer? { image }
  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int { prompts.microbatchBytes(isTraining: isTraining) }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> AdaptedPrompts {
    AdaptedPrompts(try prompts.withClasses(classNames, on: clip), adapters: adapters)
  }

  public func restricted(to classes: Range<Int>) throws -> AdaptedPrompts {
    AdaptedPrompts(try prompts.restricted(to: classes), adapters: adapters)
  }

  public func replacing(_ parameters: [Tensor]) throws -> AdaptedPrompts {
    let count = CoupledPrompts.parameterNames.count
    return AdaptedPrompts(
      try prompts.replacing(Array(parameters[..<count])), adapters: Array(parameters[count...]))
  }

  /// Text features of the current prompts behind their adapter, whatever the image.
  public func classFeatures(for imageFeatures: Tensor) throws -> Tensor {
    // Of unit rows: the adapter's direction does not depend on the length.
    let adapter = FeatureAdapter(narrowing: adapters[2], widening: adapters[3], share: Self.textShare)
    return try adapter(prompts.classFeatures(for: imageFeatures)).unitRows()
  }

  static let specs =
    CoupledPrompts.specs
    + ["image", "text"].flatMap { tower in
      [
        ParameterSpec("adapter_\(tower).fc.0.weight", [.embeddingQuarter, .embeddingWidth]),
        ParameterSpec("adapter_\(tower).fc.2.weight", [.embeddingWidth, .embeddingQuarter]),
      ]
    }
}
