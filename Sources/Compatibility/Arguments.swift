import Support

/// The command line of the reference's `train.py`, read as Python's argparse reads it: an option may be shortened as
/// long as it is unique, `--name=value` is `--name value`, and the first argument that is not an option begins the KEY
/// VALUE pairs.
public struct Arguments: Sendable, Equatable {
  public var root = ""
  public var outputFolder = ""
  public var resume = ""
  public var seed: Int?
  public var sourceDomains: [String] = []
  public var targetDomains: [String] = []
  public var transforms: [String] = []
  public var configurationFile = ""
  public var datasetFile = ""
  public var trainer = ""
  public var backbone = ""
  public var head = ""
  public var modelFolder = ""
  public var loadEpoch: Int?
  public var evaluatesOnly = false
  public var skipsTraining = false
  /// The KEY VALUE pairs, in order; an even number of texts.
  public var pairs: [String] = []

  /// The number of arguments that follow an option.
  enum Form {
    case text(WritableKeyPath<Arguments, String>)
    case number(WritableKeyPath<Arguments, Int?>)
    case list(WritableKeyPath<Arguments, [String]>)
    case flag(WritableKeyPath<Arguments, Bool>)
  }

  // Key paths of a struct of values are safe to share, but the compiler cannot prove it.
  nonisolated(unsafe) static let options: [(name: String, form: Form)] = [
    ("--root", .text(\.root)), ("--output-dir", .text(\.outputFolder)), ("--resume", .text(\.resume)),
    ("--seed", .number(\.seed)), ("--source-domains", .list(\.sourceDomains)),
    ("--target-domains", .list(\.targetDomains)), ("--transforms", .list(\.transforms)),
    ("--config-file", .text(\.configurationFile)), ("--dataset-config-file", .text(\.datasetFile)),
    ("--trainer", .text(\.trainer)), ("--backbone", .text(\.backbone)), ("--head", .text(\.head)),
    ("--eval-only", .flag(\.evaluatesOnly)), ("--model-dir", .text(\.modelFolder)),
    ("--load-epoch", .number(\.loadEpoch)), ("--no-train", .flag(\.skipsTraining)),
  ]

  public static let optionNames = options.map(\.name)

  /// - Throws: ``CompatibilityError``.
  public init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let argument = rest.first, Self.isOption(argument) {
      rest.removeFirst()
      if argument == "--" { break }
      try take(argument, from: &rest)
    }
    pairs = Array(rest)
    if pairs.count % 2 != 0, let key = pairs.last { throw CompatibilityError.unpaired(key: key) }
  }

  private mutating func take(_ argument: String, from rest: inout ArraySlice<String>) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let (name, form) = try Self.option(parts[0])
    if parts.count == 2 { rest = [parts[1]] + rest }
    /// The value after an option; after `=` it may be any text.
    func value() throws -> String {
      guard let value = rest.first, parts.count == 2 || !Self.isOption(value) else {
        throw CompatibilityError.missingValue(option: name)
      }
      rest.removeFirst()
      return value
    }
    switch form {
    case .text(let path): self[keyPath: path] = try value()
    case .number(let path):
      let text = try value()
      guard let number = Int(text) else { throw CompatibilityError.wholeNumber(option: name, found: text) }
      self[keyPath: path] = number
    case .list(let path):
      self[keyPath: path] = [try value()]
      while parts.count == 1, let next = rest.first, !Self.isOption(next) {
        self[keyPath: path].append(next)
        rest.removeFirst()
      }
    case .flag(let path):
      guard parts.count == 1 else { throw CompatibilityError.unexpectedValue(option: name) }
      self[keyPath: path] = true
    }
  }

  /// The option of this name, or the only one with this prefix.
  private static func option(_ name: String) throws -> (name: String, form: Form) {
    if let exact = options.first(where: { $0.name == name }) { return exact }
    let candidates = name.hasPrefix("--") ? options.filter { $0.name.hasPrefix(name) } : []
    guard let first = candidates.first else {
      throw CompatibilityError.unknownOption(name, nearest: name.nearest(among: optionNames))
    }
    guard candidates.count == 1 else {
      throw CompatibilityError.ambiguousOption(name, candidates: candidates.map(\.name))
    }
    return first
  }

  /// Whether an argument is an option; a negative number is a value.
  private static func isOption(_ argument: String) -> Bool {
    argument.hasPrefix("-") && argument.count > 1 && Double(argument) == nil
  }
}
