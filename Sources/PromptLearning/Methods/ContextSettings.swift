/// How learned contexts begin and where they stand.
public struct ContextSettings: Sendable, Codable, Equatable {
  /// Words to begin as; `nil` begins at random.
  public var words: String?
  /// The number of vectors; `nil` where words decide it. Where there are words too, vectors of zeros stand before them.
  public var length: Int?
  public var position: ContextPosition
  public var isClassSpecific: Bool
  /// Whether a person asked for the words, so that a method's own do not take their place; `nil` is no.
  public var isAsked: Bool?

  public init(
    words: String? = "a photo of a", length: Int? = nil, position: ContextPosition = .end,
    isClassSpecific: Bool = false, isAsked: Bool = false
  ) {
    self.words = words
    self.length = length
    self.position = position
    self.isClassSpecific = isClassSpecific
    self.isAsked = isAsked ? true : nil
  }

  /// What the contexts of a learner begin as.
  public var initial: InitialContext {
    guard let words else { return .random(count: length ?? 4) }
    return length.map { .padded(words: words, count: $0) } ?? .words(words)
  }
}

/// A setting of contexts that a method may take.
public enum ContextSetting: Sendable, CaseIterable {
  /// Words or a number of random vectors.
  case beginning
  /// Where the class name stands.
  case position
  /// Contexts of its own for each class.
  case classSpecific
}
