import Foundation

/// The memory of this process.
package enum ProcessMemory {
  /// The peak of resident memory, in MiB; since ``resetPeak()`` where the system lets it be reset.
  package static var peakMiB: Double {
    if let peak = status("VmHWM:") { return peak }
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Double(usage.ru_maxrss) / 1024  // Linux counts KiB
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Double(usage.ru_maxrss) / 1_048_576  // Darwin counts bytes
    #endif
  }

  /// The resident memory now, in MiB; the peak where the system does not report it.
  package static var residentMiB: Double { status("VmRSS:") ?? peakMiB }

  /// Restarts the count of the peak, where the system lets it be reset (proc(5), `clear_refs`).
  package static func resetPeak() {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return }
    fputs("5", file)
    fclose(file)
  }

  /// A line of `/proc/self/status`, in MiB.
  private static func status(_ field: String) -> Double? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(field) }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }.map { $0 / 1024 }
  }
}
