import Foundation
import PromptLearning
import Support

/// The reference's configuration after all merges: the defaults, the dataset's file, the trainer's file, the options,
/// and the KEY VALUE pairs, where later ones override earlier ones.
public struct ReferenceConfiguration: Sendable {
  private var values: [String: ConfigurationValue]
  /// The source that last set each key that is not a default.
  private var sources: [String: String] = [:]

  /// In the order of the reference, those of another program behind them.
  private let keys: [ConfigurationKey]
  private let keysByName: [String: ConfigurationKey]

  /// - Throws: ``CompatibilityError``.
  public init(_ arguments: Arguments) throws {
    keys = try Self.keys(arguments)
    keysByName = Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0) })
    values = keysByName.mapValues(\.standard)
    for path in [arguments.datasetFile, arguments.configurationFile] where !path.isEmpty {
      let path = path.expandingHome
      for setting in try YAMLConfiguration(path: path).settings {
        try set(setting.name, to: setting.value, source: path)
      }
    }
    for (key, option, value) in arguments.settings { try set(key, to: value, source: option) }
    let trainer = ReferenceTrainer(named: text("TRAINER.NAME"))
    try settle(trainer?.format.datasetDefaults)
    for index in stride(from: 0, to: arguments.pairs.count, by: 2) {
      let value = ConfigurationValue(decoding: arguments.pairs[index + 1])
      try set(arguments.pairs[index], to: value, source: "the command line")
    }
    try settle(trainer?.format.overrides)
  }

  /// Takes what a trainer's program sets on the dataset.
  private mutating func settle(
    _ settings: (@Sendable (_ dataset: String) -> [(key: String, value: ReferenceFormat.Key.Value)])?
  ) throws {
    for (key, value) in settings?(text("DATASET.NAME")) ?? [] {
      try set(key, to: ConfigurationValue(value), source: "the trainer's settings for the dataset")
    }
  }

  private mutating func set(_ name: String, to value: ConfigurationValue, source: String) throws {
    guard let key = keysByName[name] else {
      guard !keys.contains(where: { $0.name.hasPrefix(name + ".") }) else {
        throw CompatibilityError.section(name, source: source)
      }
      throw CompatibilityError.unknownKey(name, source: source, nearest: nearest(to: name))
    }
    guard value.hasType(of: key.standard) else {
      throw CompatibilityError.type(
        key: name, source: source, expected: key.standard.noun, found: "\(value)")
    }
    values[name] = value == .none ? .text("") : value
    sources[name] = source
  }

  /// The key that was meant: a slip of the keyboard, or another case.
  private func nearest(to name: String) -> String? {
    let names = keysByName.keys.sorted()
    return names.first { $0.lowercased() == name.lowercased() } ?? name.nearest(among: names)
  }

  /// CoOp's keys, or where the trainer is in a program of its own, that program's.
  private static func keys(_ arguments: Arguments) throws -> [ConfigurationKey] {
    var name = ConfigurationValue.text(arguments.trainer)
    if arguments.trainer.isEmpty {
      let files = [arguments.datasetFile, arguments.configurationFile].filter { !$0.isEmpty }
      for file in files {
        let settings = try YAMLConfiguration(path: file.expandingHome).settings
        name = settings.last { $0.name == "TRAINER.NAME" }?.value ?? name
      }
    }
    guard case .text(let text) = name, let trainer = ReferenceTrainer(named: text) else { return ConfigurationKey.all }
    let own = ConfigurationKey.own(of: trainer)
    let names = Set(own.map(\.name))
    return ConfigurationKey.all.filter { !names.contains($0.name) } + own
  }

  // Types are checked where values are set, so that these need not fail.

  func text(_ key: String) -> String {
    if case .text(let text) = values[key] { text } else { "" }
  }
  func integer(_ key: String) -> Int {
    if case .integer(let integer) = values[key] { integer } else { 0 }
  }
  /// The number of elements of a list; 0 for another value.
  func count(_ key: String) -> Int {
    if case .list(let elements) = values[key] { elements.count } else { 0 }
  }
  /// A whole number, or how many elements a list has.
  func length(_ key: String) -> Int { integer(key) + count(key) }
  /// The elements of a list of whole numbers that has some; `nil` for another value.
  func integers(_ key: String) -> [Int]? {
    guard case .list(let elements) = values[key], !elements.isEmpty else { return nil }
    let integers = elements.compactMap { if case .integer(let integer) = $0 { integer } else { nil } }
    return integers.count == elements.count ? integers : nil
  }
  func number(_ key: String) -> Double { value(key).asNumber }
  /// A number, or how many elements a list has.
  func measure(_ key: String) -> Double {
    if case .list = values[key] { Double(count(key)) } else { number(key) }
  }
  func flag(_ key: String) -> Bool {
    if case .flag(let flag) = values[key] { flag } else { false }
  }
  public func value(_ key: String) -> ConfigurationValue { values[key] ?? .none }

  /// Refuses unsupported values of keys that these runs depend on.
  func check(_ scope: ConfigurationKey.Scope) throws {
    for key in keys {
      guard case .choice(let supported, scope, _) = key.role else { continue }
      let found = value(key.name)
      guard !supported.contains(where: { found.isSame(as: $0) }) else { continue }
      throw CompatibilityError.unsupported(
        key: key.name, found: "\(found)", supported: supported.filter { $0 != "" }.map(\.description),
        nearest: "\(found)".nearest(among: supported.map(\.description).filter { $0.count > 2 }))
    }
  }

  /// One line for each given key that changes nothing here.
  var ignoredKeys: [String] {
    keys.compactMap { key in
      guard case .ignored(let reason) = key.role, sources[key.name] != nil else { return nil }
      return "\(key.name) changes nothing here: \(reason)"
    }
  }

  /// The given settings and the defaults, one `KEY: value` a line, without keys that change nothing.
  var lines: [String] {
    keys.compactMap { key in
      if case .ignored = key.role { nil } else { "\(key.name): \(value(key.name))" }
    }
  }
}

