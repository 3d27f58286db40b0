import Support

/// What can be wrong with a pickle or with the zip archive around it.
public enum PickleError: UserFacingError, Equatable {
  /// Bytes that are no pickle from this position on; `expected` says what should stand there.
  case syntax(path: String, position: Int, expected: String)
  /// A pickle that ends before its end.
  case truncated(path: String, position: Int)
  /// A pickle that names a function with which it could do harm.
  case dangerous(path: String, global: PickleValue.Global)
  /// Values inside values, deeper than any program writes them.
  case tooDeep(path: String, limit: Int)
  /// A pickle made to become many times the size of its file.
  case tooLarge(path: String, bytes: Int)
  /// A zip archive that contradicts itself.
  case archive(path: String, reason: String)
  case compressed(path: String, entry: String)
  case encrypted(path: String, entry: String)

  public var problem: String {
    switch self {
    case .syntax(let path, let position, let expected):
      "\(path) is no pickle that can be read: expected \(expected) at byte \(position)"
    case .truncated(let path, let position): "\(path) ends in the middle of a pickle, at byte \(position)"
    case .dangerous(let path, let global):
      "\(path) would call \(global.abridged) if Python loaded it: it is made to do harm. Nothing of it was run"
    case .tooDeep(let path, let limit): "\(path) nests values more than \(limit) deep"
    case .tooLarge(let path, let bytes):
      "\(path) has a pickle whose values would take more than ten times the \(bytes) bytes of its file"
    case .archive(let path, let reason): "\(path) is a damaged zip archive: \(reason)"
    case .compressed(let path, let entry):
      "\(path) is a zip archive with the compressed entry \(entry.abridged), which torch never writes"
    case .encrypted(let path, let entry): "\(path) is a zip archive with the encrypted entry \(entry.abridged)"
    }
  }

  public var remedy: String? {
    switch self {
    case .dangerous: "Don't load it with Python; delete it, and tell whoever offers it"
    case .syntax, .truncated, .archive: "Fetch or write the file again"
    case .tooDeep, .tooLarge: "Get the file from a source that you trust"
    case .compressed, .encrypted: "Give the file as torch.save wrote it"
    }
  }
}

extension PickleValue.Global {
  fileprivate var abridged: String { "'\(description.abridged)'" }
}

extension String {
  /// A name of the file, at a length that leaves the message readable.
  fileprivate var abridged: String { count > 100 ? prefix(100) + "…" : self }
}
