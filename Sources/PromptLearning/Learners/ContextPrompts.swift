import CLIP
import Datasets
import Images
import Support
import Torch

/// CoOp: context vectors that are the same for every image (Zhou et al., IJCV 2022, §3.2).
public struct ContextPrompts: TrainablePromptLearner {
  public let classNames: [String]
  public let position: ContextPosition
  /// What follows contexts that stand in front.
  package let sentence: PromptTemplate
  private let contextVectors: Tensor  // [M, D], or [C, M, D] where each class has its own
  private let prompts: PreparedTrie  // C class names, frozen
  private let textEncoder: TextEncoder  // frozen

  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int {
    textEncoder.microbatchBytes(of: prompts.trie, isTraining: isTraining)
  }

  /// - Parameters:
  ///   - initialContext: the initial value of the context vectors.
  ///   - position: the position of the class name.
  ///   - isClassSpecific: whether each class has contexts of its own, which start as equal words, or at random.
  ///   - seed: the seed of the random initial values.
  /// - Throws: ``LearningError``.
  public init(
    for classNames: [String], initialContext: InitialContext = "a photo of a", position: ContextPosition = .end,
    isClassSpecific: Bool = false, clip: CLIPModel, seed: UInt64 = 1
  ) throws {
    let sentence = try initialContext.sentence(by: clip.tokenizer)
    var generator = SeededGenerator(seed: seed)
    let sets = isClassSpecific ? try classNames.checkedAsClassNames().count : 1
    let vectors = try (0..<sets).map { _ in try initialContext.vectors(for: clip, using: &generator) }
    try self.init(
      for: classNames, contextVectors: isClassSpecific ? Tensor.stacked(vectors) : vectors[0], position: position,
      sentence: sentence, clip: clip)
  }

  /// - Parameters:
  ///   - contextVectors: `[M, D]`, or `[C, M, D]` where each class has its own.
  ///   - sentence: what follows contexts at position ``ContextPosition/end``.
  public init(
    for classNames: [String], contextVectors: Tensor, position: ContextPosition,
    sentence: PromptTemplate = .name, clip: CLIPModel
  ) throws {
    self.classNames = try classNames.checkedAsClassNames()
    self.sentence = sentence
    self.contextVectors = try contextVectors.on(clip.device)
    self.position = position
    textEncoder = clip.textEncoder
    let isClassSpecific = contextVectors.shape.count == 3
    if isClassSpecific, contextVectors.shape[0] != classNames.count {
      throw LearningError.classSpecific(count: classNames.count, learnedFor: contextVectors.shape[0])
    }
    let wording = PromptWording(clip)
    let count = contextVectors.shape[contextVectors.shape.count - 2]
    prompts = try textEncoder.prepared(
      PromptTrie(
        classNames.enumerated().map { label, name in
          let first = isClassSpecific ? label * count : 0
          let contexts = first..<first + count
          return try position == .end
            ? wording.symbols(of: name, contexts: contexts, before: sentence)
            : wording.symbols(of: name, contexts: contexts, position: position)
        }))
  }

  /// The same prompts over other classes. Class-specific contexts support only their own classes, in any order.
  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> ContextPrompts {
    var contexts = contextVectors
    if contexts.shape.count == 3, classNames != self.classNames {
      let sets = try classNames.map { name in
        guard let label = self.classNames.firstIndex(of: name) else {
          throw LearningError.noContexts(className: name, learnedFor: self.classNames.count)
        }
        return label
      }
      contexts = try contexts.gathered(Indices(sets), axis: 0)
    }
    return try ContextPrompts(
      for: classNames, contextVectors: contexts, position: position, sentence: sentence, clip: clip)
  }

  /// Text features of the current contexts, the same for every image.
  public func classFeatures(for imageFeatures: Tensor) throws -> Tensor { try sharedClassFeatures() }

  private func sharedClassFeatures() throws -> Tensor {
    let contexts = try contextVectors.reshaped([1, -1, textEncoder.width])  // [1, M or C · M, D]
    return try textEncoder(prompts, contexts: contexts).unitRows()  // [1, C, E]
  }

  public static let parameterNames = ["ctx"]
  public var parameters: [Tensor] { [contextVectors] }

  public func replacing(_ parameters: [Tensor]) -> ContextPrompts {
    ContextPrompts(self, classNames: classNames, prompts: prompts, contextVectors: parameters[0])
  }

  public func restricted(to classes: Range<Int>) throws -> ContextPrompts {
    ContextPrompts(
      self, classNames: Array(classNames[classes]),
      prompts: try textEncoder.prepared(prompts.trie.restricted(to: classes)),
      contextVectors: contextVectors)
  }

  private init(_ other: ContextPrompts, classNames: [String], prompts: PreparedTrie, contextVectors: Tensor) {
    self.classNames = classNames
    (position, sentence) = (other.position, other.sentence)
    self.prompts = prompts
    textEncoder = other.textEncoder
    self.contextVectors = contextVectors
  }
}

extension ContextPrompts: HeadStatingLearner {
  public func head() throws -> ClassifierHead { try .cosines(with: sharedClassFeatures()) }
}
