import Foundation
import Support
import Synchronization

/// Values that a few threads make of elements, handed over in the elements' order; who is ahead waits.
package final class OrderedPrefetch<Made: Sendable>: @unchecked Sendable {
  // Sendable: the stored properties are touched under `condition` alone, and the source of elements under `source`.
  private let condition = NSCondition()
  private let source = NSLock()
  private let capacity: Int
  private var made: [Int: Result<Made, any Error>] = [:]
  /// Elements that threads have begun with, and values that were handed over.
  private var (begun, handed) = (0, 0)
  /// How many elements there are, once it is known.
  private var count: Int?
  private var isStopped = false

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - threads: at least 1.
  ///   - capacity: how many values may wait.
  ///   - next: the next element; `nil` after the last. It is called by one thread at a time, and may wait.
  ///   - make: called by several threads at a time.
  package init<Element>(
    threads: Int, capacity: Int, next: @escaping @Sendable () throws -> Element?,
    make: @escaping @Sendable (Element) throws -> Made
  ) {
    self.capacity = max(threads, capacity)
    for _ in 0..<max(1, threads) {
      Thread.detachNewThread { [self] in
        while let (index, element) = take(next) { put(index, Result { try make(element) }) }
      }
    }
  }

  /// Waits for the next value.
  ///
  /// - Parameter check: called ten times a second while waiting; it may throw to stop.
  /// - Returns: `nil` after the last one; a failure of `next` is the last.
  package func next(
    checking check: () throws -> Void = {}
  ) throws -> Result<Made, any Error>? {
    while true {
      try check()
      let found: (value: Result<Made, any Error>?, isLast: Bool) = condition.withLock {
        if made[handed] == nil, handed != count { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1)) }
        guard let value = made.removeValue(forKey: handed) else { return (nil, handed == count) }
        handed += 1
        condition.broadcast()
        return (value, false)
      }
      if let value = found.value { return value }
      if found.isLast { return nil }
    }
  }

  /// No more values are wanted: each thread ends with what it is making.
  package func stop() {
    condition.withLock {
      isStopped = true
      condition.broadcast()
    }
  }

  /// The next element and its place, once there is room for its value; `nil` where a thread has nothing more to do.
  private func take<Element>(_ next: () throws -> Element?) -> (Int, Element)? {
    source.withLock {
      let isWanted = condition.withLock {
        while !isStopped, count == nil, begun - handed >= capacity { condition.wait() }
        return !isStopped && count == nil
      }
      guard isWanted else { return nil }
      let element = Result { try next() }
      return condition.withLock {
        defer { condition.broadcast() }
        switch element {
        case .success(let element?):
          begun += 1
          return (begun - 1, element)
        case .success(nil): count = begun
        case .failure(let error):
          made[begun] = .failure(error)
          begun += 1
          count = begun
        }
        return nil
      }
    }
  }

  private func put(_ index: Int, _ value: Result<Made, any Error>) {
    condition.withLock {
      made[index] = value
      condition.broadcast()
    }
  }
}

extension Array where Element: Sendable {
  /// Calls `use` with each group of elements and what `make` makes of them, in order; as many threads as the tensor
  /// library may use make on meanwhile.
  ///
  /// - Throws: the error of the first element, by position, that nothing can be made of, and that of `use`.
  func forEachPrefetched<Made: Sendable>(
    every size: Int, threads: Int, by make: @escaping @Sendable (Element) throws -> Made,
    _ use: ([Element], [Made]) throws -> Void
  ) throws {
    let indices = Mutex(self.indices.makeIterator())
    let prefetch = OrderedPrefetch(
      threads: Swift.min(threads, count), capacity: 2 * size, next: { indices.withLock { $0.next() } },
      make: { [self] in try make(self[$0]) })
    defer { prefetch.stop() }
    for group in chunks(ofCount: size) {
      let made = try group.map { _ in
        guard let value = try prefetch.next() else { preconditionFailure("every element has its value") }
        return try value.get()
      }
      try use(group, made)
    }
  }
}
