import Foundation

/// A JSON object whose keys are taken one by one; a key that nobody took is an error.
struct ConfigurationFile {
  private let file: String
  private let path: String
  private var values: [String: Any]

  init(contentsOf url: URL) throws {
    let data = try RegularFile.description(at: url)
    guard let values = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw CLIPError.notACheckpoint(path: url.path, found: "the file is no JSON object")
    }
    self.init(file: url.lastPathComponent, path: "", values: values)
  }

  private init(file: String, path: String, values: [String: Any]) {
    self.file = file
    self.path = path
    self.values = values
  }

  func has(_ key: String) -> Bool { values[key] != nil }

  func isList(_ key: String) -> Bool { values[key] is [Any] }

  func isObject(_ key: String) -> Bool { values[key] is [String: Any] }

  mutating func section(_ key: String) throws -> ConfigurationFile {
    guard let section = values[key] as? [String: Any] else {
      throw wrong(key, expected: "an object", found: values[key])
    }
    values[key] = nil
    return ConfigurationFile(file: file, path: "\(path)\(key).", values: section)
  }

  /// The object under a key that may be absent.
  mutating func sectionOrEmpty(_ key: String) throws -> ConfigurationFile {
    if values[key] == nil { return ConfigurationFile(file: file, path: "\(path)\(key).", values: [:]) }
    return try section(key)
  }

  mutating func positiveInteger(_ key: String, default standard: Int? = nil) throws -> Int {
    guard let value = values.removeValue(forKey: key) ?? standard else {
      throw wrong(key, expected: "a positive integer", found: nil)
    }
    guard let number = Self.positiveInteger(value) else {
      throw wrong(key, expected: "a positive integer", found: value)
    }
    return number
  }

  /// As many positive integers as `count` says.
  mutating func positiveIntegers(_ key: String, count: Int) throws -> [Int] {
    let value = values.removeValue(forKey: key)
    let numbers = (value as? [Any])?.compactMap(Self.positiveInteger) ?? []
    guard numbers.count == count, (value as? [Any])?.count == count else {
      throw wrong(key, expected: "\(count) positive integers", found: value)
    }
    return numbers
  }

  /// A number above 0 and at most `limit`.
  mutating func positiveNumber(_ key: String, upTo limit: Double, default standard: Double) throws -> Double {
    guard let value = values.removeValue(forKey: key) else { return standard }
    guard let number = value as? Double, number > 0, number <= limit, !Self.isFlag(value) else {
      throw wrong(key, expected: "a number above 0 and at most \(limit)", found: value)
    }
    return number
  }

  mutating func flag(_ key: String, default standard: Bool) throws -> Bool {
    guard let value = values.removeValue(forKey: key) else { return standard }
    guard Self.isFlag(value), let flag = value as? Bool else {
      throw wrong(key, expected: "true or false", found: value)
    }
    return flag
  }

  mutating func text(_ key: String, oneOf choices: [String]) throws -> String {
    let value = values.removeValue(forKey: key)
    guard let text = value as? String, choices.contains(text) else {
      throw wrong(key, expected: choices.map { "'\($0)'" }.joined(separator: " or "), found: value)
    }
    return text
  }

  /// Three numbers, one a colour channel.
  mutating func channels(_ key: String) throws -> [Float] {
    let value = values.removeValue(forKey: key)
    guard let numbers = value as? [Double], numbers.count == 3, numbers.allSatisfy(\.isFinite) else {
      throw wrong(key, expected: "three numbers", found: value)
    }
    return numbers.map(Float.init)
  }

  /// Takes a key of which only some values can be computed; absent, it is `standard`.
  ///
  /// - Returns: the text, empty for `null`.
  /// - Throws: ``CLIPError/unsupported(file:option:)`` for any other value.
  mutating func supported(_ key: String, _ choices: [String], default standard: String) throws -> String {
    let value = values.removeValue(forKey: key) ?? standard
    let text = value is NSNull ? "" : value as? String
    guard let text, choices.contains(text) else { throw unsupported(key, value) }
    return text
  }

  /// Takes a number that must be 0.
  mutating func requireZero(_ key: String) throws {
    let value = values.removeValue(forKey: key)
    guard value as? Int == 0 else { throw unsupported(key, value) }
  }

  /// Takes options that change the result in a way that cannot be computed here: each may be absent or off, which
  /// is `null`, `false`, an empty text, list or object.
  ///
  /// - Throws: ``CLIPError/unsupported(file:option:)``.
  mutating func refuse(_ keys: [String]) throws {
    for key in keys {
      guard let value = values.removeValue(forKey: key) else { continue }
      let isOff =
        value is NSNull || Self.isFlag(value) && value as? Bool == false || value as? String == ""
        || (value as? [Any])?.isEmpty == true || (value as? [String: Any])?.isEmpty == true
      guard isOff else { throw unsupported(key, value) }
    }
  }

  /// Takes options that change nothing in a forward pass of a trained model, whatever they say.
  mutating func passOver(_ keys: [String]) {
    for key in keys { values[key] = nil }
  }

  /// Takes `keys` where they are `null`: open_clip's way of leaving an option out.
  mutating func passOverNull(_ keys: [String]) {
    for key in keys where values[key] is NSNull { values[key] = nil }
  }

  func finish() throws {
    if let key = values.keys.min() { throw unsupported(key, values[key]) }
  }

  func wrong(_ key: String, expected: String, found: Any?) -> CLIPError {
    .configuration(file: file, key: "\(path)\(key)", expected: expected, found: Self.text(of: found))
  }

  func unsupported(_ key: String, _ value: Any?) -> CLIPError {
    .unsupported(file: file, option: "\(path)\(key) = \(Self.text(of: value))")
  }

  private static func positiveInteger(_ value: Any) -> Int? {
    // An upper bound keeps products of two such numbers far from overflow.
    guard let number = value as? Int, (1...1_000_000_000).contains(number), !isFlag(value) else { return nil }
    return number
  }

  /// Whether a value is JSON's `true` or `false`: Foundation also takes the numbers 0 and 1 for them, and them for
  /// numbers.
  private static func isFlag(_ value: Any) -> Bool {
    (value as? NSNumber).map { String(cString: $0.objCType) == "c" } ?? false
  }

  /// A value as the file spells it, as far as a message needs it; of an object, its keys.
  private static func text(of value: Any?) -> String {
    switch value {
    case nil: "nothing"
    case is NSNull: "null"
    case let object as [String: Any]: "{\(object.keys.sorted().joined(separator: ", "))}"
    case let value?: isFlag(value) ? "\(value as? Bool ?? false)" : String(describing: value)
    }
  }
}
