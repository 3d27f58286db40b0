import CTorch
import Synchronization

/// The number of threads that one operation may use: one setting for the whole process, made once.
public enum Threads {
  private static let chosen = Mutex<Int?>(nil)

  /// The number in use.
  public static var count: Int { Int(ct_thread_count()) }

  /// Sets the number of threads, before the first operation.
  ///
  /// - Throws: ``TorchError/threadCount(requested:inUse:)`` where another number was set before.
  public static func use(_ count: Int) throws {
    guard (1...1024).contains(count) else { throw TorchError.threadCount(requested: count, inUse: nil) }
    try chosen.withLock { chosen in
      if let chosen, chosen != count { throw TorchError.threadCount(requested: count, inUse: chosen) }
      try checked("set threads", ct_set_thread_count(Int32(count)))
      chosen = count
    }
  }
}

/// The libtorch that this process uses.
public enum Libtorch {
  /// The version, such as "2.13.0".
  public static let version = String(cString: ct_version())

  /// Keeps freed memory for the next tensor instead of returning it to the system, for the whole process.
  ///
  /// Suits a tool that computes all the time; a library leaves the choice to the program. Up to 512 MiB are kept.
  public static func keepFreedMemory() { ct_keep_freed_memory() }
}
