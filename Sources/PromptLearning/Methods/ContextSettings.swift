/// The initial values and positions of learned contexts.
public struct ContextSettings: Sendable, Codable, Equatable {
  /// The initial words; `nil` starts at random.
  public var words: String?
  /// The number of random vectors; `nil` where words determine it.
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

  /// The initial value of a learner's contexts.
  public var initial: InitialContext { words.map(InitialContext.words) ?? .random(count: length ?? 4) }
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
