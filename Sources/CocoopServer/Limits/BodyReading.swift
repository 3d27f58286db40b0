import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Synchronization

/// The memory that all request bodies together may take.
final class BodyMemory: Sendable {
  private let limit: Int
  private let used = Mutex(0)

  init(limit: Int) { self.limit = limit }

  fileprivate func take(_ bytes: Int) -> Bool {
    used.withLock { used in
      guard used + bytes <= limit else { return false }
      used += bytes
      return true
    }
  }

  fileprivate func give(_ bytes: Int) { used.withLock { $0 -= bytes } }

  var usedBytes: Int { used.withLock { $0 } }
}

/// A request's body, and its share of the memory for bodies, which it returns at its end.
final class ReceivedBody {
  let data: Data
  private let memory: BodyMemory
  private let share: Int

  private init(data: Data, memory: BodyMemory, share: Int) {
    self.data = data
    self.memory = memory
    self.share = share
  }

  deinit { memory.give(share) }

  /// Reads the body, and no more of it than the limit.
  ///
  /// - Throws: ``APIError`` for a body beyond the limit, by its header or as it comes, where other bodies leave no room, and
  ///   where it is cut off or damaged.
  static func read(_ request: Request, limit: Int, memory: BodyMemory) async throws -> ReceivedBody {
    if let text = request.headers[.contentLength], let length = Int(text), length > limit {
      throw APIError.tooLarge(limit: limit)
    }
    var share = 0
    var data = Data()
    do {
      for try await buffer in request.body {
        guard data.count + buffer.readableBytes <= limit else { throw APIError.tooLarge(limit: limit) }
        // Room is taken for what has come, not for what is promised: a promise costs a client nothing.
        guard memory.take(buffer.readableBytes) else { throw APIError.overloaded(retryAfter: 1) }
        share += buffer.readableBytes
        data.append(contentsOf: buffer.readableBytesView)
      }
    } catch {
      memory.give(share)
      if error is APIError || error is CancellationError { throw error }
      throw APIError.syntax("The body cannot be read to its end")
    }
    return ReceivedBody(data: data, memory: memory, share: share)
  }
}
