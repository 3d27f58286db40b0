import Support

/// What can be wrong with a checkpoint, its configuration, or a prompt.
public enum CLIPError: UserFacingError, Equatable {
  /// A folder or file that is no checkpoint; `found` says what it is.
  case notACheckpoint(path: String, found: String)
  /// Files that cannot be read as a checkpoint.
  case checkpoint(path: String, CheckpointFault)
  case missingTensor(name: String, file: String, nearest: String?)
  case tensorShape(name: String, file: String, expected: [Int], found: [Int])
  case unreadTensors(names: [String], file: String)
  case notFinite(tensor: String, file: String)
  /// A key of the configuration that is missing or of the wrong kind.
  case configuration(file: String, key: String, expected: String, found: String)
  /// A key that this package does not know, and so cannot honour.
  case unsupported(file: String, option: String)
  /// A weight whose elements are no floats, by the file's name for their type.
  case elementType(tensor: String, file: String, found: String)
  /// Tensors that make no CLIP; `kind` says what they look like.
  case foreign(file: String, kind: String, remedy: String)
  /// Tensors of a CLIP that leave its architecture open.
  case ambiguous(file: String, reason: String)
  /// Something that another library's form cannot say.
  case noCounterpart(form: String, architecture: String, part: String)
  /// What a conversion would have to replace.
  case targetExists(path: String)
  case foreignTarget(path: String)
  case promptTooLong(symbols: Int, limit: Int)
  case emptyTrie
  /// Contexts that do not fit the trie or the text encoder.
  case contexts(expected: [Int], found: [Int])

  public var problem: String {
    switch self {
    case .notACheckpoint(let path, let found): "\(path) is no CLIP checkpoint: \(found)"
    case .checkpoint(let path, let fault): "\(path): \(fault.problem)"
    case .missingTensor(let name, let file, _): "\(file) has no tensor '\(name)'"
    case .tensorShape(let name, let file, let expected, let found):
      "Tensor '\(name)' of \(file) has shape \(found), but the model needs \(expected)"
    case .unreadTensors(let names, let file):
      "\(file) has tensors that the model does not use (\(names.count)): " + names.prefix(5).joined(separator: ", ")
        + (names.count > 5 ? ", …" : "")
    case .notFinite(let tensor, let file): "Tensor '\(tensor)' of \(file) holds a number that is not finite"
    case .configuration(let file, let key, let expected, let found):
      "\(file): '\(key)' must be \(expected), found \(found)"
    case .unsupported(let file, let option): "\(file) asks for \(option), which this version cannot compute"
    case .elementType(let tensor, let file, let found):
      "Tensor '\(tensor)' of \(file) has elements of type \(found), where a weight is of F32, F16, BF16 or F64"
    case .foreign(let file, let kind, _): "\(file) holds no CLIP that can be loaded: it looks like \(kind)"
    case .ambiguous(let file, let reason): "The architecture of \(file) cannot be told from its tensors: \(reason)"
    case .noCounterpart(let form, let architecture, let part):
      "\(architecture) has no form as \(form): there is none for \(part)"
    case .targetExists(let path): "There is something at \(path) already"
    case .foreignTarget(let path): "\(path) holds more than a converted checkpoint, and is not replaced"
    case .promptTooLong(let symbols, let limit):
      "A prompt has \(symbols) tokens and context vectors, but the model reads \(limit)"
    case .emptyTrie: "There is no class to build prompts for"
    case .contexts(let expected, let found): "The contexts have shape \(found), but the prompts need \(expected)"
    }
  }

  public var remedy: String? {
    switch self {
    case .notACheckpoint: "Give an open_clip or Hugging Face folder, or a file of weights"
    case .checkpoint(_, let fault): fault.remedy
    case .missingTensor(_, _, let nearest): nearest.map { "Did you mean '\($0)'?" } ?? "Check that the file is whole"
    case .tensorShape: "Check that the configuration belongs to these weights"
    case .unreadTensors: "Check that the configuration names the architecture of these weights"
    case .notFinite: "The file is damaged or its training diverged; get another copy"
    case .configuration: "Correct the file, or get another copy of it"
    case .unsupported: "Use a checkpoint without it"
    case .elementType: "Give the weights of 16 or 32 bits"
    case .foreign(_, _, let remedy): remedy
    case .ambiguous: "Give the folder that holds its open_clip_config.json"
    case .noCounterpart: "Choose another form"
    case .targetExists: "Choose another folder, or replace it with --force"
    case .foreignTarget: "Choose another folder"
    case .promptTooLong: "Shorten the class name or the context"
    case .emptyTrie: "Name at least one class"
    case .contexts: nil
    }
  }
}
