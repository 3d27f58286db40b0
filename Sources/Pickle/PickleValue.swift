/// The content of a Python pickle, as data: nothing in it has been executed.
///
/// Numbers, texts and containers are represented as themselves. An instance of a class, and the result of a call, is an
/// ``object(class:arguments:state:)``: the function that would have been called, with its arguments.
/// ``init(pickled:path:)`` reads one.
public indirect enum PickleValue: Sendable, Equatable {
  case none
  case bool(Bool)
  /// An integer of at most 64 bits. A longer one is an object of `builtins.int` with its bytes or its text.
  case integer(Int)
  case double(Double)
  case string(String)
  /// Bytes, and texts that are not valid UTF-8.
  case bytes([UInt8])
  case list([PickleValue])
  case tuple([PickleValue])
  /// A dictionary, ordered or not, in the file's order.
  case dictionary([Entry])
  case set([PickleValue])
  /// A class or a function, by name.
  case global(Global)
  /// An instance, or the result that a call would have returned.
  ///
  /// `state` holds the attributes: usually a dictionary. The items of a subclass of `list` or `dict` are there too:
  /// alone, or as a pair of attributes and items.
  case object(class: Global, arguments: PickleValue, state: PickleValue?)
  /// An object outside the pickle, by its writer's identifier.
  case persistent(PickleValue)
  /// A value that contains itself, at the point where it would begin again.
  case cycle

  /// A key and its value.
  public struct Entry: Sendable, Equatable {
    public let key: PickleValue
    public let value: PickleValue

    public init(key: PickleValue, value: PickleValue) {
      self.key = key
      self.value = value
    }
  }

  /// A class or function of Python, such as `collections` and `OrderedDict`.
  public struct Global: Sendable, Hashable, CustomStringConvertible {
    public let module: String
    public let name: String

    public init(_ module: String, _ name: String) {
      self.module = module
      self.name = name
    }

    public var description: String { module.isEmpty ? name : "\(module).\(name)" }
  }
}

extension PickleValue {
  /// The value for a text key of a dictionary, or the attribute of that name of an object.
  ///
  /// - Complexity: O(n) in the number of entries.
  public subscript(_ key: String) -> PickleValue? {
    switch self {
    case .dictionary(let entries): entries.last { $0.key == .string(key) }?.value
    case .object(_, _, let state?): state[key]
    // A pair of attributes and slots, or of attributes and items.
    case .tuple(let parts) where parts.count == 2: parts[1][key] ?? parts[0][key]
    default: nil
    }
  }

  /// The elements of a list, tuple or set.
  public var elements: [PickleValue]? {
    switch self {
    case .list(let elements), .tuple(let elements), .set(let elements): elements
    default: nil
    }
  }

  /// The entries of a dictionary.
  public var entries: [Entry]? {
    if case .dictionary(let entries) = self { entries } else { nil }
  }

  /// The text, if the value is one.
  public var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The integer, if the value is one; a boolean is not.
  public var integer: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// The number as a floating-point one, if the value is a number.
  public var double: Double? {
    switch self {
    case .double(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  /// A description for messages: "a list", "an object of numpy.ndarray".
  public var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a boolean"
    case .integer: "an integer"
    case .double: "a floating-point number"
    case .string: "a text"
    case .bytes: "bytes"
    case .list: "a list"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .set: "a set"
    case .global(let global): "the name \(global)"
    case .object(let type, _, _): "an object of \(type)"
    case .persistent: "a reference to something outside"
    case .cycle: "a reference to itself"
    }
  }
}
