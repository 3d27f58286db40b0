import CLIP
import Datasets
import Support
import Torch

/// The frozen part of deep prompts in the text tower: the class names, and what stands behind the learned vectors.
struct DeepTexts: Sendable {
  let classNames: [String]
  /// What follows the contexts.
  let sentence: PromptTemplate
  private let trie: DeepTrie
  private let encoder: TextEncoder

  /// - Parameters:
  ///   - contextCount: M, the vectors behind the start symbol.
  /// - Throws: ``LearningError``.
  init(for classNames: [String], contextCount: Int, sentence: PromptTemplate, clip: CLIPModel) throws {
    self.classNames = try classNames.checkedAsClassNames()
    self.sentence = sentence
    encoder = clip.textEncoder
    let wording = PromptWording(clip)
    trie = try encoder.preparedForDeepPrompts(
      PromptTrie(classNames.map { try wording.symbols(of: $0, contexts: 0..<contextCount, before: sentence) }))
  }

  private init(_ other: DeepTexts, classNames: [String], trie: DeepTrie) {
    (self.classNames, self.trie) = (classNames, trie)
    (sentence, encoder) = (other.sentence, other.encoder)
  }

  /// `[1, C, E]`, unit rows.
  func features(_ prompts: DeepPrompts) throws -> Tensor { try encoder(trie, contexts: prompts).unitRows() }

  func restricted(to classes: Range<Int>) throws -> DeepTexts {
    DeepTexts(
      self, classNames: Array(classNames[classes]),
      trie: try encoder.preparedForDeepPrompts(trie.trie.restricted(to: classes)))
  }

  func microbatchBytes(isTraining: Bool) -> Int { encoder.microbatchBytes(of: trie.trie, isTraining: isTraining) }
}

extension MethodSetup {
  /// What learned contexts begin as where only the first tokens of words are learned.
  func deepContext(of method: Method) -> InitialContext {
    let settings = method.context(context, on: dataset)
    guard let words = settings.words, let length = settings.length else { return settings.initial }
    return .leading(words: words, count: length)
  }

  /// The depth that an option asks for: 0 takes that of the authors, or all blocks of a smaller tower.
  func depth(_ option: MethodOption, authors: Int, blocks: Int) -> Int {
    options[option] == 0 ? min(authors, blocks) : Int(options[option])
  }
}

extension DeepPrompts {
  /// The same, once it is known that the tower has as many blocks.
  func checked(for tower: String, blocks: Int) throws -> DeepPrompts {
    guard depth <= blocks else { throw CLIPError.depth(depth, tower: tower, blocks: blocks) }
    return self
  }

  /// The deviation of random prompts in all of these methods.
  static let deviation: Float = 0.02

  /// Random values of blocks after the first, `[depth − 1, M, D]`.
  static func random(
    depth: Int, length: Int, width: Int, using generator: inout SeededGenerator
  ) throws -> Tensor {
    try .normal([max(0, depth - 1), length, width], deviation: deviation, using: &generator)
  }
}
