import Support

/// An error in a checkpoint, its configuration, or a prompt.
public struct CLIPError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  package let kind: Kind

  /// The few errors that callers handle specially.
  package enum Kind: Sendable, Equatable {
    case missingTensor, notFinite, elementType
    case tensorShape(expected: [Int], found: [Int])
    case unreadTensors(names: [String])
    case other
  }

  private init(_ problem: String, remedy: String? = nil, kind: Kind = .other) {
    (self.problem, self.remedy, self.kind) = (problem, remedy, kind)
  }

  static func other(_ problem: String, remedy: String?) -> Self { Self(problem, remedy: remedy) }
}

extension CLIPError {
  /// A folder or file that is not a checkpoint; `found` describes it.
  public static func notACheckpoint(path: String, found: String) -> Self {
    Self(
      "\(path) is no CLIP checkpoint: \(found)",
      remedy: "Give an open_clip or Hugging Face folder, or a file of weights")
  }

  /// Files that cannot be read as a checkpoint.
  public static func checkpoint(path: String, _ fault: CheckpointFault) -> Self {
    Self("\(path): \(fault.problem)", remedy: fault.remedy)
  }

  public static func missingTensor(name: String, file: String, nearest: String?) -> Self {
    Self(
      "\(file) has no tensor '\(name)'",
      remedy: nearest.map { "Did you mean '\($0)'?" } ?? "Check that the file is whole", kind: .missingTensor)
  }

  public static func tensorShape(name: String, file: String, expected: [Int], found: [Int]) -> Self {
    Self(
      "Tensor '\(name)' of \(file) has shape \(found), but the model needs \(expected)",
      remedy: "Check that the configuration belongs to these weights",
      kind: .tensorShape(expected: expected, found: found))
  }

  public static func unreadTensors(names: [String], file: String) -> Self {
    Self(
      "\(file) has tensors that the model does not use (\(names.count)): " + names.prefix(5).joined(separator: ", ")
        + (names.count > 5 ? ", …" : ""),
      remedy: "Check that the configuration names the architecture of these weights",
      kind: .unreadTensors(names: names))
  }

  public static func notFinite(tensor: String, file: String) -> Self {
    Self(
      "Tensor '\(tensor)' of \(file) holds a number that is not finite",
      remedy: "The file is damaged or its training diverged; get another copy", kind: .notFinite)
  }

  /// A key of the configuration that is missing or of the wrong type.
  public static func configuration(file: String, key: String, expected: String, found: String) -> Self {
    Self("\(file): '\(key)' must be \(expected), found \(found)", remedy: "Correct the file, or get another copy of it")
  }

  /// A key that this package does not know and cannot apply.
  public static func unsupported(file: String, option: String) -> Self {
    Self("\(file) asks for \(option), which this version cannot compute", remedy: "Use a checkpoint without it")
  }

  /// A weight whose elements are not floats, with the file's name for their type.
  public static func elementType(tensor: String, file: String, found: String) -> Self {
    Self(
      "Tensor '\(tensor)' of \(file) has elements of type \(found), where a weight is of F32, F16, BF16 or F64",
      remedy: "Give the weights of 16 or 32 bits", kind: .elementType)
  }

  /// Tensors that do not form a CLIP; `kind` describes what they look like.
  public static func foreign(file: String, kind: String, remedy: String) -> Self {
    Self("\(file) holds no CLIP that can be loaded: it looks like \(kind)", remedy: remedy)
  }

  /// Tensors of a CLIP that do not determine its architecture.
  public static func ambiguous(file: String, reason: String) -> Self {
    Self(
      "The architecture of \(file) cannot be told from its tensors: \(reason)",
      remedy: "Give the folder that holds its open_clip_config.json")
  }

  /// A part of the model that another library's format cannot express.
  public static func noCounterpart(form: String, architecture: String, part: String) -> Self {
    Self("\(architecture) has no form as \(form): there is none for \(part)", remedy: "Choose another form")
  }

  /// The target of a conversion already exists.
  public static func targetExists(path: String) -> Self {
    Self("There is something at \(path) already", remedy: "Choose another folder, or replace it with --force")
  }

  public static func foreignTarget(path: String) -> Self {
    Self("\(path) holds more than a converted checkpoint, and is not replaced", remedy: "Choose another folder")
  }

  public static func promptTooLong(symbols: Int, limit: Int) -> Self {
    Self(
      "A prompt has \(symbols) tokens and context vectors, but the model reads \(limit)",
      remedy: "Shorten the class name or the context")
  }

  public static var emptyTrie: Self {
    Self("There is no class to build prompts for", remedy: "Name at least one class")
  }

  /// Contexts that do not fit the trie or the text encoder.
  public static func contexts(expected: [Int], found: [Int]) -> Self {
    Self("The contexts have shape \(found), but the prompts need \(expected)")
  }
}
