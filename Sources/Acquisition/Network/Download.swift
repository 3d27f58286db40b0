import Foundation
import NamedModels
import Support

/// One file to fetch: what it is, and where it may be had.
public struct Download: Sendable {
  /// The file's name in messages.
  public let name: String
  /// The addresses, the best first. Each is tried until it gives the file.
  public let addresses: [Address]
  /// The size in bytes, where it is known.
  public let size: Int?
  /// The hash that the file must have, where one is known.
  public let digest: FileDigest?

  /// - Precondition: there is at least one address.
  public init(_ name: String, from addresses: [Address], size: Int? = nil, digest: FileDigest? = nil) {
    precondition(!addresses.isEmpty, "a download needs an address")
    (self.name, self.addresses, self.size, self.digest) = (name, addresses, size, digest)
  }

  /// Where a file may be had.
  public struct Address: Sendable {
    public let url: String
    /// Fields of the request's head besides those of the transfer itself; they go to the address's own origin only.
    public let headers: [(name: String, value: String)]
    /// The explanation of a refusal, where the host has a language of its own; `nil` for the general one.
    let explain: (@Sendable (AnswerHead) -> AcquisitionError?)?

    public init(_ url: String, headers: [(name: String, value: String)] = []) {
      self.init(url, headers: headers, explain: nil)
    }

    init(
      _ url: String, headers: [(name: String, value: String)] = [],
      explain: (@Sendable (AnswerHead) -> AcquisitionError?)?
    ) {
      (self.url, self.headers, self.explain) = (url, headers, explain)
    }
  }
}

/// A hash that identifies a file.
public struct FileDigest: Sendable, Equatable {
  public enum Algorithm: String, Sendable {
    case sha256 = "SHA-256"
    case md5 = "MD5"
    /// The SHA-1 by which Git names a file's content.
    case gitBlob = "git's SHA-1"
  }

  public let algorithm: Algorithm
  /// Lower-case hexadecimal; for SHA-256, perhaps only its beginning.
  public let hexadecimal: String

  public init(_ algorithm: Algorithm, _ hexadecimal: String) {
    (self.algorithm, self.hexadecimal) = (algorithm, hexadecimal.lowercased())
  }

  public static func sha256(_ hexadecimal: String) -> Self { Self(.sha256, hexadecimal) }
  public static func md5(_ hexadecimal: String) -> Self { Self(.md5, hexadecimal) }
  public static func gitBlob(_ hexadecimal: String) -> Self { Self(.gitBlob, hexadecimal) }

  /// The file's hash by the same algorithm, computed from the disk.
  ///
  /// - Throws: `SystemReason`.
  package func hash(ofFile path: String) throws -> String {
    let (descriptor, size) = try FileSystem.openFile(path)
    defer { close(descriptor) }
    let hash = RunningHash(algorithm == .sha256 ? .sha256 : algorithm == .md5 ? .md5 : .sha1)
    if algorithm == .gitBlob {
      Array("blob \(size)\0".utf8).withUnsafeBytes { hash.update($0) }
    }
    try hash.update(fromFile: descriptor)
    return hash.finished()
  }

  package func matches(_ found: String) -> Bool { !hexadecimal.isEmpty && found.hasPrefix(hexadecimal) }
}

/// A file that is whole, verified as far as a hash was known, and under its final name.
public struct FetchedFile: Sendable, Equatable {
  public let path: String
  public let bytes: Int
  public let sha256: String
  /// The address that gave its last byte; `nil` where it was here already.
  public let address: String?
}

/// How far a file has arrived.
public struct DownloadProgress: Sendable {
  /// The file's name in messages.
  public let name: String
  public let bytes: Int
  public let total: Int?
  /// The rate over the last seconds; `nil` at the start.
  public let bytesPerSecond: Double?

  public var secondsLeft: Double? {
    guard let total, let bytesPerSecond, bytesPerSecond > 0 else { return nil }
    return Double(max(0, total - bytes)) / bytesPerSecond
  }

  public var isFinished: Bool { bytes == total }
}
