import Foundation

/// A bounded FIFO between two threads. The producer blocks when it is full.
final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
  // Sendable: every access to the stored properties is made under `condition`.
  private let condition = NSCondition()
  private let capacity: Int
  private var elements: [Element] = []
  private var isFinished = false

  init(capacity: Int) { self.capacity = capacity }

  /// Waits for room.
  ///
  /// - Returns: false where the consumer has finished.
  func push(_ element: Element) -> Bool {
    condition.withLock {
      while elements.count >= capacity, !isFinished { condition.wait() }
      guard !isFinished else { return false }
      elements.append(element)
      condition.broadcast()
      return true
    }
  }

  /// Waits for an element.
  ///
  /// - Parameter check: called ten times a second while waiting; it may throw to stop.
  /// - Returns: `nil` after the last one.
  func pop(checking check: () throws -> Void) throws -> Element? {
    while true {
      try check()
      let found: (element: Element?, isLast: Bool) = condition.withLock {
        if elements.isEmpty, !isFinished { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.1)) }
        guard !elements.isEmpty else { return (nil, isFinished) }
        condition.broadcast()
        return (elements.removeFirst(), false)
      }
      if let element = found.element { return element }
      if found.isLast { return nil }
    }
  }

  /// Marks the end: no more elements come, or none are wanted.
  func finish() {
    condition.withLock {
      isFinished = true
      condition.broadcast()
    }
  }
}
