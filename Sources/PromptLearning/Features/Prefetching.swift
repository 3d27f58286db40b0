import Dispatch
import Synchronization

extension Array where Element: Sendable {
  /// Calls `use` with each element and the value that `make` makes of it, in order. One value ahead is made on another
  /// thread.
  ///
  /// - Throws: the error of `make` at its element's turn, and that of `use`. Nothing more is made afterwards.
  package func forEachPrefetching<Made: Sendable>(
    by make: @escaping @Sendable (Element) throws -> Made, _ use: (Element, Made) throws -> Void
  ) throws {
    var next = first.map { first in Making { try make(first) } }
    defer { _ = next?.result }
    for (element, following) in zip(self, dropFirst().map(Optional.some) + [nil]) {
      guard let made = next?.result else { return }
      next = nil
      let value = try made.get()
      next = following.map { following in Making { try make(following) } }
      try use(element, value)
    }
  }
}

/// A value that is being made on another thread.
private final class Making<Made: Sendable>: Sendable {
  private let isDone = DispatchSemaphore(value: 0)
  private let kept = Mutex<Result<Made, any Error>?>(nil)

  init(_ make: @escaping @Sendable () throws -> Made) {
    DispatchQueue.global().async { [self] in
      let made = Result { try make() }
      kept.withLock { $0 = made }
      isDone.signal()
    }
  }

  /// Waits for the value.
  var result: Result<Made, any Error>? {
    isDone.wait()
    isDone.signal()
    return kept.withLock { $0 }
  }
}

extension Array where Element: Sendable {
  /// `map` on all cores, with results in order.
  ///
  /// - Throws: the error of the first element, by position, whose transform fails; all elements are tried.
  func concurrentMap<Result: Sendable>(_ transform: @Sendable (Element) throws -> Result) throws -> [Result] {
    let results = Mutex([Swift.Result<Result, any Error>?](repeating: nil, count: count))
    DispatchQueue.concurrentPerform(iterations: count) { index in
      let result = Swift.Result { try transform(self[index]) }
      results.withLock { $0[index] = result }
    }
    return try results.withLock { $0 }.compactMap { try $0?.get() }
  }
}
