import ArgumentParser
import Datasets
import PromptLearning
import Reproduction
import Runs
import Support

extension PromptLearning.Method: ExpressibleByArgument {
  public init?(argument: String) { self.init(id: argument) }
  public static var allValueStrings: [String] { all.map(\.id) }
  public var defaultValueDescription: String { id }
}

extension ClassSubset: ExpressibleByArgument {}
extension ContextPosition: ExpressibleByArgument {}
extension ImageViews: ExpressibleByArgument {}
extension Split: ExpressibleByArgument {}

/// A list with commas, such as `1,2,3` or `zero-shot,coop`.
struct CommaList<Element: ExpressibleByArgument & Sendable>: ExpressibleByArgument, Sendable {
  let elements: [Element]

  init(_ elements: [Element]) { self.elements = elements }

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
      .map { $0.trimmingPrefix(while: \.isWhitespace) }
    let elements = parts.compactMap { Element(argument: String($0)) }
    guard elements.count == parts.count, !elements.isEmpty else { return nil }
    self.elements = elements
  }

  var defaultValueDescription: String { elements.map(\.defaultValueDescription).joined(separator: ",") }
}

/// The options for the classes of a command.
struct ClassOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "all, base or new (the halves of benchmarks), or names with commas between them (default: all, or a run's own).",
      valueName: "names"))
  var classes: String?

  @Option(
    help: ArgumentHelp("One class name a line, or a table with a column 'class', or a list in JSON.", valueName: "file")
  )
  var classesFile: String?

  func validate() throws {
    guard classes == nil || classesFile == nil else {
      throw ValidationError("--classes and --classes-file exclude each other.")
    }
  }

  /// The choice; `nil` where no option is given.
  var choice: ClassChoice? { get throws { try ClassChoice(list: classes, file: classesFile) } }
}

/// The photos that are held out for testing from images without a split.
enum TestPhotos: String, ExpressibleByArgument, CaseIterable { case auto, none }

extension PromptLearning.Method {
  /// The methods of these names.
  ///
  /// - Throws: `ValidationError` with the nearest name, or for a method that occurs twice.
  static func named(_ names: [String]) throws -> [PromptLearning.Method] {
    let methods = try names.map { name in
      if let method = PromptLearning.Method(id: name) { return method }
      let known = all.map(\.id)
      let advice =
        name.nearest(among: known).map { "Did you mean '\($0)'?" } ?? "Give one of \(known.joined(separator: ", "))."
      throw ValidationError("There is no method '\(name)'. \(advice)")
    }
    var seen: Set<String> = []
    if let twice = methods.first(where: { !seen.insert($0.id).inserted }) {
      throw ValidationError("--methods must name each method once, found '\(twice.id)' twice.")
    }
    return methods
  }
}

/// The options for a run's images and classes.
struct SampleOptions: ParsableArguments {
  @OptionGroup var classes: ClassOptions

  @Option(help: ArgumentHelp("Photos of each class.", valueName: "k"))
  var shots = 16

  @Option(
    help: "Photos to test on, where the data has no test part: auto keeps what the shots leave, none learns from all.")
  var test = TestPhotos.auto

  @Option(
    help: ArgumentHelp("Decides which photos are kept for testing, where the data has no test part.", valueName: "n"))
  var divisionSeed = 1

  @Option(help: ArgumentHelp("Decides the sample, the initial values and the training.", valueName: "n"))
  var seed = 1

  func validate() throws {
    guard shots >= 1 else { throw ValidationError("--shots must be 1 or more, found \(shots).") }
  }

  var division: Division { test == .none ? .noTest : .shotsFirst(shots, seed: divisionSeed) }
}

/// The options of training; a missing one takes the method's default.
struct TrainingOptions: ParsableArguments {
  @Option(
    help: "The words that the context begins as (default: \"a photo of a\"; \(methodsThatBeginTheirOwnWay): its own).")
  var context: String?

  @Option(help: ArgumentHelp("Begin with this many random context vectors instead of words.", valueName: "M"))
  var contextLength: Int?

  @Option(help: "Where the class name stands, for \(methods(taking: .position)): end, middle or front.")
  var position = ContextPosition.end

