import CLIP
import Images
import Support
import Torch

/// CoCoOp: context vectors shifted by a token computed from the image (Zhou et al., CVPR 2022, §3.2).
public struct ConditionalPrompts: TrainablePromptLearner {
  public let classNames: [String]
  private let contextVectors: Tensor  // [M, D]
  private let metaNetwork: MetaNetwork  // E → E/16 → D
  private let prompts: PreparedTrie  // C class names, frozen
  private let textEncoder: TextEncoder  // frozen

  /// - Parameters:
  ///   - initialContext: the initial value of the context vectors.
  ///   - seed: the seed of the meta-network's initial values, and of the contexts' where they are random.
  /// - Throws: ``LearningError``.
  public init(
    for classNames: [String], initialContext: InitialContext = "a photo of a", clip: CLIPModel, seed: UInt64 = 1
  ) throws {
    var generator = SeededGenerator(seed: seed)
    let vectors = try initialContext.vectors(for: clip, using: &generator)
    let network = try MetaNetwork(from: clip.embeddingWidth, to: clip.textEncoder.width, using: &generator)
    try self.init(for: classNames, parameters: [vectors] + network.parameters, clip: clip)
  }

  /// - Parameter parameters: in the order of ``parameterNames``: contexts `[M, D]`, then the meta-network's
  ///   `[E/16, E]`, `[E/16]`, `[D, E/16]`, `[D]`.
  public init(for classNames: [String], parameters: [Tensor], clip: CLIPModel) throws {
    self.classNames = try classNames.checkedAsClassNames()
    let parameters = try parameters.on(clip.device)
    contextVectors = parameters[0]
    metaNetwork = try MetaNetwork(parameters.dropFirst())
    textEncoder = clip.textEncoder
    let wording = PromptWording(clip)
    let contexts = 0..<parameters[0].shape[0]
    prompts = try textEncoder.prepared(
      PromptTrie(classNames.map { try wording.symbols(of: $0, contexts: contexts, position: .end) }))
  }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> ConditionalPrompts {
    try ConditionalPrompts(for: classNames, parameters: parameters, clip: clip)
  }

  /// - Parameter imageFeatures: `[B, E]`, unit rows.
  /// - Returns: one text feature per image and class, `[B, C, E]`, unit rows.
  public func classFeatures(for imageFeatures: Tensor) throws -> Tensor {
    try classFeatures(atCodes: codes(of: imageFeatures))
  }

  /// E/16: the number of components of an image's code with a model of this architecture.
  package static func codeWidth(for configuration: CLIPConfiguration) -> Int {
    configuration.embeddingWidth / MetaNetwork.reduction
  }

  /// The meta-network's hidden codes of images, `[B, E/16]`: an image changes the prompts through its code alone.
  func codes(of imageFeatures: Tensor) throws -> Tensor { try metaNetwork.code(of: imageFeatures) }

  /// The class features of images with these hidden codes, `[B, C, E]`, unit rows.
  func classFeatures(atCodes codes: Tensor) throws -> Tensor {
    try textEncoder(prompts, contexts: contexts(atCodes: codes)).unitRows()
  }

  /// The features of some classes for each image, all in one pass.
  ///
  /// - Parameters:
  ///   - codes: `[B, E/16]`.
  ///   - choices: for each image, its K classes.
  /// - Returns: `[B, K, E]`, unit rows.
  func classFeatures(atCodes codes: Tensor, ofClasses choices: [[Int]]) throws -> Tensor {
    let contexts = try contexts(atCodes: codes).reshaped([1, -1, textEncoder.width])  // [1, B · M, D]
    return try textEncoder(trie.shared(byReadersOf: choices), contexts: contexts).unitRows()
      .reshaped([choices.count, choices.first?.count ?? 0, -1])
  }

  private func contexts(atCodes codes: Tensor) throws -> Tensor {
    try contextVectors + metaNetwork.output(codes).unsqueezed(at: 1)  // [B, M, D]
  }

  package var trie: PromptTrie { prompts.trie }

  /// The number of images that keeps the widest hidden layer of a pass, 4D wide at every node, within 8 MiB.
  public var imagesPerMicrobatch: Int {
    max(1, 8 << 20 / (trie.nodes.count * 4 * textEncoder.width * MemoryLayout<Float>.size))
  }

  public func microbatchBytes(isTraining: Bool) -> Int { textEncoder.microbatchBytes(of: trie, isTraining: isTraining) }

  public static let parameterNames = ["ctx"] + MetaNetwork.parameterNames
  public var parameters: [Tensor] { [contextVectors] + metaNetwork.parameters }

  public func replacing(_ parameters: [Tensor]) throws -> ConditionalPrompts {
    ConditionalPrompts(
      self, classNames: classNames, prompts: prompts, contextVectors: parameters[0],
      metaNetwork: try MetaNetwork(parameters.dropFirst()))
  }

  public func restricted(to classes: Range<Int>) throws -> ConditionalPrompts {
    ConditionalPrompts(
      self, classNames: Array(classNames[classes]), prompts: try textEncoder.prepared(trie.restricted(to: classes)),
      contextVectors: contextVectors, metaNetwork: metaNetwork)
  }

  private init(
    _ other: ConditionalPrompts, classNames: [String], prompts: PreparedTrie, contextVectors: Tensor,
    metaNetwork: MetaNetwork
  ) {
    self.classNames = classNames
    self.prompts = prompts
    textEncoder = other.textEncoder
    self.contextVectors = contextVectors
    self.metaNetwork = metaNetwork
  }
}

extension ConditionalPrompts: HeadStatingLearner {
  public func head() -> ClassifierHead {
    .conditionalPrompts(
      ConditionalPromptValues(
        contextVectors: contextVectors, hidden: metaNetwork.hidden, output: metaNetwork.output, trie: trie))
  }
}
