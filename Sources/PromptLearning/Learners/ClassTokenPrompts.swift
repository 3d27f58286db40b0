import CLIP
import Datasets
import Support
import Torch

/// TCP: contexts that all classes share, and in the upper half of the text tower tokens of each class's own, made from
/// zero-shot CLIP's feature of it (Yao et al., CVPR 2024, §3).
public struct ClassTokenPrompts: TrainablePromptLearner {
  public let classNames: [String]
  /// What follows the contexts.
  let sentence: PromptTemplate
  /// The block, from 0, in front of which the class tokens stand.
  package let block: Int
  private let contextVectors: Tensor  // [M, D]
  private let network: ClassTokenNetwork  // E → E/4 → T · D
  private let teacher: ZeroShotPrompts  // ĝ, frozen
  private let prompts: PreparedTrie  // C class names, frozen
  private let chains: PromptChains
  private let textEncoder: TextEncoder  // frozen

  /// - Parameters:
  ///   - parameters: in the order of ``parameterNames``.
  ///   - sentence: what follows the contexts.
  ///   - teacher: the sentence of ĝ.
  ///   - block: `nil` takes two thirds of the way up.
  /// - Throws: ``LearningError``.
  public init(
    for classNames: [String], parameters: [Tensor], sentence: PromptTemplate = .name, teacher: PromptTemplate = .photo,
    block: Int? = nil, clip: CLIPModel
  ) throws {
    try self.init(
      ZeroShotPrompts(for: classNames, templates: [teacher], clip: clip), parameters: parameters, sentence: sentence,
      block: block, clip: clip)
  }

  private init(
    _ teacher: ZeroShotPrompts, parameters: [Tensor], sentence: PromptTemplate, block: Int?, clip: CLIPModel
  ) throws {
    classNames = teacher.classNames
    self.sentence = sentence
    self.teacher = teacher
    let parameters = try parameters.on(clip.device)
    contextVectors = parameters[0]
    network = try ClassTokenNetwork(parameters.dropFirst())
    textEncoder = clip.textEncoder
    self.block = try block ?? Self.usualBlock(of: clip.textEncoder)
    let layers = clip.textEncoder.layerCount
    guard (1..<layers).contains(self.block) else {
      throw LearningError.setting(
        name: "The block where class tokens enter", expected: "from 1 to \(layers - 1) with this text tower",
        found: "\(self.block)")
    }
    let (length, tokens) = (parameters[0].shape[0], parameters[3].shape[0] / clip.textEncoder.width)
    guard length >= tokens else {
      throw LearningError.setting(
        name: "The number of context vectors", expected: "\(tokens) or more, as many as there are class tokens",
        found: "\(length)")
    }
    let wording = PromptWording(clip)
    let trie = try PromptTrie(
      classNames.map { try wording.symbols(of: $0, contexts: 0..<length, before: sentence) })
    prompts = try textEncoder.prepared(trie)
    chains = try PromptChains(trie, tokenCount: tokens, block: self.block)
  }

  /// - Parameters:
  ///   - initialContext: what the contexts begin as.
  ///   - seed: of random initial values.
  public init(
    for classNames: [String], initialContext: InitialContext = .random(count: Self.tokenCount),
    sentence: PromptTemplate = .name, teacher: PromptTemplate = .photo, block: Int? = nil, clip: CLIPModel,
    seed: UInt64 = 1
  ) throws {
    var generator = SeededGenerator(seed: seed)
    let vectors = try initialContext.vectors(for: clip, using: &generator)
    let network = try ClassTokenNetwork(from: clip.embeddingWidth, to: clip.textEncoder.width, using: &generator)
    try self.init(
      for: classNames, parameters: [vectors] + network.parameters, sentence: sentence, teacher: teacher, block: block,
      clip: clip)
  }

  /// T of the original.
  public static let tokenCount = 4

  /// Two thirds of the way up: 8 of 12.
  static func usualBlock(of encoder: TextEncoder) throws -> Int {
    guard encoder.layerCount > 1 else {
      throw LearningError.setting(
        name: "The text tower of TCP", expected: "of 2 blocks or more, since class tokens enter between two",
        found: "\(encoder.layerCount)")
    }
    return max(1, encoder.layerCount * 2 / 3)
  }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> ClassTokenPrompts {
    try ClassTokenPrompts(
      teacher.withClasses(classNames, on: clip), parameters: parameters, sentence: sentence, block: block, clip: clip)
  }

