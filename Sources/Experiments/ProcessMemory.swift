import Foundation

/// The memory of this process.
enum ProcessMemory {
  /// The most that was resident at one time, in MiB.
  static var peakMiB: Double {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return Double(usage.ru_maxrss) / 1024  // Linux counts KiB
    #else
      getrusage(RUSAGE_SELF, &usage)
      return Double(usage.ru_maxrss) / 1_048_576  // Darwin counts bytes
    #endif
  }
}
