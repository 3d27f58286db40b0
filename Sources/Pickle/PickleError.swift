import Support

/// An error in a pickle or in the zip archive around it.
public struct PickleError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  package let kind: Kind

  /// The few errors that callers handle specially.
  package enum Kind: Sendable, Equatable {
    case syntax, truncated
    /// A pickle that calls a function with access to the system.
    case dangerous(PickleValue.Global)
    case other
  }

  private init(_ problem: String, remedy: String? = nil, kind: Kind = .other) {
    (self.problem, self.remedy, self.kind) = (problem, remedy, kind)
  }
}

extension PickleError {
  /// Bytes that are not a pickle from this position on; `expected` is what should be there.
  public static func syntax(path: String, position: Int, expected: String) -> Self {
    Self(
      "\(path) is no pickle that can be read: expected \(expected) at byte \(position)",
      remedy: "Fetch or write the file again",
      kind: .syntax)
  }

  /// A pickle that is cut off before its end.
  public static func truncated(path: String, position: Int) -> Self {
    Self(
      "\(path) ends in the middle of a pickle, at byte \(position)", remedy: "Fetch or write the file again",
      kind: .truncated)
  }

  /// A pickle that refers to a function with which it could do harm.
  public static func dangerous(path: String, global: PickleValue.Global) -> Self {
    Self(
      "\(path) would call \(global.abridged) if Python loaded it: it is made to do harm. Nothing of it was run",
      remedy: "Don't load it with Python; delete it, and tell whoever offers it", kind: .dangerous(global))
  }

  /// Values inside values, deeper than any program writes them.
  public static func tooDeep(path: String, limit: Int) -> Self {
    Self("\(path) nests values more than \(limit) deep", remedy: "Get the file from a source that you trust")
  }

  /// A pickle made to become many times the size of its file.
  public static func tooLarge(path: String, bytes: Int) -> Self {
    Self(
      "\(path) has a pickle whose values would take more than ten times the \(bytes) bytes of its file",
      remedy: "Get the file from a source that you trust")
  }

  /// A zip archive that contradicts itself.
  public static func archive(path: String, reason: String) -> Self {
    Self("\(path) is a damaged zip archive: \(reason)", remedy: "Fetch or write the file again")
  }

  public static func compressed(path: String, entry: String) -> Self {
    Self(
      "\(path) is a zip archive with the compressed entry \(entry.abridged), which torch never writes",
      remedy: "Give the file as torch.save wrote it")
  }

  public static func encrypted(path: String, entry: String) -> Self {
    Self(
      "\(path) is a zip archive with the encrypted entry \(entry.abridged)",
      remedy: "Give the file as torch.save wrote it")
  }
}

extension PickleValue.Global {
  fileprivate var abridged: String { "'\(description.abridged)'" }
}

extension String {
  /// A name from the file, shortened so that the message stays readable.
  fileprivate var abridged: String { count > 100 ? prefix(100) + "…" : self }
}
