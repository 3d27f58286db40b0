import Foundation
import Support

/// What a person has to do where files cannot be fetched.
public struct ManualSteps: Sendable, Encodable, Equatable {
  /// A file to get by hand.
  public struct File: Sendable, Encodable, Equatable {
    public let file: String
    public let bytes: Int?
    public let sha256, md5: String?
    /// The address for a browser, where the file has one.
    public let address: String?
    /// Whether the file is in the folder already.
    public let isThere: Bool
  }

  /// The reason why they cannot be fetched, a sentence without its full stop.
  public let reason: String
  public let terms: String
  public let page: String
  public let files: [File]
  /// Places where others have found copies.
  public let copies: [String]
  /// The folder to put the files into.
  public let folder: String
  /// The command to run then.
  public let command: String

  /// The steps for a terminal.
  public var text: String {
    var lines = ["\(reason).", "Terms: \(terms).", "1. Open \(page)"]
    lines += copies.map { "   Others have found a copy here: \($0)" }
    lines.append("2. Put into \(folder):")
    for file in files {
      let facts = [
        file.bytes.map { "\(ByteCount($0)), \($0) bytes" }, file.sha256.map { "SHA-256 \($0)" },
        file.sha256 == nil ? file.md5.map { "MD5 \($0)" } : nil, file.address.map { "from \($0)" },
      ].compactMap { $0 }.joined(separator: ", ")
      lines.append("   \(file.isThere ? "✓" : "·") \(file.file)\(facts.isEmpty ? "" : " (\(facts))")")
    }
    lines.append("   An unpacked copy will do, where its folders have these names.")
    lines.append("3. Run: \(command)")
    return lines.map(\.onOneLine).joined(separator: "\n")
  }
}
