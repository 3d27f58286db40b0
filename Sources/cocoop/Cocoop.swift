import ArgumentParser
import CStartup
import Foundation

/// The command line. Each command parses, calls one function and prints; results go to standard output, everything
/// else to standard error.
@main
struct Cocoop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cocoop",
    abstract: "Prompt learning for CLIP: zero-shot, CoOp and CoCoOp.",
    discussion: """
      Give it a CLIP checkpoint and 16 photos of each class, and it learns a prompt, conditioned on each image, that \
      beats zero-shot CLIP on those classes and still works on classes named later.

      EXAMPLE:
        cocoop demo
      """,
    version: COCOOP_VERSION,
    subcommands: [
      Demo.self, Train.self, Compare.self, Evaluate.self, Predict.self, ExportCommand.self, Models.self, Datasets.self,
      Prompts.self, Runs.self, ReportCommand.self, Compat.self, Reproduce.self, Benchmark.self, Serve.self,
      Doctor.self, CheckDevice.self,
    ])

  static func main() { main(GivenArguments.spelled()) }

  func run() throws { try Self.askForSubcommand() }
}

extension ParsableCommand {
  /// Answers a command that only groups others, when it was called without one: with its help, as a wrong command line.
  static func askForSubcommand() throws {
    StandardError.write(helpMessage() + "\n")
    throw ExitCode.validationFailure
  }
}
