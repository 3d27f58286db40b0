import CLIP
import Datasets
import Images
import Support
import Tokenization
import Torch

/// The initial value of learned contexts.
public enum InitialContext: Sendable, Hashable, ExpressibleByStringLiteral {
  /// The embeddings of these words; M is their number of *tokens*.
  case words(String)
  /// M vectors from N(0, 0.02²).
  case random(count: Int)
  /// M vectors that end as these words and are zeros before them. As many tokens become vectors as there are *words*; the
  /// tokens that are left stay in the prompt, behind the vectors (ProGrad, `trainers/prograd.py`).
  case padded(words: String, count: Int)
  /// M vectors that begin as the first M tokens of these words; the other tokens stay in the prompt, behind the vectors
  /// (MaPLe, `trainers/maple.py`).
  case leading(words: String, count: Int)

  public init(stringLiteral words: String) { self = .words(words) }
}

/// The position of the class name (CoOp, §3.2).
public enum ContextPosition: String, Sendable, Codable, CaseIterable {
  /// `[v₁ … vM name .]`
  case end
  /// `[v₁ … v⌊M/2⌋ name v⌊M/2⌋₊₁ … vM .]`
  case middle
  /// `[name v₁ … vM .]`
  case front
}

extension CLIPModel {
  /// The text tower's embeddings of sentences, `[1, n, E]`: a thousand at a time, so that memory does not grow with their
  /// number.
  ///
  /// - Throws: ``LearningError`` for a sentence that is too long.
  func embeddings(of sentences: [String]) throws -> Tensor {
    let wording = PromptWording(self)
    let groups = stride(from: 0, to: sentences.count, by: 1024).map { sentences[$0...].prefix(1024) }
    let parts = try groups.map { try textEncoder(PromptTrie($0.map(wording.symbols(of:)))) }
    return try parts.count == 1 ? parts[0] : Tensor.concatenated(parts, axis: 1)
  }
}

/// Lays out prompts as symbols: start, contexts and class name, full stop, end.
struct PromptWording {
  let tokenizer: Tokenizer
  /// The most symbols that a prompt may have.
  let tokenLimit: Int

  init(_ clip: CLIPModel) {
    tokenizer = clip.tokenizer
    tokenLimit = clip.textEncoder.tokenLimit
  }

  /// The tokens of a whole sentence, as zero-shot prompts need them.
  func symbols(of sentence: String) throws -> [PromptSymbol] {
    try checked([.token(tokenizer.startOfText)] + tokens(sentence) + [.token(tokenizer.endOfText)], className: sentence)
  }

  /// The prompt of one class with context vectors in front of a sentence.
  ///
  /// - Parameters:
  ///   - contexts: the indices of its M context vectors.
  ///   - sentence: what follows them, such as "{}, a type of pet.".
  func symbols(of className: String, contexts: Range<Int>, before sentence: PromptTemplate) throws -> [PromptSymbol] {
    try checked(
      [.token(tokenizer.startOfText)] + contexts.map(PromptSymbol.context) + tokens(sentence.filled(with: className))
        + [.token(tokenizer.endOfText)], className: className)
  }

  /// The prompt of one class with context vectors.
  ///
  /// - Parameter contexts: the indices of its M context vectors.
  func symbols(of className: String, contexts: Range<Int>, position: ContextPosition) throws -> [PromptSymbol] {
    let words = PromptTemplate.words(of: className)
    // The full stop is tokenized together with the name, as in a sentence: "no!" + "." is one token "!.".
    let sentence = tokens(words + ".")
    let nameLength = tokenizer.encode(words).count
    let (name, rest) = (sentence.prefix(nameLength), sentence.dropFirst(nameLength))
    // The number of vectors before the name.
    let before =
      switch position {
      case .end: contexts.count
      case .middle: contexts.count / 2
      case .front: 0
      }
    let vectors = contexts.map(PromptSymbol.context)
    let body = vectors.prefix(before) + name + vectors.dropFirst(before)
    return try checked(
      [.token(tokenizer.startOfText)] + body + rest + [.token(tokenizer.endOfText)], className: className)
  }

  private func tokens(_ text: String) -> [PromptSymbol] { tokenizer.encode(text).map(PromptSymbol.token) }

