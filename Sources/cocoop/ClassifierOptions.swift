import ArgumentParser
import Runs

/// The options for what classifies: a run, or zero-shot CLIP with the classes given.
struct ClassifierOptions: ParsableArguments {
  @Option(
    name: .customLong("run"), help: ArgumentHelp("A run's folder, or prompts of the reference.", valueName: "folder"))
  var runFolder: String?

  @Option(help: "tiny-clip, the path of a checkpoint, or a name such as ViT-B/16, which is fetched once (models list).")
  var model: String?

  @Option(help: ArgumentHelp("Class names with commas between them.", valueName: "names"))
  var classes: String?

  @Option(
    help: ArgumentHelp("One class name a line, a list in JSON, or a CSV file with a column 'class'.", valueName: "file")
  )
  var classesFile: String?

  @Option(
    help: """
      The sentence that zero-shot CLIP reads, with {} for the name (default: "a photo of a {}."). Several are averaged.
      """)
  var template: [String] = []

  /// The classes given; `nil` where there are none.
  var names: ClassNames? { get throws { try ClassNames(list: classes, file: classesFile) } }

  /// The sentences of zero-shot CLIP.
  var templates: [String] { template.isEmpty ? ["a photo of a {}."] : template }

  func validate() throws {
    guard classes == nil || classesFile == nil else {
      throw ValidationError("--classes and --classes-file exclude each other.")
    }
    guard runFolder == nil || template.isEmpty else {
      throw ValidationError("--template is for zero-shot CLIP: a run has its own prompts.")
    }
  }

  /// Refuses a command line that names nothing that classifies.
  func requireSource() throws {
    guard runFolder != nil || model != nil else { throw ValidationError("Give --run or --model.") }
  }

  /// Refuses zero-shot CLIP without classes.
  func requireClasses() throws {
    guard runFolder != nil || classes != nil || classesFile != nil else {
      throw ValidationError("Without --run, give --classes or --classes-file.")
    }
  }
}
