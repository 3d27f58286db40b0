import Foundation

/// A secret that requests must contain: `Authorization: Bearer …`.
public struct BearerToken: Sendable {
  static let shortest = 16
  private let bytes: [UInt8]

  /// Reads the first line of a file.
  ///
  /// - Throws: ``ServerError/tokenFile(path:problem:)`` where it is not at least 16 printable ASCII characters.
  public init(contentsOf path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ServerError.tokenFile(path: path, problem: "it cannot be read")
    }
    let line = data.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard line.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw ServerError.tokenFile(path: path, problem: "its first line has spaces or characters that are not ASCII")
    }
    guard line.count >= Self.shortest else {
      throw ServerError.tokenFile(
        path: path, problem: "its first line has \(line.count) characters, fewer than \(Self.shortest)")
    }
    bytes = Array(line)
  }

  package init(_ text: String) { bytes = Array(text.utf8) }

  /// Whether the value of an `Authorization` field contains this token.
  ///
  /// The time depends only on the length of what was sent, and on nothing secret: not on the position of the first
  /// wrong character.
  package func admits(_ authorization: String?) -> Bool {
    guard let authorization, authorization.lowercased().hasPrefix("bearer ") else { return false }
    let sent = Array(authorization.utf8.dropFirst("bearer ".utf8.count))
    var difference = UInt8(sent.count == bytes.count ? 0 : 1)
    for (index, byte) in sent.enumerated() { difference |= byte ^ bytes[index % bytes.count] }
    return difference == 0
  }
}
