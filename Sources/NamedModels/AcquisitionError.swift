import Support

/// A file that could not be fetched, or a model or dataset that could not be had by its name.
public struct AcquisitionError: UserFacingError, Equatable {
  /// The few failures that callers and tests distinguish.
  public enum Kind: Sendable, Equatable {
    /// Requests are forbidden, and something is not here.
    case offline
    /// No connection: no network, no such host, nobody listening, or no answer in time.
    case unreachable
    case certificate, proxy, setting
    /// The server's answer, by its status.
    case refused(status: Int)
    /// The server sends something else than the file, such as the login page of a network.
    case page
    case length, wrongHash
    /// An archive that is damaged, hostile, or not the published one.
    case archive
    case diskFull, writing
    case unknownName, unsupported
    case interrupted
    case other
  }

  public let kind: Kind
  public let problem: String
  public let remedy: String?

  package init(_ kind: Kind, _ problem: String, remedy: String? = nil) {
    (self.kind, self.problem, self.remedy) = (kind, problem, remedy)
  }

  /// A file that cannot be written.
  package static func writing(path: String, reason: String) -> Self {
    Self(.writing, "Cannot write \(path): \(reason)", remedy: "Choose a folder that is yours and has room")
  }
}
