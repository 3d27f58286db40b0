import Support

/// An error in a command line or configuration of the reference.
public struct CompatibilityError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension CompatibilityError {
  // Errors of the command line.
  public static func unknownOption(_ option: String, nearest: String?) -> Self {
    Self(
      "train.py has no option \(option)",
      remedy: nearest.map { "Did you mean \($0)?" } ?? "'cocoop compat --help' lists the options")
  }

  public static func ambiguousOption(_ option: String, candidates: [String]) -> Self {
    Self("\(option) may stand for \(candidates.joined(separator: " or "))", remedy: "Spell it out")
  }

  public static func missingValue(option: String) -> Self { Self("\(option) needs a value") }

  public static func unexpectedValue(option: String) -> Self { Self("\(option) takes no value") }

  public static func wholeNumber(option: String, found: String) -> Self {
    Self("\(option) must be a whole number, found '\(found)'")
  }

  /// KEY VALUE pairs that end with a key.
  public static func unpaired(key: String) -> Self {
    Self("The last key, \(key), has no value", remedy: "Give KEY VALUE pairs at the end, after all options")
  }

  // Errors of the configuration.
  public static func noFile(path: String) -> Self {
    Self("There is no configuration file \(path)", remedy: "Check the path")
  }

  public static func yaml(path: String, line: Int?, reason: String) -> Self {
    Self(
      "\(path) cannot be read as a configuration: \(line.map { "line \($0): " } ?? "")\(reason)",
      remedy: "Indent with spaces, give each key once, and write each value out")
  }

  public static func unknownKey(_ key: String, source: String, nearest: String?) -> Self {
    Self(
      "There is no key \(key) (in \(source))",
      remedy: nearest.map { "Did you mean \($0)?" } ?? "'cocoop compat --keys' lists the keys")
  }

  public static func section(_ key: String, source: String) -> Self {
    Self(
      "\(key) (in \(source)) is a section of keys and not a key itself", remedy: "'cocoop compat --keys' lists the keys"
    )
  }

  public static func type(key: String, source: String, expected: String, found: String) -> Self {
    Self(
      "\(key) must be \(expected), found \(found) (in \(source))", remedy: "A value must have the type of the default")
  }

  public static func unsupported(key: String, found: String, supported: [String], nearest: String?) -> Self {
    Self(
      "\(key) \(found) is not supported",
      remedy: nearest.map { "Did you mean \($0)?" }
        ?? (supported.isEmpty ? "Leave \(key) out" : "Give \(supported.joined(separator: " or "))"))
  }

  public static func range(key: String, expected: String, found: String) -> Self {
    Self("\(key) must be \(expected), found \(found)")
  }

  // Errors of the requested run.
  public static func missing(option: String, key: String) -> Self {
    Self("Neither \(option) nor \(key) is given", remedy: "Give \(option)")
  }

  public static func unknownDataset(_ name: String, nearest: String?, known: [String]) -> Self {
    Self(
      "There is no dataset '\(name)' (DATASET.NAME)",
      remedy: nearest.map { "Did you mean \($0)?" } ?? "Give one of \(known.joined(separator: ", "))")
  }

  public static func noModel(backbone: String, places: [String]) -> Self {
    Self(
      "There is no checkpoint for MODEL.BACKBONE.NAME '\(backbone)': looked for \(places.joined(separator: ", "))",
      remedy: "Put it there, fetch OpenAI's with 'cocoop models download NAME', or name one with"
        + " 'cocoop compat --model M -- …'")
  }

  public static func notTrained(trainer: String) -> Self {
    Self("\(trainer) has nothing to train", remedy: "Add --eval-only")
  }

  public static func inputSize(configured: String, model: Int) -> Self {
    Self("INPUT.SIZE is \(configured), but the checkpoint takes images of \(model) × \(model)")
  }

  // Errors of prompts in the reference's folders.
  public static func noEpoch(path: String, found: [String]) -> Self {
    Self(
      "There are no prompts \(path)",
      remedy: found.isEmpty
        ? "Give the --output-dir of a finished training" : "There are \(found.joined(separator: ", "))")
  }

  /// - Parameter found: what a file holds, with its number, such as `4 context vectors`.
  public static func length(path: String, key: String, configured: Int, found: String) -> Self {
    Self(
      "\(path) has \(found), but \(key) asks for \(configured)",
      remedy: "Give the settings that it was trained with")
  }

  public static func noMean(path: String, trainer: String) -> Self {
    Self(
      "\(path) lacks the mean over its epochs that a training of \(trainer) ends with, so that it cannot go on",
      remedy: "Give an --output-dir without prompts")
  }

  public static func otherMethod(path: String, trainer: String, found: String) -> Self {
    Self("\(path) holds prompts of \(found), not of \(trainer)", remedy: "Give the --trainer that it was trained with")
  }
}