  private func checked(_ symbols: [PromptSymbol], className: String) throws -> [PromptSymbol] {
    guard symbols.count <= tokenLimit else {
      throw LearningError.promptTooLong(className: className, tokens: symbols.count, limit: tokenLimit)
    }
    return symbols
  }
}

extension [String] {
  /// The names, after the check that they can be class names.
  func checkedAsClassNames() throws -> [String] {
    guard !isEmpty else { throw LearningError.noClasses }
    if let index = firstIndex(where: { PromptTemplate.words(of: $0).isEmpty }) {
      throw LearningError.emptyClassName(index: index)
    }
    return self
  }
}

/// Computes initial values of contexts and layers, drawn from a generator that is passed in.
extension InitialContext {
  /// M context vectors, `[M, D]`.
  ///
  /// - Throws: ``LearningError/emptyContext(words:)``, ``LearningError/setting(name:expected:found:)``.
  func vectors(for clip: CLIPModel, using generator: inout SeededGenerator) throws -> Tensor {
    switch self {
    case .words(let words):
      let ids = clip.tokenizer.encode(words)
      guard !ids.isEmpty else { throw LearningError.emptyContext(words: words) }
      return try clip.textEncoder.embeddings(of: ids)
    case .random(let count):
      guard (1..<clip.textEncoder.tokenLimit).contains(count) else {
        throw LearningError.setting(
          name: "The number of context vectors", expected: "from 1 to \(clip.textEncoder.tokenLimit - 1)",
          found: "\(count)")
      }
      return try .normal([count, clip.textEncoder.width], deviation: 0.02, using: &generator)
    case .leading(let words, let count):
      let ids = clip.tokenizer.encode(words)
      guard (1...max(1, ids.count)).contains(count), !ids.isEmpty else {
        throw LearningError.setting(
          name: "The number of context vectors that begin as '\(words)'", expected: "from 1 to \(max(1, ids.count))",
          found: "\(count)")
      }
      return try clip.textEncoder.embeddings(of: Array(ids.prefix(count)))
    case .padded(let words, let count):
      let learned = Self.learnedTokens(of: words, by: clip.tokenizer)
      guard !learned.isEmpty else { throw LearningError.emptyContext(words: words) }
      guard (learned.count..<clip.textEncoder.tokenLimit).contains(count) else {
        throw LearningError.setting(
          name: "The number of context vectors that end as '\(words)'",
          expected: "from \(learned.count) to \(clip.textEncoder.tokenLimit - 1)", found: "\(count)")
      }
      let vectors = try clip.textEncoder.embeddings(of: learned)
      guard count > learned.count else { return vectors }
      return try .concatenated(
        [.zeros([count - learned.count, clip.textEncoder.width], on: clip.device), vectors], axis: 0)
    }
  }
}

extension InitialContext {
  /// The first tokens of words, as many as there are words.
  private static func learnedTokens(of words: String, by tokenizer: Tokenizer) -> [Int] {
    Array(tokenizer.encode(words).prefix(words.split(separator: " ").count))
  }

  /// What stands between these contexts and the end of the prompt: "{}.", with the tokens that no vector takes in front.
  func sentence(by tokenizer: Tokenizer) throws -> PromptTemplate {
    let (words, learned): (String, Int)
    switch self {
    case .words, .random: return .name
    case .padded(let all, _): (words, learned) = (all, Self.learnedTokens(of: all, by: tokenizer).count)
    case .leading(let all, let count): (words, learned) = (all, count)
    }
    let rest = Array(tokenizer.encode(words).dropFirst(learned))
    let text = tokenizer.decode(rest)
    guard tokenizer.encode(text) == rest else {
      throw LearningError.setting(
        name: "The context", expected: "words that are one token each, as only that many become vectors",
        found: "'\(words)'")
    }
    return rest.isEmpty ? .name : try PromptTemplate(text + "{}.")
  }
}

extension Tensor {
  /// Draws from N(0, `deviation`²).
  static func normal(_ shape: [Int], deviation: Float, using generator: inout SeededGenerator) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { _ in Float(generator.normal()) * deviation }, shape: shape)
  }

  /// Draws from −`bound` to `bound`.
  static func uniform(_ shape: [Int], bound: Float, using generator: inout SeededGenerator) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { _ in Float(2 * generator.uniform() - 1) * bound }, shape: shape)
  }
}
