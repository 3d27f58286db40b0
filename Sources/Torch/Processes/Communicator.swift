/// Processes that compute one thing together, as one of them sees them.
///
/// There is one thing that they do together: each gives its bytes, and gets those of all. All call the same functions in
/// the same order. Sums are made by each process for itself, in the order of the numbers, so that all have the same bits.
public protocol Communicator: Sendable {
  /// The number of this process, from 0.
  var rank: Int { get }
  /// The number of processes.
  var size: Int { get }
  /// The bytes of each process, in the order of their numbers.
  ///
  /// - Parameters:
  ///   - bytes: of this process; all give equally many.
  ///   - patience: how long another process is waited for.
  /// - Throws: ``ProcessGroupError`` where another process has ended or does not answer.
  func gathered(equallyMany bytes: [UInt8], _ patience: Patience) throws -> [[UInt8]]
}

/// How long one process waits for another.
public enum Patience: Sendable {
  /// As long as a step may take: the time that the user gives.
  case step
  /// As long as one process may take for what the others have done, or leave to it: reading and encoding photos, measuring.
  case work
}

/// The one process of a computation that is not divided.
public struct Alone: Communicator {
  public let rank = 0
  public let size = 1

  public init() {}

  public func gathered(equallyMany bytes: [UInt8], _ patience: Patience) -> [[UInt8]] { [bytes] }
}

extension Communicator {
  public var isAlone: Bool { size == 1 }

  /// The bytes of each process, in the order of their numbers, however many each has.
  public func gathered(_ bytes: [UInt8]) throws -> [[UInt8]] {
    guard !isAlone else { return [bytes] }
    let counts = try gathered(equallyMany: withUnsafeBytes(of: Int64(bytes.count).littleEndian) { Array($0) }, .step)
      .map { $0.reversed().reduce(0) { $0 << 8 | Int($1) } }
    let most = counts.max() ?? 0
    let all = try gathered(equallyMany: bytes + [UInt8](repeating: 0, count: most - bytes.count), .step)
    return zip(all, counts).map { Array($0.prefix($1)) }
  }

  /// Waits for all processes, which may still have work to do. A process that ends meanwhile is noticed at once.
  public func meet() throws {
    guard !isAlone else { return }
    _ = try gathered(equallyMany: [0], .work)
  }

  /// The bytes of process 0.
  ///
  /// - Parameter bytes: process 0 gives them; the others' are ignored.
  public func broadcast(_ bytes: [UInt8]) throws -> [UInt8] {
    try gathered(rank == 0 ? bytes : [])[0]
  }
}
