import CocoopServer
import Foundation
import Images
import NIOCore
import Runs
import Testing

@Suite("Every place, share and answer has an owner")
struct BatchQueueTests {
  private func queue(images: Int = 4, batch: Int = 2) -> BatchQueue {
    var limits = BatchQueue.Limits()
    limits.images = images
    limits.batch = batch
    limits.gathering = .zero
    return BatchQueue(limits)
  }

  private func job() throws -> Job {
    Job(
      square: try Image(width: 1, height: 1, pixels: [0, 0, 0]),
      choice: ClassifierChoice(model: .run, mode: .exact, classNames: ["a"]), top: 1, deadline: .now + .seconds(60))
  }

  @Test("A queue refuses what it cannot answer in time, but never everything because of one slow batch")
  func patience() throws {
    let queue = queue()
    // Simulates a process that was stopped for a minute.
    queue.note(seconds: 60, images: 1)
    do {
      let admission = try queue.admit(1)
      #expect(throws: APIError.overloaded(retryAfter: 120)) { try queue.admit(1) }
      #expect(queue.end(ofBatch: 1) > .now + .seconds(50))
      admission.giveBackPlace()
    }
    #expect(queue.end(ofBatch: 1) <= .now)
    for _ in 0..<20 { queue.note(seconds: 1, images: 1) }
    var admissions: [Admission] = []
    for _ in 0..<4 { admissions.append(try queue.admit(1)) }
    #expect(throws: APIError.self) { try queue.admit(1) }
    admissions = []
    #expect(queue.depth == 0)
  }

  @Test("An admission that is dropped gives back every place that no image has taken, and no more")
  func droppedAdmission() throws {
    let queue = queue()
    do {
      let admission = try queue.admit(3)
      #expect(queue.depth == 3)
      admission.giveBackPlace()
      #expect(queue.depth == 2)
    }
    #expect(queue.depth == 0)
    do {
      let admission = try queue.admit(2)
      for _ in 0..<5 { admission.giveBackPlace() }
      #expect(queue.depth == 0)
    }
    #expect(queue.depth == 0)
  }

  @Test("An admitted image is answered, and its place is free")
  func answer() async throws {
    let queue = queue()
    let job = try job()
    let admission = try queue.admit(1)
    async let answer = queue.answer(of: job, admitted: admission)
    let batch = await batch(of: queue)
    #expect(batch.count == 1)
    batch.first?.finish(.success([]))
    #expect(try await answer.isEmpty)
    queue.close()
    #expect(await Task.detached { queue.nextBatch(besides: nil) == nil }.value)
    #expect(queue.depth == 0)
  }

  /// Waits on a separate thread, as the model does.
  private func batch(of queue: BatchQueue) async -> [Job] {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: queue.nextBatch(besides: nil) ?? []) }
    }
  }

  @Test("An image more than were admitted is refused")
  func uninvited() async throws {
    let queue = queue()
    let admission = try queue.admit(1)
    admission.giveBackPlace()
    await #expect(throws: APIError.internalFailure) { try await queue.answer(of: job(), admitted: admission) }
    #expect(queue.depth == 0)
  }

  @Test("A cancelled image leaves the queue at once, and one that is cancelled before it comes never enters it")
  func cancellation() async throws {
    let queue = queue()
    for _ in 0..<50 {
      let admission = try queue.admit(1)
      let job = try job()
      let task = Task { try await queue.answer(of: job, admitted: admission) }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
    }
    #expect(queue.depth == 0)
  }

  @Test("A closed queue admits nothing, and refuses what was admitted and comes too late")
  func closing() async throws {
    let queue = queue()
    let admission = try queue.admit(1)
    queue.close()
    #expect(throws: APIError.stopping) { try queue.admit(1) }
    await #expect(throws: APIError.stopping) { try await queue.answer(of: job(), admitted: admission) }
    #expect(queue.depth == 0)
  }

  @Test("Only the first answer of a job counts, whether it comes before or after somebody waits for it")
  func firstAnswer() async throws {
    let early = try job()
    early.finish(.failure(APIError.notReady))
    early.finish(.success([]))
    #expect(early.isFinished)
    await #expect(throws: APIError.notReady) {
      try await withCheckedThrowingContinuation { early.await($0) }
    }
    let late = try job()
    let answer: Job.Answer = try await withCheckedThrowingContinuation { continuation in
      late.await(continuation)
      late.finish(.success([]))
      late.finish(.failure(APIError.notReady))
    }
    #expect(answer.isEmpty)
  }

  @Test("Who waits for a job that everybody has forgotten is told of a failure")
  func forgottenJob() async throws {
    await #expect(throws: APIError.internalFailure) {
      let _: Job.Answer = try await withCheckedThrowingContinuation { continuation in
        do { try job().await(continuation) } catch { continuation.resume(throwing: error) }
      }
    }
  }

  @Test("A body's memory is free again, however its reading ends")
  func bodyMemory() async throws {
    let memory = BodyMemory(limit: 100)
    func read(_ parts: [Int], length: String? = nil, failure: (any Error)? = nil) async throws -> ReceivedBody {
      let stream = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
        for count in parts { continuation.yield(ByteBuffer(repeating: 1, count: count)) }
        continuation.finish(throwing: failure)
      }
      return try await ReceivedBody.read(stream, length: length, limit: 50, memory: memory)
    }
    do {
      let body = try await read([20, 30])
      #expect(body.data.count == 50)
      #expect(memory.usedBytes == 50)
      let other = try await read([40])
      #expect(memory.usedBytes == 90)
      await #expect(throws: APIError.overloaded(retryAfter: 1)) { try await read([10, 1]) }
      #expect(memory.usedBytes == 90)
      withExtendedLifetime((body, other)) {}
    }
    #expect(memory.usedBytes == 0)
    await #expect(throws: APIError.tooLarge(limit: 50)) { try await read([51]) }
    await #expect(throws: APIError.tooLarge(limit: 50)) { try await read([], length: "51") }
    await #expect(throws: APIError.bodyTimeout) { try await read([5], failure: APIError.bodyTimeout) }
    await #expect(throws: APIError.disconnected) {
      try await read([5], failure: IOError(errnoCode: ECONNRESET, reason: "read"))
    }
    await #expect(throws: APIError.self) { try await read([5], failure: ConnectionGuard.DamagedBody()) }
    await #expect(throws: CancellationError.self) { try await read([5], failure: CancellationError()) }
    #expect(memory.usedBytes == 0)
  }

  @Test("No more class lists wait for their fast answers than the limit says")
  func expansions() throws {
    var queue = ExpansionQueue(limit: 0)
    let choice = ClassifierChoice(model: .run, mode: .fast, classNames: ["a"])
    #expect(throws: APIError.preparing(retryAfter: 0)) {
      try queue.add([], for: choice) { throw APIError.internalFailure }
    }
    #expect(queue.isEmpty)
  }

  @Test("Work for a client ends with its connection, and leaves no watcher behind")
  func disconnection() async throws {
    let signal = DisconnectSignal()
    #expect(try await signal.whileOpen { 1 } == 1)
    #expect(signal.watcherCount == 0)
    await #expect(throws: CancellationError.self) {
      try await signal.whileOpen {
        signal.close()
        try await Task.sleep(for: .seconds(600))
      }
    }
    #expect(signal.watcherCount == 0)
    #expect(try await signal.whileOpen { Task.isCancelled })
  }
}
