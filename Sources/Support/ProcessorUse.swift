import Foundation

/// How much of the machine's processors other processes took meanwhile (proc(5): `/proc/stat`, in clock ticks).
package struct ProcessorUse: Sendable {
  private let start = ContinuousClock.now
  private let all: Double
  private let own: Double

  /// Begins to count; `nil` where the system does not say.
  package init?() {
    guard let all = Self.all else { return nil }
    (self.all, own) = (all, Self.own)
  }

  /// The cores that others used on average since the start.
  package var coresOfOthers: Double? {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    guard let all = Self.all, seconds > 0 else { return nil }
    return max(0, (all - self.all) - (Self.own - own)) / seconds
  }

  /// Seconds that all processors worked: the first line's fields but those of idling, which are the fourth and fifth.
  private static var all: Double? {
    guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
      let line = text.split(separator: "\n").first, line.hasPrefix("cpu ")
    else { return nil }
    let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { Double($0) }
    guard ticks.count == 8 else { return nil }
    return (ticks.reduce(0, +) - ticks[3] - ticks[4]) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Seconds of processor time of this process and of the processes that it waited for.
  private static var own: Double {
    #if os(Linux)
      let whom = [__rusage_who_t(RUSAGE_SELF.rawValue), __rusage_who_t(RUSAGE_CHILDREN.rawValue)]
    #else
      let whom = [RUSAGE_SELF, RUSAGE_CHILDREN]
    #endif
    return whom.map { who in
      var usage = rusage()
      getrusage(who, &usage)
      let times = [usage.ru_utime, usage.ru_stime]
      return times.map { Double($0.tv_sec) + Double($0.tv_usec) / 1e6 }.reduce(0, +)
    }.reduce(0, +)
  }
}
