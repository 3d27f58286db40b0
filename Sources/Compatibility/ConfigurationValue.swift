/// A value of the reference's configuration, with the types that it tells apart.
///
/// Python's lists and tuples are one case, since the reference turns either into the other where it merges values.
public indirect enum ConfigurationValue: Sendable, Equatable {
  case none
  case flag(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  case list([ConfigurationValue])

  /// What the reference makes of a text: the Python literal that it spells, or else the text itself (yacs).
  public init(decoding text: String) {
    self = PythonLiteral.value(of: text) ?? .text(text)
  }

  /// The type, for people.
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

  /// Whether this value may stand for `other`: types are equal, as the reference asks. A whole number is none with a
  /// point, and None may stand for a text alone, where it says the same as an empty one.
  func hasType(of other: ConfigurationValue) -> Bool {
    switch (self, other) {
    case (.flag, .flag), (.integer, .integer), (.number, .number), (.text, .text), (.list, .list), (.none, .text):
      true
    default: false
    }
  }
}

extension ConfigurationValue: CustomStringConvertible {
  /// As Python prints it.
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
