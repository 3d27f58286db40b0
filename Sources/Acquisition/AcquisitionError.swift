import Foundation
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

  /// Whether the next address can do nothing about it.
  var endsEverything: Bool {
    switch kind {
    case .diskFull, .writing, .interrupted, .setting, .offline: true
    default: false
    }
  }
}

extension AcquisitionError {
  /// No candidate address gave the file.
  ///
  /// - Parameter failures: each address's error, in the order in which they were tried.
  static func everyAddressFailed(file: String, failures: [AcquisitionError]) -> Self {
    guard failures.count != 1 else { return failures[0] }
    var seen: Set<String> = []
    let problems = failures.map(\.problem).filter { seen.insert($0).inserted }
    let list = problems.enumerated().map { "(\($0 + 1)) \($1)" }
    let remedies = Set(failures.compactMap(\.remedy))
    return Self(
      failures.last?.kind ?? .other,
      "\(file) cannot be fetched from any of \(failures.count) addresses: \(list.joined(separator: "; "))",
      remedy: remedies.count == 1 ? remedies.first : failures.first?.remedy)
  }

  /// A certificate that is not trusted. Where the clock is in the past, that is the likely reason.
  package static func untrusted(host: String, detail: String, now: Date) -> AcquisitionError {
    guard now >= dateOfWriting else {
      let day = now.ISO8601Format(.iso8601Date(timeZone: .gmt))
      return AcquisitionError(
        .certificate, "The certificate of \(host) is not valid on \(day), which this machine's clock says",
        remedy: "Set the clock: that day is in the past")
    }
    return AcquisitionError(
      .certificate, "The certificate of \(host) is not trusted\(detail)",
      remedy: "Where your own network signs connections, name its certificates with SSL_CERT_FILE")
  }

  /// A date that every right clock has passed: the one when this was written.
  private static let dateOfWriting = Date(timeIntervalSince1970: 1_795_824_000)  // 2026-11-28

  static func noSpace(path: String, missing: Int, keeps: String?) -> Self {
    Self(
      .diskFull,
      "\(path) has no room: \(ByteCount(missing)) more are needed"
        + (keeps.map { ". What arrived is kept as \($0)" } ?? ""),
      remedy: "Make room, then run the same command again")
  }

  static func writing(path: String, reason: String) -> Self {
    Self(.writing, "Cannot write \(path): \(reason)", remedy: "Choose a folder that is yours and has room")
  }
}

/// A number of bytes as people read it, in decimal units: "350.8 MB".
public struct ByteCount: CustomStringConvertible, Sendable {
  public let bytes: Int

  public init(_ bytes: Int) { self.bytes = bytes }

  public var description: String {
    var (value, unit) = (Double(bytes), 0)
    while value >= 999.95, unit < 4 { (value, unit) = (value / 1000, unit + 1) }
    guard unit > 0 else { return "\(bytes) B" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(["B", "kB", "MB", "GB", "TB"][unit])"
  }
}
