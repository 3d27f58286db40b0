import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// The memory that all request bodies together may take.
package final class BodyMemory: Sendable {
  private let limit: Int
  private let used = Mutex(0)

  /// - Parameter limit: the most bytes of all bodies together.
  package init(limit: Int) { self.limit = limit }

  package var usedBytes: Int { used.withLock { $0 } }

  /// The part of the memory that one body takes, released with the share itself.
  package final class Share: Sendable {
    private let memory: BodyMemory
    private let bytes = Mutex(0)

    package init(of memory: BodyMemory) { self.memory = memory }

    deinit {
      let bytes = bytes.withLock { $0 }
      memory.used.withLock { $0 -= bytes }
    }

    /// - Returns: whether there was room for as many more bytes, which then are taken.
    package func grow(by more: Int) -> Bool {
      let isTaken = memory.used.withLock { used in
        guard used + more <= memory.limit else { return false }
        used += more
        return true
      }
      if isTaken { bytes.withLock { $0 += more } }
      return isTaken
    }
  }
}

/// A request's body, with its share of the memory for bodies.
package struct ReceivedBody: Sendable {
  package struct Limits: Sendable {
    /// The most bytes of one body.
    package var bytes = 20_000_000
    /// The most bytes of all bodies together.
    package var totalBytes = 320_000_000

    package init() {}
  }

  package let data: Data
  /// The share, which must live as long as any part of the data.
  let share: BodyMemory.Share

  /// Reads the body, but not beyond the limit.
  ///
  /// - Throws: ``APIError`` for a body beyond the limit, by its header or as it comes, where other bodies leave no
  ///   room, and where it is cut off or damaged.
  package static func read(
    _ parts: some AsyncSequence<ByteBuffer, any Error>, length: String?, limit: Int, memory: BodyMemory
  ) async throws -> ReceivedBody {
    if let length = length.flatMap({ Int($0) }), length > limit { throw APIError.tooLarge(limit: limit) }
    let share = BodyMemory.Share(of: memory)
    var data = Data()
    do {
      for try await buffer in parts {
        guard data.count + buffer.readableBytes <= limit else { throw APIError.tooLarge(limit: limit) }
        // Room is taken for received bytes, not for announced ones: an announcement costs a client nothing.
        guard share.grow(by: buffer.readableBytes) else { throw APIError.overloaded(retryAfter: 1) }
        data.append(contentsOf: buffer.readableBytesView)
      }
    } catch let error where error is IOError || error is ChannelError {
      throw APIError.disconnected
    } catch is ConnectionGuard.DamagedBody {
      throw APIError.syntax(
        "The body cannot be read to its end",
        remedy: "Send as many bytes as Content-Length says, or whole chunks")
    }
    return ReceivedBody(data: data, share: share)
  }
}
