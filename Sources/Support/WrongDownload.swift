/// The common contents of a file of weights after a failed download, recognized by its first bytes.
public enum WrongDownload: Sendable, Equatable {
  case empty
  /// The text that Git keeps where Git LFS has not fetched the file; with the file's size, where the text has it.
  case gitLFSPointer(bytes: Int?)
  /// A web page: an error, a login or a licence.
  case page

  /// - Parameter bytes: the file, or its first 1024 bytes.
  /// - Returns: `nil` where they may be the beginning of weights.
  public init?(beginning bytes: some Collection<UInt8>) {
    guard !bytes.isEmpty else {
      self = .empty
      return
    }
    let text = String(decoding: bytes.prefix(1024), as: UTF8.self)
    if text.hasPrefix("version https://git-lfs") {
      let size = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("size ") }
      self = .gitLFSPointer(bytes: size.flatMap { Int($0.dropFirst("size ".count)) })
      return
    }
    let start = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(100).lowercased()
    guard start.hasPrefix("<!doctype html") || start.hasPrefix("<html") || start.hasPrefix("<?xml") else { return nil }
    self = .page
  }

  /// The problem, to be read after the file's path.
  public var problem: String {
    switch self {
    case .empty: "the file is empty"
    case .gitLFSPointer(let bytes):
      "it is a pointer of Git LFS, a text that stands for the file" + (bytes.map { " of \($0) bytes" } ?? "")
    case .page: "it is a web page, such as an error or a login, saved under this name"
    }
  }

  public var remedy: String {
    switch self {
    case .empty: "Fetch the file again"
    case .gitLFSPointer: "Fetch the file itself, with 'git lfs pull' in its repository"
    case .page: "Open it in a browser to read what it says, then fetch the file itself"
    }
  }
}