  /// Text features of the current contexts and class tokens, whatever the image.
  public func classFeatures(for imageFeatures: Tensor) throws -> Tensor { try sharedClassFeatures() }

  private func sharedClassFeatures() throws -> Tensor {
    let tokens = try network(teacher.features.reshaped([classNames.count, -1]))  // [C, T · D]
      .reshaped([classNames.count, -1, textEncoder.width])
    return try textEncoder(prompts, contexts: contextVectors.unsqueezed(at: 0), classTokens: tokens, chains: chains)
      .unitRows()  // [1, C, E]
  }

  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int {
    textEncoder.microbatchBytes(of: prompts.trie, chains, isTraining: isTraining)
  }

  public static let parameterNames = ["ctx"] + ClassTokenNetwork.specs.map(\.name)
  public var parameters: [Tensor] { [contextVectors] + network.parameters }

  public func replacing(_ parameters: [Tensor]) throws -> ClassTokenPrompts {
    try ClassTokenPrompts(self, contextVectors: parameters[0], network: ClassTokenNetwork(parameters.dropFirst()))
  }

  public func restricted(to classes: Range<Int>) throws -> ClassTokenPrompts {
    try ClassTokenPrompts(self, teacher: teacher.restricted(to: classes), trie: prompts.trie.restricted(to: classes))
  }

  private init(_ other: ClassTokenPrompts, contextVectors: Tensor, network: ClassTokenNetwork) {
    (classNames, sentence, block) = (other.classNames, other.sentence, other.block)
    (teacher, prompts, chains, textEncoder) = (other.teacher, other.prompts, other.chains, other.textEncoder)
    (self.contextVectors, self.network) = (contextVectors, network)
  }

  private init(_ other: ClassTokenPrompts, teacher: ZeroShotPrompts, trie: PromptTrie) throws {
    (sentence, block, textEncoder) = (other.sentence, other.block, other.textEncoder)
    (contextVectors, network) = (other.contextVectors, other.network)
    classNames = teacher.classNames
    self.teacher = teacher
    prompts = try textEncoder.prepared(trie)
    chains = try PromptChains(
      trie, tokenCount: other.parameters[3].shape[0] / textEncoder.width, block: other.block)
  }
}

extension ClassTokenPrompts: HeadStatingLearner {
  public func head() throws -> ClassifierHead { try .cosines(with: sharedClassFeatures()) }
}

/// From zero-shot CLIP's feature of a class to its tokens: two layers with a bottleneck and QuickGELU between them.
struct ClassTokenNetwork: Sendable {
  let hidden: Linear  // E → E / 4
  let output: Linear  // E / 4 → T · D

  /// The bottleneck is E / 4 wide.
  static let reduction = 4

  /// PyTorch's default for linear layers.
  init(from embeddingWidth: Int, to width: Int, using generator: inout SeededGenerator) throws {
    let bottleneck = embeddingWidth / Self.reduction
    hidden = try .random(from: embeddingWidth, to: bottleneck, using: &generator)
    output = try .random(from: bottleneck, to: ClassTokenPrompts.tokenCount * width, using: &generator)
  }

  /// - Parameter parameters: in the order of ``parameters``.
  init(_ parameters: some Collection<Tensor>) throws {
    let tensors = Array(parameters)
    hidden = try Linear(weight: tensors[0], bias: tensors[1])
    output = try Linear(weight: tensors[2], bias: tensors[3])
  }

  /// - Parameter classFeatures: `[C, E]`, unit rows.
  /// - Returns: `[C, T · D]`.
  func callAsFunction(_ classFeatures: Tensor) throws -> Tensor {
    try output(Activation.quickGELU(hidden(classFeatures)))
  }

  var parameters: [Tensor] {
    [hidden.weight, hidden.bias, output.weight, output.bias].compactMap { $0 }
  }

  /// ``parameters`` as files hold them.
  static let specs = [
    ParameterSpec("meta_net.linear1.weight", [.embeddingQuarter, .embeddingWidth]),
    ParameterSpec("meta_net.linear1.bias", [.embeddingQuarter]),
    ParameterSpec("meta_net.linear2.weight", [.textWidths(usual: 4), .embeddingQuarter]),
    ParameterSpec("meta_net.linear2.bias", [.textWidths(usual: 4)]),
  ]
}
