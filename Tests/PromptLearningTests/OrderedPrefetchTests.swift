import Foundation
import PromptLearning
import Synchronization
import Testing

@Suite("Values are made on several threads and handed over in order")
struct OrderedPrefetchTests {
  private struct Failure: Error, Equatable { let element: Int }

  private func numbers(_ count: Int, failingAt end: Int? = nil) -> @Sendable () throws -> Int? {
    let next = Counter()
    return {
      let number = next.increment()
      if number == end { throw Failure(element: number) }
      return number < count ? number : nil
    }
  }

  private final class Counter: Sendable {
    private let value = Mutex(0)
    func increment() -> Int {
      value.withLock {
        $0 += 1
        return $0 - 1
      }
    }
    var count: Int { value.withLock(\.self) }
  }

  private func all<Made>(_ prefetch: OrderedPrefetch<Made>) throws -> [Result<Made, any Error>] {
    var found: [Result<Made, any Error>] = []
    while let next = try prefetch.next() { found.append(next) }
    return found
  }

  @Test("whichever is ready first", arguments: [1, 2, 7])
  func order(threads: Int) throws {
    let prefetch = OrderedPrefetch(threads: threads, capacity: 5, next: numbers(200)) { number in
      // Early ones take longer than those after them.
      var sum = 0
      for step in 0..<(number % 7 == 0 ? 20_000 : 1) { sum &+= step }
      return sum >= 0 ? number : -1
    }
    #expect(try all(prefetch).map { try $0.get() } == Array(0..<200))
    #expect(try prefetch.next() == nil)
  }

  @Test("an element that nothing can be made of fails alone; the source's failure is the last value")
  func failures() throws {
    let prefetch = OrderedPrefetch(threads: 3, capacity: 4, next: numbers(100, failingAt: 20)) { number in
      if number == 5 { throw Failure(element: 5) }
      return number
    }
    let found = try all(prefetch)
    #expect(found.count == 21)
    for (index, result) in found.enumerated() {
      switch result {
      case .success(let number): #expect(number == index && index != 5 && index != 20)
      case .failure(let error): #expect(error as? Failure == Failure(element: index) && (index == 5 || index == 20))
      }
    }
  }

  @Test("no more are made than there is room for, and none after it is stopped")
  func bound() throws {
    let (begun, isFull) = (Counter(), DispatchSemaphore(value: 0))
    let prefetch = OrderedPrefetch(threads: 2, capacity: 6, next: numbers(1000)) { number in
      if begun.increment() == 5 { isFull.signal() }
      return number
    }
    isFull.wait()
    #expect(begun.count == 6)
    #expect(try prefetch.next()?.get() == 0)
    prefetch.stop()
    #expect(begun.count <= 7)
  }

  @Test("whoever waits may be told to stop")
  func interruption() {
    let isStopped = DispatchSemaphore(value: 0)
    let prefetch = OrderedPrefetch(threads: 1, capacity: 1, next: numbers(1)) { number in
      isStopped.wait()
      return number
    }
    var checks = 0
    #expect(throws: Failure(element: 3)) {
      _ = try prefetch.next {
        checks += 1
        if checks == 3 { throw Failure(element: 3) }
      }
    }
    isStopped.signal()
    prefetch.stop()
  }
}
