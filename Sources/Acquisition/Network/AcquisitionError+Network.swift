import Foundation
import NamedModels
import Support

extension AcquisitionError {
  /// Whether the next address can do nothing about it.
  var endsEverything: Bool {
    switch kind {
    case .diskFull, .writing, .interrupted, .setting, .offline: true
    default: false
    }
  }

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
}
