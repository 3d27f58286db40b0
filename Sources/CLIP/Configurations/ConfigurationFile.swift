import Foundation
import Support

/// A JSON object whose keys are taken one by one; a key that is left over is an error.
struct ConfigurationFile {
  private let file: String
  private let path: String
  private var values: [String: JSONValue]

  init(contentsOf url: URL) throws {
    let data = try RegularFile.description(at: url)
    guard let values = try? JSONValue(parsing: data).object else {
      throw CLIPError.notACheckpoint(path: url.path, found: "the file is no JSON object")
    }
    self.init(file: url.lastPathComponent, path: "", values: values)
  }

  private init(file: String, path: String, values: [String: JSONValue]) {
    self.file = file
    self.path = path
    self.values = values
  }

  func has(_ key: String) -> Bool { values[key] != nil }

  func isList(_ key: String) -> Bool { values[key]?.array != nil }

  func isObject(_ key: String) -> Bool { values[key]?.object != nil }

  mutating func section(_ key: String) throws -> ConfigurationFile {
    guard let section = values[key]?.object else {
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
    let value = values.removeValue(forKey: key) ?? standard.map(JSONValue.integer)
    guard let number = value.flatMap(Self.positiveInteger) else {
      throw wrong(key, expected: "a positive integer", found: value)
    }
    return number
  }

  /// A list of `count` positive integers.
  mutating func positiveIntegers(_ key: String, count: Int) throws -> [Int] {
    let value = values.removeValue(forKey: key)
    let numbers = value?.array?.compactMap(Self.positiveInteger) ?? []
    guard numbers.count == count, value?.array?.count == count else {
      throw wrong(key, expected: "\(count) positive integers", found: value)
    }
    return numbers
  }

  /// A number above 0 and at most `limit`.
  mutating func positiveNumber(_ key: String, upTo limit: Double, default standard: Double) throws -> Double {
    guard let value = values.removeValue(forKey: key) else { return standard }
    guard let number = value.double, number > 0, number <= limit else {
      throw wrong(key, expected: "a number above 0 and at most \(limit)", found: value)
    }
    return number
  }

  mutating func flag(_ key: String, default standard: Bool) throws -> Bool {
    guard let value = values.removeValue(forKey: key) else { return standard }
    guard let flag = value.bool else { throw wrong(key, expected: "true or false", found: value) }
    return flag
  }

  mutating func text(_ key: String, oneOf choices: [String]) throws -> String {
    let value = values.removeValue(forKey: key)
    guard let text = value?.string, choices.contains(text) else {
      throw wrong(key, expected: choices.map { "'\($0)'" }.joined(separator: " or "), found: value)
    }
    return text
  }

  /// Three numbers, one for each colour channel.
  mutating func channels(_ key: String) throws -> [Float] {
    let value = values.removeValue(forKey: key)
    let numbers = value?.array?.compactMap(\.double) ?? []
    guard numbers.count == 3, value?.array?.count == 3, numbers.allSatisfy(\.isFinite) else {
      throw wrong(key, expected: "three numbers", found: value)
    }
    return numbers.map(Float.init)
  }

  /// Takes a key of which only some values are supported; where it is absent, it is `standard`.
  ///
  /// - Returns: the text, empty for `null`.
  /// - Throws: ``CLIPError/unsupported(file:option:)`` for any other value.
  mutating func supported(_ key: String, _ choices: [String], default standard: String) throws -> String {
    let value = values.removeValue(forKey: key) ?? .string(standard)
    let text = value.isNull ? "" : value.string
    guard let text, choices.contains(text) else { throw unsupported(key, value) }
    return text
  }

  /// Takes a number that must be 0.
  mutating func requireZero(_ key: String) throws {
    let value = values.removeValue(forKey: key)
    guard value == 0 else { throw unsupported(key, value) }
  }

  /// Takes options that would change the result in an unsupported way: each may be absent or off, which is `null`,
  /// `false`, an empty text, list or object.
  ///
  /// - Throws: ``CLIPError/unsupported(file:option:)``.
  mutating func refuse(_ keys: [String]) throws {
    for key in keys {
      guard let value = values.removeValue(forKey: key) else { continue }
      guard [JSONValue.null, false, "", [], [:]].contains(value) else { throw unsupported(key, value) }
    }
  }

  /// Takes options that change nothing in a forward pass of a trained model, whatever their values.
  mutating func passOver(_ keys: [String]) {
    for key in keys { values[key] = nil }
  }

  /// Takes `keys` where they are `null`: open_clip's way of omitting an option.
  mutating func passOverNull(_ keys: [String]) {
    for key in keys where values[key]?.isNull == true { values[key] = nil }
  }

  func finish() throws {
    if let key = values.keys.min() { throw unsupported(key, values[key]) }
  }

  func wrong(_ key: String, expected: String, found: JSONValue?) -> CLIPError {
    wrong(key, expected: expected, found: found?.description ?? "nothing")
  }

  func wrong(_ key: String, expected: String, found: some CustomStringConvertible) -> CLIPError {
    .configuration(file: file, key: "\(path)\(key)", expected: expected, found: "\(found)")
  }

  func unsupported(_ key: String, _ value: JSONValue?) -> CLIPError {
    unsupported(key, value?.description ?? "nothing")
  }

  func unsupported(_ key: String, _ value: some CustomStringConvertible) -> CLIPError {
    .unsupported(file: file, option: "\(path)\(key) = \(value)")
  }

  private static func positiveInteger(_ value: JSONValue) -> Int? {
    // An upper bound keeps products of two such numbers far from overflow.
    guard let number = value.integer, (1...1_000_000_000).contains(number) else { return nil }
    return number
  }
}
