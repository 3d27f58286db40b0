import Support

/// What is wrong with a command line or configuration of the reference.
public enum CompatibilityError: UserFacingError, Equatable {
  // The command line.
  case unknownOption(String, nearest: String?)
  case ambiguousOption(String, candidates: [String])
  case missingValue(option: String)
  case unexpectedValue(option: String)
  case wholeNumber(option: String, found: String)
  /// KEY VALUE pairs that end with a key.
  case unpaired(key: String)

  // The configuration.
  case noFile(path: String)
  case yaml(path: String, line: Int?, reason: String)
  case unknownKey(String, source: String, nearest: String?)
  case section(String, source: String)
  case type(key: String, source: String, expected: String, found: String)
  case unsupported(key: String, found: String, supported: [String], nearest: String?)
  case range(key: String, expected: String, found: String)

  // What they ask for.
  case missing(option: String, key: String)
  case unknownDataset(String, nearest: String?, known: [String])
  case noModel(backbone: String, places: [String])
  case notTrained(trainer: String)
  case inputSize(configured: String, model: Int)

  // Prompts in the reference's folders.
  case noEpoch(path: String, found: [String])
  case contextLength(path: String, key: String, configured: Int, found: Int)
  case otherMethod(path: String, trainer: String, found: String)

  public var problem: String {
    switch self {
    case .unknownOption(let option, _): "train.py has no option \(option)"
    case .ambiguousOption(let option, let candidates): "\(option) may stand for \(candidates.joined(separator: " or "))"
    case .missingValue(let option): "\(option) needs a value"
    case .unexpectedValue(let option): "\(option) takes no value"
    case .wholeNumber(let option, let found): "\(option) must be a whole number, found '\(found)'"
    case .unpaired(let key): "The last key, \(key), has no value"
    case .noFile(let path): "There is no configuration file \(path)"
    case .yaml(let path, let line, let reason):
      "\(path) cannot be read as a configuration: \(line.map { "line \($0): " } ?? "")\(reason)"
    case .unknownKey(let key, let source, _): "There is no key \(key) (in \(source))"
    case .section(let key, let source): "\(key) (in \(source)) is a section of keys and not a key itself"
    case .type(let key, let source, let expected, let found):
      "\(key) must be \(expected), found \(found) (in \(source))"
    case .unsupported(let key, let found, _, _): "\(key) \(found) is not supported"
    case .range(let key, let expected, let found): "\(key) must be \(expected), found \(found)"
    case .missing(let option, let key): "Neither \(option) nor \(key) is given"
    case .unknownDataset(let name, _, _): "There is no dataset '\(name)' (DATASET.NAME)"
    case .noModel(let backbone, let places):
      "There is no checkpoint for MODEL.BACKBONE.NAME '\(backbone)': looked for \(places.joined(separator: ", "))"
    case .notTrained(let trainer): "\(trainer) has nothing to train"
    case .inputSize(let configured, let model):
      "INPUT.SIZE is \(configured), but the checkpoint takes images of \(model) × \(model)"
    case .noEpoch(let path, _): "There are no prompts \(path)"
    case .contextLength(let path, let key, let configured, let found):
      "\(path) has \(found) context vectors, but \(key) asks for \(configured)"
    case .otherMethod(let path, let trainer, let found): "\(path) holds prompts of \(found), not of \(trainer)"
    }
  }

  public var remedy: String? {
    switch self {
    case .unknownOption(_, let nearest?), .unknownKey(_, _, let nearest?), .unknownDataset(_, let nearest?, _):
      "Did you mean \(nearest)?"
    case .unsupported(_, _, _, let nearest?): "Did you mean \(nearest)?"
    case .unknownOption: "'cocoop compat --help' lists the options"
    case .ambiguousOption: "Spell it out"
    case .missingValue, .unexpectedValue, .wholeNumber, .inputSize: nil
    case .unpaired: "Give KEY VALUE pairs at the end, after all options"
    case .noFile: "Check the path"
    case .yaml: "Indent with spaces, give each key once, and write each value out"
    case .unknownKey, .section: "'cocoop compat --keys' lists the keys"
    case .type: "A value must have the type of the default"
    case .unsupported(let key, _, let supported, _):
      supported.isEmpty ? "Leave \(key) out" : "Give \(supported.joined(separator: " or "))"
    case .range: nil
    case .missing(let option, _): "Give \(option)"
    case .unknownDataset(_, _, let known): "Give one of \(known.joined(separator: ", "))"
    case .noModel: "Put it there, or name it with 'cocoop compat --model M -- …'"
    case .notTrained: "Add --eval-only"
    case .noEpoch(_, let found):
      found.isEmpty ? "Give the --output-dir of a finished training" : "There are \(found.joined(separator: ", "))"
    case .contextLength: "Give the settings that it was trained with"
    case .otherMethod: "Give the --trainer that it was trained with"
    }
  }
}