extension ConfigurationValue {
  /// The number; 0 where this is none.
  var asNumber: Double {
    switch self {
    case .number(let number): number
    case .integer(let integer): Double(integer)
    default: 0
    }
  }

  /// Whether this value means the same as a supported one: names in a list are a set.
  fileprivate func isSame(as other: ConfigurationValue) -> Bool {
    guard case (.list(let mine), .list(let others)) = (self, other) else { return self == other }
    func names(_ elements: [ConfigurationValue]) -> Set<String>? {
      elements.contains { if case .text = $0 { false } else { true } } ? nil : Set(elements.map(\.description))
    }
    guard let mine = names(mine), let others = names(others) else { return self == other }
    return mine == others
  }
}

extension Arguments {
  /// The settings of options, with the corresponding keys.
  fileprivate var settings: [(key: String, option: String, value: ConfigurationValue)] {
    let texts = [
      ("DATASET.ROOT", "--root", root), ("OUTPUT_DIR", "--output-dir", outputFolder), ("RESUME", "--resume", resume),
      ("TRAINER.NAME", "--trainer", trainer), ("MODEL.BACKBONE.NAME", "--backbone", backbone),
      ("MODEL.HEAD.NAME", "--head", head),
    ].filter { !$0.2.isEmpty }.map { ($0.0, $0.1, ConfigurationValue.text($0.2)) }
    let lists = [
      ("DATASET.SOURCE_DOMAINS", "--source-domains", sourceDomains),
      ("DATASET.TARGET_DOMAINS", "--target-domains", targetDomains), ("INPUT.TRANSFORMS", "--transforms", transforms),
    ].filter { !$0.2.isEmpty }.map { ($0.0, $0.1, ConfigurationValue.list($0.2.map(ConfigurationValue.text))) }
    return texts + lists + (seed.map { [("SEED", "--seed", .integer($0))] } ?? [])
  }
}

extension String {
  /// The path with the user's folder instead of a `~` at the beginning, as the reference expands it.
  var expandingHome: String { NSString(string: self).expandingTildeInPath }
}
