/// How learned contexts begin and where they stand.
public struct ContextSettings: Sendable, Codable, Equatable {
  /// Words to begin as; `nil` begins at random.
  public var words: String?
  /// The number of random vectors; `nil` where words decide it.
  public var length: Int?
  public var position: ContextPosition
  public var isClassSpecific: Bool

  public init(
    words: String? = "a photo of a", length: Int? = nil, position: ContextPosition = .end,
    isClassSpecific: Bool = false
  ) {
    self.words = words
    self.length = length
    self.position = position
    self.isClassSpecific = isClassSpecific
  }

  /// What the contexts of a learner begin as.
  public var initial: InitialContext { words.map(InitialContext.words) ?? .random(count: length ?? 4) }
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
