/// A setting of one method: declared once, for the command line, `run.json`, the check of a resume, and reports.
public struct MethodOption: Sendable, Equatable {
  /// The name on the command line and in files, such as `weight`.
  public let name: String
  /// The default value.
  public let standard: Double
  public let range: ClosedRange<Double>
  public let help: String
  /// Whether it counts something.
  public let isWhole: Bool
  /// Whether it decides about the answers of a finished run, which may then be given another value.
  public let decidesAnswers: Bool

  /// The default value as a person writes it: 8 instead of 8.0.
  public var standardText: String { standard == standard.rounded() ? "\(Int(standard))" : "\(standard)" }

  init(
    _ name: String, standard: Double, in range: ClosedRange<Double>, help: String, isWhole: Bool = false,
    decidesAnswers: Bool = false
  ) {
    self.isWhole = isWhole
    self.decidesAnswers = decidesAnswers
    self.name = name
    self.standard = standard
    self.range = range
    self.help = help
  }
}

/// The values of a method's options that differ from the defaults, by name.
public struct MethodOptions: Sendable, Equatable, Codable {
  public private(set) var values: [String: Double]

  public init() { values = [:] }

  /// - Parameter values: the values by the names of the method's options.
  /// - Throws: ``LearningError/noOption(name:method:known:)``, ``LearningError/setting(name:expected:found:)``.
  public init(_ values: [String: Double], for method: Method) throws {
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      guard let option = method.options.first(where: { $0.name == name }) else {
        throw LearningError.noOption(name: name, method: method.title, known: method.options.map(\.name))
      }
      guard option.range.contains(value) else {
        throw LearningError.setting(
          name: "The option '\(name)' of \(method.title)",
          expected: "from \(option.range.lowerBound) to \(option.range.upperBound)", found: "\(value)")
      }
      guard !option.isWhole || value == value.rounded() else {
        throw LearningError.setting(
          name: "The option '\(name)' of \(method.title)", expected: "a whole number", found: "\(value)")
      }
    }
    self.values = values.filter { name, value in method.options.contains { $0.name == name && $0.standard != value } }
  }

  /// The value of an option, given or default.
  public subscript(option: MethodOption) -> Double { values[option.name] ?? option.standard }

  public var isStandard: Bool { values.isEmpty }

  public init(from decoder: any Decoder) throws {
    values = try decoder.singleValueContainer().decode([String: Double].self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(values)
  }
}
