import Dispatch
import NIOCore
import Support
import Synchronization

/// A hash that a thread of its own computes, while the caller writes the same bytes to disk.
///
/// Few pieces wait at a time: a caller that is faster than the hash waits for it, so that memory is bounded.
final class BackgroundHash: Sendable {
  private let hash: Mutex<RunningHash>
  private let queue = DispatchQueue(label: "hash")
  private let room = DispatchSemaphore(value: longestQueue)

  /// The number of pieces that may wait; a piece has at most ``HTTPTransport/largestPiece`` bytes.
  private static let longestQueue = 8

  init(_ algorithm: RunningHash.Algorithm) { hash = Mutex(RunningHash(algorithm)) }

  /// Adds bytes, perhaps after those that are added now.
  func update(_ piece: ByteBuffer) {
    guard piece.readableBytes > 0 else { return }
    room.wait()
    queue.async { [self] in
      hash.withLock { hash in piece.withUnsafeReadableBytes { hash.update($0) } }
      room.signal()
    }
  }

  /// The hash of everything that was added, in lower-case hexadecimal. Called once, last.
  func finished() -> String { queue.sync { hash.withLock { $0.finished() } } }
}
