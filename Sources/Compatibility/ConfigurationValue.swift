/// A value of the reference's configuration, with the types that it distinguishes.
///
/// Python's lists and tuples are one case, since the reference converts them into each other where it merges values.
public indirect enum ConfigurationValue: Sendable, Equatable {
  case none
  case flag(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  case list([ConfigurationValue])

  /// The reference's value for a text: the Python literal that it spells, or otherwise the text itself (yacs).
  public init(decoding text: String) {
    self = PythonLiteral.value(of: text) ?? .text(text)
  }

  /// The name of the type, for people.
  var noun: String {
    switch self {
    case .none: "None"
    case .flag: "True or False"
    case .integer: "a whole number"
    case .number: "a number with a point or exponent"
    case .text: "a text"
    case .list: "a list"
    }
  }

  /// Whether this value may replace `other`: the types must be equal, as in the reference. An integer is not a
  /// floating-point number, and None may replace only a text, where it means the same as an empty one.
  func hasType(of other: ConfigurationValue) -> Bool {
    switch (self, other) {
    case (.flag, .flag), (.integer, .integer), (.number, .number), (.text, .text), (.list, .list), (.none, .text):
      true
    default: false
    }
  }
}

extension ConfigurationValue: CustomStringConvertible {
  /// The value as Python prints it.
  public var description: String {
    switch self {
    case .none: "None"
    case .flag(let flag): flag ? "True" : "False"
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .text(let text): text.isEmpty ? "''" : text
    case .list(let elements): "[\(elements.map(\.description).joined(separator: ", "))]"
    }
  }
}

extension ConfigurationValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
  public init(booleanLiteral value: Bool) { self = .flag(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .text(value) }
  public init(arrayLiteral elements: ConfigurationValue...) { self = .list(elements) }
}

/// A reader of the literals of Python's `ast.literal_eval` that the configuration can hold: numbers, texts in quotes,
/// True, False, None, and lists and tuples of them.
struct PythonLiteral {
  /// The deepest nesting of lists: no real setting is deeper, and reading more would exhaust the stack.
  private static let deepest = 20

  private let characters: [Character]
  private var position = 0

  /// The value of a whole text, or `nil` where the text is not such a literal.
  static func value(of text: String) -> ConfigurationValue? {
    var literal = PythonLiteral(characters: Array(text))
    guard let value = literal.expression(depth: 0, closing: nil), literal.position == literal.characters.count else {
      return nil
    }
    return value
  }

  private init(characters: [Character]) { self.characters = characters }

  private var next: Character? { position < characters.count ? characters[position] : nil }

  private mutating func skipSpaces() {
    while let character = next, character.isWhitespace { position += 1 }
  }

  /// One value, or several separated by commas, which are a tuple.
  private mutating func expression(depth: Int, closing: Character?) -> ConfigurationValue? {
    guard depth <= Self.deepest else { return nil }
    var elements: [ConfigurationValue] = []
    var hasComma = false
    skipSpaces()
    while next != closing {
      guard let element = atom(depth: depth) else { return nil }
      elements.append(element)
      skipSpaces()
      guard next == "," else { break }
      hasComma = true
      position += 1
      skipSpaces()
    }
    guard next == closing else { return nil }
    if closing == "]" { return .list(elements) }
    if elements.count == 1, !hasComma { return elements[0] }
    return closing == nil && elements.isEmpty ? nil : .list(elements)
  }

  private mutating func atom(depth: Int) -> ConfigurationValue? {
    switch next {
    case "(": enclosed(by: ")", depth: depth)
    case "[": enclosed(by: "]", depth: depth)
    case "'", "\"": quoted()
    default: word()
    }
  }

  private mutating func enclosed(by closing: Character, depth: Int) -> ConfigurationValue? {
    position += 1
    guard let value = expression(depth: depth + 1, closing: closing) else { return nil }
    position += 1
    return value
  }

  private mutating func quoted() -> ConfigurationValue? {
    let quote = next
    position += 1
    var text = ""
    while let character = next, character != quote {
      position += 1
      guard character == "\\" else {
        text.append(character)
        continue
      }
      guard let escaped = next else { return nil }
      position += 1
      switch escaped {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "\\", "'", "\"": text.append(escaped)
      default: text += "\\\(escaped)"
      }
    }
    guard next == quote else { return nil }
    position += 1
    return .text(text)
  }

  private mutating func word() -> ConfigurationValue? {
    let start = position
    while let character = next, character.isASCII,
      character.isLetter || character.isNumber || "+-._".contains(character)
    {
      position += 1
    }
    switch String(characters[start..<position]) {
    case "None": return ConfigurationValue.none
    case "True": return .flag(true)
    case "False": return .flag(false)
    case let word: return Self.number(word)
    }
  }

  /// A decimal number as Python spells it: single underscores between digits, and no leading zeros.
  private static func number(_ word: String) -> ConfigurationValue? {
    let digits = word.first == "-" || word.first == "+" ? word.dropFirst() : word[...]
    guard digits.first?.isNumber == true || digits.first == ".", !digits.hasSuffix("_"), !digits.contains("__") else {
      return nil
    }
    let plain = word.filter { $0 != "_" }
    if digits.allSatisfy({ $0.isNumber || $0 == "_" }) {
      guard digits.first != "0" || digits.allSatisfy({ $0 == "0" || $0 == "_" }) else { return nil }
      return Int(plain).map(ConfigurationValue.integer)
    }
    guard digits.contains(where: \.isNumber), digits.allSatisfy({ $0.isNumber || "._eE+-".contains($0) }) else {
      return nil
    }
    return Double(plain).map(ConfigurationValue.number)
  }
}