  @Flag(help: "Learn contexts of its own for each class, for \(methods(taking: .classSpecific)).")
  var classSpecific = false

  @Option(
    name: .customLong("option"),
    help: ArgumentHelp("A setting of the method's own; the end of 'help train' lists them.", valueName: "name=value"))
  var methodOptions: [NamedNumber] = []

  @Option(help: ArgumentHelp("Passes over the images (default: \(defaults(\.epochs))).", valueName: "n"))
  var epochs: Int?

  @Option(help: ArgumentHelp("Images a step (default: \(defaults(\.batchSize))).", valueName: "n"))
  var batchSize: Int?

  @Option(help: ArgumentHelp("The highest learning rate (default: 0.002).", valueName: "x"))
  var learningRate: Double?

  @Option(
    help: ArgumentHelp("Random views of an image: fresh at each use, or a number encoded once.", valueName: "fresh|n"))
  var imageViews = ImageViews.fresh

  func validate() throws {
    if context != nil, contextLength != nil {
      throw ValidationError("--context and --context-length exclude each other: words decide the length.")
    }
  }

  var runContext: RunConfiguration.Context {
    RunConfiguration.Context(
      words: contextLength == nil ? context ?? "a photo of a" : nil, length: contextLength, position: position,
      isClassSpecific: classSpecific, isAsked: context != nil)
  }

  /// The numbers of `--option`, by name.
  var optionValues: [String: Double] {
    Dictionary(methodOptions.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
  }

  func training(for method: PromptLearning.Method) throws -> TrainingConfiguration? {
    try method.defaultTraining.map(adjustment.applied(to:))
  }

  var adjustment: TrainingAdjustment {
    TrainingAdjustment(epochs: epochs, batchSize: batchSize, learningRate: learningRate, views: imageViews)
  }
}

/// The settings of a method that decide about the answers of a finished run.
struct AnswerOptions: ParsableArguments {
  @Option(
    name: .customLong("option"),
    help: ArgumentHelp(
      "Another value of a setting that decides about a run's answers: \(PromptLearning.Method.answerOptions).",
      valueName: "name=value"))
  var options: [NamedNumber] = []

  /// The numbers by name.
  var values: [String: Double] { Dictionary(options.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }) }
}

/// A number with a name, such as `weight=4`.
struct NamedNumber: ExpressibleByArgument, Sendable {
  let name: String
  let value: Double

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2, let value = Double(parts[1]), value.isFinite else { return nil }
    name = String(parts[0])
    self.value = value
  }
}

/// The methods' own values of a setting of training, such as "200 for coop, 10 for cocoop".
private func defaults(_ setting: KeyPath<TrainingConfiguration, Int>) -> String {
  PromptLearning.Method.all.compactMap { method in
    method.defaultTraining.map { "\($0[keyPath: setting]) for \(method.id)" }
  }.joined(separator: ", ")
}

private var methodsThatBeginTheirOwnWay: String {
  PromptLearning.Method.all.filter(\.beginsItsOwnWay).map(\.id).joined(separator: ", ")
}

private func methods(taking setting: ContextSetting) -> String {
  PromptLearning.Method.all.filter { $0.contextSettings.contains(setting) }.map(\.id).joined(separator: ", ")
}

extension PromptLearning.Method {
  /// The methods' settings that decide about answers, such as "heads of mmrl".
  fileprivate static var answerOptions: String {
    all.flatMap { method in method.options.filter(\.decidesAnswers).map { "\($0.name) of \(method.id)" } }
      .joined(separator: ", ")
  }

  /// The methods that learn from sentences about each class, such as "coprompt".
  static var readersOfSentences: String { all.filter(\.readsSentences).map(\.id).joined(separator: ", ") }

  /// The methods' own settings, for a command's help.
  static var optionsHelp: String {
    let lines = all.flatMap { method in
      method.options.map { "  \(method.id): \($0.name)=\($0.standardText), \($0.help)" }
    }
    return (["OPTIONS OF METHODS (--option name=value):"] + (lines.isEmpty ? ["  none"] : lines)).joined(
      separator: "\n")
  }
}
