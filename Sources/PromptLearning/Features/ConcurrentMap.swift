import Dispatch
import Synchronization

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
