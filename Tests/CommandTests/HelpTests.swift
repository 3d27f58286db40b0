import Foundation
import Testing

@Suite("Every command explains itself by an example that works")
struct HelpTests {
  private static let commands = [
    "", "demo", "train", "compare", "evaluate", "predict", "export", "models", "models list", "models inspect",
    "models convert", "datasets", "datasets list", "datasets download", "datasets check",
    "datasets few-shot", "datasets split", "reproduce", "report", "benchmark", "serve", "doctor",
    "check-device",
  ]
  private static let writing: Set = ["models convert", "datasets split"]
  /// Commands that fetch: in a test they may make no request.
  private static let fetching: Set = ["datasets download"]
  private static let computing: Set = [
    "demo", "train", "compare", "evaluate", "predict", "export", "reproduce", "report", "benchmark", "serve", "doctor",
    "check-device",
  ]

  @Test("the example parses", arguments: commands)
  func example(command: String) throws {
    try withWorkplace { place in
      let help = try place.cocoop("\(command) --help")
      #expect(help.status == 0 && help.errors.isEmpty)
      let lines = help.output.split(separator: "\n").map { $0.trimmingPrefix(while: \.isWhitespace) }
      let heading = try #require(lines.firstIndex(of: "EXAMPLE:"))
      let words = lines[heading + 1].split(separator: " ").map { String($0).replacing("\"", with: "") }
      #expect(words[0] == "cocoop" && words.joined(separator: " ").hasPrefix("cocoop \(command)"))
      // Commands that compute are stopped after parsing, by an impossible number of threads.
      let computes = Self.computing.contains(words[1])
      let fetches = Self.fetching.contains(command)
      let outcome = try place.cocoop(
        Array(words.dropFirst()) + (computes ? ["--threads", "0"] : fetches ? ["--offline"] : []))
      if fetches {
        #expect(outcome.status == 1 && outcome.errors.contains("and --offline forbids requests"))
      } else if computes {
        #expect(outcome.status == 1)
        #expect(outcome.errors == "Error: Cannot compute with 0 threads. Give a number from 1 to 1024.\n")
      } else {
        #expect(outcome.status == 0 && outcome.errors.isEmpty && !outcome.output.isEmpty)
      }
      #expect(place.contents.isEmpty != Self.writing.contains(command))
    }
  }
}
