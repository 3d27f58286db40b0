import CTorch
import Support
import Synchronization

/// Processes that meet over the network, through libtorch's c10d and Gloo.
///
/// Nobody is asked who he is, and nothing is encrypted: the address belongs on a private network.
public final class ProcessGroup: Communicator {
  public let rank: Int
  public let size: Int
  private let timeout: Duration
  private let handle: Mutex<ct_process_group>

  /// Meets the other processes; returns once all are there.
  ///
  /// - Parameters:
  ///   - timeout: the longest that one process waits for another, here and later.
  /// - Throws: ``ProcessGroupError``.
  public init(_ process: LaunchedProcess, timeout: Duration = .seconds(60)) throws {
    rank = process.rank
    size = process.size
    self.timeout = timeout
    var handle = ct_process_group()
    let status = ct_process_group_join(
      process.host, process.port, process.servesMeeting, process.isOnOneMachine, process.attempt, Int32(rank),
      Int32(size),
      timeout.inMilliseconds, &handle)
    if let reason = Self.reason(of: status) { throw ProcessGroupError.noMeeting(process, reason, timeout) }
    self.handle = Mutex(handle)
  }

  deinit { handle.withLock { ct_process_group_free($0) } }

  /// The longest that a process may work before the others give it up: two hours.
  public static let longestWork = Duration.seconds(2 * 60 * 60)

  public func gathered(equallyMany bytes: [UInt8], _ patience: Patience) throws -> [[UInt8]] {
    let count = bytes.count
    let timeout = patience == .work ? max(timeout, Self.longestWork) : timeout
    let status = handle.withLock { handle in
      var all = [UInt8](repeating: 0, count: count * size)
      let status = ct_process_group_gather(handle, bytes, Int64(count), timeout.inMilliseconds, &all)
      return (status, all)
    }
    if let reason = Self.reason(of: status.0) { throw ProcessGroupError.lost(rank: rank, of: size, reason, timeout) }
    return (0..<size).map { Array(status.1[$0 * count..<($0 + 1) * count]) }
  }

  private static func reason(of status: ct_status) -> String? {
    guard status.code != 0 else { return nil }
    guard let message = status.message else { return "for no reason that is told" }
    defer { ct_message_free(message) }
    return String(cString: message)
  }
}

/// A meeting of processes that does not come about, or ends.
public struct ProcessGroupError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String?) { (self.problem, self.remedy) = (problem, remedy) }

  static func noMeeting(_ process: LaunchedProcess, _ reason: String, _ timeout: Duration) -> Self {
    let place = "\(process.host):\(process.port)"
    let first = reason.firstLine
    let own = ["no such host", "is in use", "cannot listen", "no way leads", "another process has"]
    if own.contains(where: first.contains) {
      return Self(
        "\(process.title) cannot meet the others at \(place): \(first)",
        remedy: first.contains("is in use")
          ? "Give another MASTER_PORT"
          : first.contains("another process has")
            ? "Each process needs a number of its own: see \(process.variables)" : "See MASTER_ADDR and MASTER_PORT")
    }
    return Self(
      "\(process.title) found not all of the others at \(place) within \(timeout.components.seconds) s",
      remedy: "See that all are started, that the address can be reached from each machine, and --process-timeout")
  }

  static func lost(rank: Int, of size: Int, _ reason: String, _ timeout: Duration) -> Self {
    let title = "Process \(rank + 1) of \(size)"
    let first = reason.firstLine
    let endings = ["closed by peer", "reset by peer", "Broken pipe", "Connection refused"]
    if endings.contains(where: reason.contains) {
      return Self(
        "\(title) stops, because another process has ended",
        remedy: "See that process's messages. 'train' goes on with --resume")
    }
    if ["imed out", "timeout"].contains(where: reason.contains) {
      return Self(
        "\(title) stops, because another process has not answered for \(timeout.components.seconds) s",
        remedy:
          "See whether it hangs, and the network. --process-timeout waits longer. 'train' goes on with --resume")
    }
    return Self("\(title) stops, because the processes cannot exchange values: \(first)", remedy: nil)
  }
}

extension String {
  fileprivate var firstLine: String { split(separator: "\n", maxSplits: 1).first.map(String.init) ?? self }
}

extension Duration {
  fileprivate var inMilliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
