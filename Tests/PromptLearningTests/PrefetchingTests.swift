import Foundation
import PromptLearning
import Synchronization
import Testing

@Suite("What comes next is made while the present is used")
struct MadeAheadTests {
  private struct Failure: Error, Equatable { let element: Int }

  /// The values that were made, in the order in which they were started.
  private final class Log: Sendable {
    private let kept = Mutex<[Int]>([])
    var made: [Int] { kept.withLock { $0 } }
    func add(_ element: Int) { kept.withLock { $0.append(element) } }
  }

  @Test("Elements come in order with what was made of them, however long each takes", arguments: [0, 1, 2, 9])
  func order(count: Int) throws {
    var seen: [[Int]] = []
    try Array(0..<count).forEachPrefetching { element in
      Thread.sleep(forTimeInterval: element.isMultiple(of: 2) ? 0.004 : 0)
      return element * element
    } _: {
      seen.append([$0, $1])
    }
    #expect(seen == (0..<count).map { [$0, $0 * $0] })
  }

  @Test("One element is made ahead, and no more")
  func bound() throws {
    let log = Log()
    try Array(0..<6).forEachPrefetching(by: { log.add($0) }) { element, _ in
      Thread.sleep(forTimeInterval: 0.01)
      #expect(log.made.count <= element + 2)
    }
    #expect(log.made == Array(0..<6))
  }

  @Test("A failure to make comes in its turn, after the elements before it, and ends the work")
  func failure() {
    let log = Log()
    var used: [Int] = []
    #expect(throws: Failure(element: 3)) {
      try Array(0..<9).forEachPrefetching { element in
        log.add(element)
        if element == 3 { throw Failure(element: element) }
      } _: { element, _ in
        used.append(element)
      }
    }
    #expect(used == [0, 1, 2])
    #expect(log.made == [0, 1, 2, 3])
  }

  @Test("Who stops using has waited for what was being made")
  func stop() {
    let log = Log()
    #expect(throws: Failure(element: 1)) {
      try Array(0..<9).forEachPrefetching { element in
        Thread.sleep(forTimeInterval: 0.01)
        log.add(element)
      } _: { element, _ in
        if element == 1 { throw Failure(element: element) }
      }
    }
    #expect(log.made == [0, 1, 2])
  }
}
