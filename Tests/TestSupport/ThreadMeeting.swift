import Foundation
import Torch

/// Threads of this process that take the part of processes.
public final class ThreadMeeting: @unchecked Sendable {
  // Sendable: what changes is reached with the condition's lock alone.
  private let size: Int
  private let condition = NSCondition()
  private var given: [Int: [UInt8]] = [:]
  private var result: (round: Int, values: [[UInt8]]) = (0, [])
  private var hasFailed = false

  private init(size: Int) { self.size = size }

  private struct Member: Communicator {
    let rank: Int
    let meeting: ThreadMeeting
    var size: Int { meeting.size }

    func gathered(equallyMany bytes: [UInt8], _ patience: Patience) throws -> [[UInt8]] {
      try meeting.gathered(bytes, from: rank)
    }
  }

  private func gathered(_ bytes: [UInt8], from rank: Int) throws -> [[UInt8]] {
    condition.lock()
    defer { condition.unlock() }
    let round = result.round
    given[rank] = bytes
    if given.count == size {
      result = (round + 1, (0..<size).compactMap { given[$0] })
      given = [:]
      condition.broadcast()
    }
    while result.round == round, !hasFailed { condition.wait() }
    guard result.round > round else { throw CancellationError() }
    return result.values
  }

  /// Holds what each thread has returned.
  private final class Results<Value>: @unchecked Sendable {
    // Sendable: each thread writes its own element, under the lock.
    private let lock = NSLock()
    private var values: [Int: Result<Value, any Error>] = [:]
    func set(_ rank: Int, _ value: Result<Value, any Error>) { lock.withLock { values[rank] = value } }
    func all(_ size: Int) -> [Result<Value, any Error>] { lock.withLock { (0..<size).compactMap { values[$0] } } }
  }

  /// What each of `count` members returns, in the order of their numbers.
  ///
  /// - Throws: the error of the first that fails by itself; the others are then freed from waiting.
  public static func all<Value: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (any Communicator) throws -> Value
  ) throws -> [Value] {
    let (meeting, results, group) = (ThreadMeeting(size: count), Results<Value>(), DispatchGroup())
    for rank in 0..<count {
      group.enter()
      Thread.detachNewThread {
        let result = Result { try body(Member(rank: rank, meeting: meeting)) }
        results.set(rank, result)
        if case .failure = result { meeting.fail() }
        group.leave()
      }
    }
    group.wait()
    let all = results.all(count)
    let failures = all.compactMap { if case .failure(let error) = $0 { error } else { nil } }
    if let failure = failures.first(where: { !($0 is CancellationError) }) ?? failures.first { throw failure }
    return try all.map { try $0.get() }
  }

  private func fail() {
    condition.lock()
    hasFailed = true
    condition.broadcast()
    condition.unlock()
  }
}
