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

  /// `transform` of each element, several at a time: on as many threads as one operation may use, each of which then
  /// computes by itself. It pays where many small operations follow each other.
  ///
  /// - Returns: results in the order of the elements. Their bits do not depend on the number of threads.
  /// - Throws: the error of the first element, by position, whose transform fails; all elements are tried.
  public static func map<Element: Sendable, Result: Sendable>(
    _ elements: [Element], _ transform: @Sendable (Element) throws -> Result
  ) throws -> [Result] {
    let results = Mutex([Swift.Result<Result, any Error>?](repeating: nil, count: elements.count))
    withoutActuallyEscaping(transform) { transform in
      var task = Task { index in
        let result = Swift.Result { try transform(elements[index]) }
        results.withLock { $0[index] = result }
      }
      withUnsafeMutablePointer(to: &task) {
        ct_for_each(
          Int64(elements.count),
          { context, index in context.assumingMemoryBound(to: Task.self).pointee.run(Int(index)) }, $0)
      }
    }
    return try results.withLock { $0 }.compactMap { try $0?.get() }
  }

  /// What each thread is handed: a closure that C can point to.
  private struct Task {
    let run: @Sendable (Int) -> Void
  }
}

/// The libtorch that this process uses.
public enum Libtorch {
  /// The version, such as "2.13.0".
  public static let version = String(cString: ct_version())

  /// The folder of the file that is loaded; empty where the system does not tell.
  public static var folder: String { String(cString: ct_library_folder()) }

  /// Compares the libtorch that is loaded with the one that this program was compiled for: another minor version has
  /// other layouts in memory, and computing would crash.
  ///
  /// - Throws: ``TorchError``.
  public static func check() throws { try check(loaded: ct_loaded_version(), built: ct_built_version()) }

  package static func check(loaded: UInt64, built: UInt64) throws {
    func text(_ version: UInt64) -> String { "\(version >> 56).\(version >> 48 & 0xFF)" }
    guard loaded >> 48 != built >> 48, loaded != 0 else { return }
    throw TorchError.version(loaded: text(loaded), folder: folder, built: text(built))
  }

  /// Keeps freed memory for the next tensor instead of returning it to the system, for the whole process.
  ///
  /// Suits a tool that computes all the time; a library leaves the choice to the program. Up to 512 MiB are kept.
  public static func keepFreedMemory() { ct_keep_freed_memory() }
}
