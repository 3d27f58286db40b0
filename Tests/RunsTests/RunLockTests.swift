import Foundation
import Runs
import Support
import Synchronization
import Testing

@Suite("One process at a time writes into a folder")
struct RunLockTests {
  @Test("a lock is refused while another has it, and free afterwards")
  func refusal() throws {
    try withTemporaryFolder { place in
      let run = place.appending(path: "runs/a")
      do {
        let lock = try RunLock(at: run)
        defer { lock.release() }
        #expect(RunLock.isHeld(at: run))
        #expect(throws: RunError.inUse(path: run.path)) { try RunLock(at: run) }
      }
      #expect(!RunLock.isHeld(at: run))
      #expect(!FileManager.default.fileExists(atPath: place.appending(path: "runs").path), "folders made for it go")
      try RunLock(at: run).release()
    }
  }

  @Test("a file that a killed process has left does not block")
  func leftBehind() throws {
    try withTemporaryFolder { place in
      try Data().write(to: place.appending(path: "lock"))
      #expect(!RunLock.isHeld(at: place))
      try RunLock(at: place).release()
    }
  }

  /// Runs `body` at once on four threads with the numbers 0 to 3, and waits for all. Tasks would not do: waiting for a
  /// file would block their pool.
  private func onFourThreads(_ body: @escaping @Sendable (Int) -> Void) async {
    await withCheckedContinuation { continuation in
      let group = DispatchGroup()
      for number in 0..<4 {
        group.enter()
        Thread {
          body(number)
          group.leave()
        }.start()
      }
      group.notify(queue: .global()) { continuation.resume() }
    }
  }

  @Test("whoever waits gets it next, and never two at once", .timeLimit(.minutes(1)))
  func waiting() async throws {
    let place = FileManager.default.temporaryDirectory.appending(path: "lock-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: place) }
    let counter = place.appending(path: "counter")
    try Data("0".utf8).write(to: counter)
    await onFourThreads { _ in
      for _ in 0..<25 {
        guard let lock = try? RunLock(at: place, waiting: true) else { continue }
        let count = (try? String(contentsOf: counter, encoding: .utf8)).flatMap(Int.init) ?? -1000
        try? Data("\(count + 1)".utf8).write(to: counter)
        lock.release()
      }
    }
    #expect(try String(contentsOf: counter, encoding: .utf8) == "100")
  }

  @Test("processes that check the same new folders, and remove them, do not refuse one another")
  func sharedChecks() async throws {
    let place = FileManager.default.temporaryDirectory.appending(path: "checks-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: place) }
    let run = place.appending(path: "shared/units/one")
    let errors = Mutex<[String]>([])
    await onFourThreads { number in
      for _ in 0..<100 {
        do {
          try CreatedDirectories(upTo: run).removeEmpty()
          try RunLock(at: run.appending(path: ".\(number)"), waiting: true).release()
        } catch {
          errors.withLock { $0.append("\(error)") }
        }
      }
    }
    #expect(errors.withLock { $0 } == [])
  }

  @Test("a place that cannot be written says so")
  func unwritable() throws {
    try withTemporaryFolder { place in
      try Data().write(to: place.appending(path: "file"))
      let path = place.appending(path: "file").path
      #expect(throws: WritingError.failed(path: path, reason: "a file is in the way")) {
        try RunLock(at: URL(filePath: path))
      }
    }
  }

  @Test("what the error says")
  func message() {
    #expect(
      RunError.inUse(path: "runs/a").explanation
        == "Another process is at work in runs/a. Wait until it has ended, or choose another --output.")
  }
}
