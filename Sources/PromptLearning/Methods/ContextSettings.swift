/// The initial values and positions of learned contexts.
public struct ContextSettings: Sendable, Codable, Equatable {
  /// The initial words; `nil` starts at random.
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

/// A setting of contexts that a method may support.
public enum ContextSetting: Sendable, CaseIterable {
  /// The initial words or the number of random vectors.
  case beginning
  /// The position of the class name.
  case position
  /// Separate contexts for each class.
  case classSpecific
}
