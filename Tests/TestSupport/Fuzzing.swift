import CAllocations
import Foundation
import Support

/// Reads many damaged inputs, and measures the highest cost.
///
/// `COCOOP_FUZZ_ROUNDS` sets the number of inputs for each test; docs/run-folder.md has the figures of a hundred
/// thousand.
public struct Fuzzing: Sendable {
  /// The most bytes that a reader may have allocated at a time, for each byte of its input.
  public static let expansion = 10
  /// The most seconds of processor time, so that a busy machine makes no difference.
  public static let patience = 1.0

  public let reader: String
  public let rounds: Int
  /// The bytes that a reader may take whatever the input.
  public let allowance: Int

  /// - Parameter usually: the number of inputs in everyday tests.
  public init(_ reader: String, usually: Int, allowance: Int) {
    self.reader = reader
    self.allowance = allowance
    rounds = Self.requested ?? usually
  }

  /// Reads one input, however many others are requested.
  public init(once reader: String, allowance: Int) {
    self.reader = reader
    self.allowance = allowance
    rounds = 1
  }

  private static let requested = ProcessInfo.processInfo.environment["COCOOP_FUZZ_ROUNDS"].flatMap(Int.init)

  /// The results for the inputs.
  public struct Report: Sendable {
    public internal(set) var read = 0
    public internal(set) var refused = 0
    /// Seconds of the slowest input.
    public internal(set) var slowest = 0.0
    /// The most bytes beyond ``Fuzzing/expansion`` times the input; 0 where nothing counts them.
    public internal(set) var excess = 0
    /// The violations of a reader, one entry for each input that caused one.
    public internal(set) var problems: [String] = []
  }

  /// - Parameters:
  ///   - input: writes the damaged bytes of a round to the place that `read` uses.
  ///   - read: the operation that is measured; it may throw a `UserFacingError` and no other error.
  ///   - check: the condition for a value that was read.
  public func callAsFunction<Value>(
    _ input: (_ round: Int) throws -> [UInt8], read: (Data) throws -> Value,
    check: (Value) throws -> Void = { _ in }
  ) throws -> Report {
    var report = Report()
    for round in 0..<rounds {
      let data = Data(try input(round))
      let start = Self.processorSeconds
      ca_begin()
      let result = Result { try read(data) }
      let peak = Int(ca_end())
      let seconds = Self.processorSeconds - start
      switch result {
      case .success(let value):
        report.read += 1
        try check(value)
      case .failure(let error as any UserFacingError):
        report.refused += 1
        if error.explanation.contains(where: \.isNewline) { report.problems.append("input \(round): two lines") }
      case .failure(let error): throw error
      }
      let excess = ca_counts() ? peak - Self.expansion * data.count : 0
      report.slowest = max(report.slowest, seconds)
      report.excess = max(report.excess, excess)
      if seconds > Self.patience { report.problems.append("input \(round): \(seconds) s") }
      if excess > allowance { report.problems.append("input \(round): \(peak) bytes for \(data.count)") }
    }
    if Self.requested != nil {
      print(
        "fuzz | \(reader) | \(rounds) | \(report.read) | \(report.refused) | \(Int(1000 * report.slowest)) ms |"
          + " \(report.excess) |")
    }
    return report
  }

  private static var processorSeconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
