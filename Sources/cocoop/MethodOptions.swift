import ArgumentParser
import Datasets
import Experiments
import PromptLearning

extension PromptLearning.Method: ExpressibleByArgument {}
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

/// Which images and classes a run learns from.
struct SampleOptions: ParsableArguments {
  @Option(help: "Which half of the classes: base, new or all.")
  var classes = ClassSubset.base

  @Option(help: ArgumentHelp("Photos of each class.", valueName: "k"))
  var shots = 16

  @Option(help: ArgumentHelp("Decides the sample, the initial values and the training.", valueName: "n"))
  var seed = 1

  func validate() throws {
    guard shots >= 1 else { throw ValidationError("--shots must be 1 or more, found \(shots).") }
  }
}

/// How prompts are trained; what is not given is the method's default.
struct TrainingOptions: ParsableArguments {
  @Option(help: "The words that the context begins as (default: \"a photo of a\").")
  var context: String?

  @Option(help: ArgumentHelp("Begin with this many random context vectors instead of words.", valueName: "M"))
  var contextLength: Int?

  @Option(help: "Where CoOp's class name stands: end, middle or front.")
  var position = ContextPosition.end

  @Flag(help: "Learn contexts of its own for each class (CoOp).")
  var classSpecific = false

  @Option(help: ArgumentHelp("Passes over the images (default: 10 for cocoop, 200 for coop).", valueName: "n"))
  var epochs: Int?

  @Option(help: ArgumentHelp("Images a step (default: 1 for cocoop, 32 for coop).", valueName: "n"))
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
      isClassSpecific: classSpecific)
  }

  func training(for method: PromptLearning.Method) throws -> TrainingConfiguration? {
    try method.defaultTraining.map(adjustment.applied(to:))
  }

  var adjustment: TrainingAdjustment {
    TrainingAdjustment(epochs: epochs, batchSize: batchSize, learningRate: learningRate, views: imageViews)
  }
}
