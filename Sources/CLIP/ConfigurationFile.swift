import Foundation

/// A JSON object whose keys are taken one by one; a key that nobody took is an error.
struct ConfigurationFile {
  private let file: String
  private let path: String
  private var values: [String: Any]

  init(contentsOf url: URL) throws {
    guard let data = try? Data(contentsOf: url) else {
      throw CLIPError.notACheckpoint(path: url.path, found: "the file cannot be read")
    }
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

  mutating func section(_ key: String) throws -> ConfigurationFile {
    guard let section = values[key] as? [String: Any] else {
      throw wrong(key, expected: "an object", found: values[key])
    }
    values[key] = nil
    return ConfigurationFile(file: file, path: "\(path)\(key).", values: section)
  }

  mutating func positiveInteger(_ key: String, default standard: Int? = nil) throws -> Int {
    guard let value = values.removeValue(forKey: key) ?? standard else {
      throw wrong(key, expected: "a positive integer", found: nil)
    }
    // An upper bound keeps products of two such numbers far from overflow.
    guard let number = value as? Int, (1...1_000_000_000).contains(number), !Self.isFlag(value) else {
      throw wrong(key, expected: "a positive integer", found: value)
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

  /// Takes a key whose only supported value is `expected`.
  mutating func require(_ key: String, _ expected: String) throws {
    let value = values.removeValue(forKey: key)
    guard value as? String == expected else {
      throw CLIPError.unsupported(file: file, option: "\(path)\(key) = \(Self.text(of: value))")
    }
  }

  func finish() throws {
    if let key = values.keys.min() {
      throw CLIPError.unsupported(file: file, option: "\(path)\(key) = \(Self.text(of: values[key]))")
    }
  }

  func wrong(_ key: String, expected: String, found: Any?) -> CLIPError {
    .configuration(file: file, key: "\(path)\(key)", expected: expected, found: Self.text(of: found))
  }

  /// Whether a value is JSON's `true` or `false`: Foundation also takes the numbers 0 and 1 for them, and them for
  /// numbers.
  private static func isFlag(_ value: Any) -> Bool {
    (value as? NSNumber).map { String(cString: $0.objCType) == "c" } ?? false
  }

  /// A value as the file spells it, as far as a message needs it.
  private static func text(of value: Any?) -> String {
    guard let value else { return "nothing" }
    return isFlag(value) ? "\(value as? Bool ?? false)" : String(describing: value)
  }
}
