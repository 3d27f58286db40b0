import Foundation
import Images
import Runs
import Support
import Testing

/// The number of kills can be set: `COCOOP_KILLS=200 swift test --filter KillTests`.
@Suite("A training that is killed at any instant goes on to the same bits")
struct KillTests {
  static let kills = ProcessInfo.processInfo.environment["COCOOP_KILLS"].flatMap(Int.init) ?? 20
  static let trainings = [
    SmallTraining(method: "cocoop", views: "fresh", epochs: 3), SmallTraining(method: "cocoop", views: "2"),
    SmallTraining(method: "coop", views: "fresh", epochs: 4, batchSize: 3),
    SmallTraining(method: "coop", views: "2", epochs: 20, batchSize: 3),
  ]

  /// Each training is killed a quarter of all times, five times in succession until it may end.
  @Test("killed again and again, at random and while it writes", arguments: trainings.indices)
  func killed(index: Int) throws {
    let training = Self.trainings[index]
    try withWorkplace { place in
      try SmallTraining.prepare(place)
      let start = ContinuousClock.now
      let whole = try place.cocoop(training.options + ["--output", "whole"])
      #expect(whole.status == 0, "\(whole.errors)")
      let duration = ContinuousClock.now - start
      let (prompts, losses) = (try place.bytes("whole/prompts.safetensors"), try place.losses(of: "whole"))
      #expect(losses.count == training.epochs)

      var generator = SeededGenerator(seed: UInt64(index))
      let share = (Self.kills + index) / Self.trainings.count
      var (kills, chain) = (0, 0)
      while kills < share, chain < 2 * share {
        chain += 1
        let run = "killed-\(chain)"
        let interval = [["--checkpoint-every", "1"], ["--checkpoint-every", "3"], []][chain % 3]
        func start() throws -> Call {
          let resume = RunFolder.isRun(place.file(run)) ? ["--resume"] : []
          return try place.start(training.options + ["--output", run] + interval + resume)
        }
        for _ in 0..<min(5, share - kills) {
          let call = try start()
          let isKilled =
            Bool.random(using: &generator)
            ? killed(call, after: duration * generator.uniform())
            : killed(call, writingIn: place.file(run), afterWrites: Int.random(in: 0..<12, using: &generator))
          let outcome = try call.outcome()
          guard isKilled else {
            #expect(outcome.status == 0, "\(training), chain \(chain): \(outcome.errors)")
            break
          }
          kills += 1
          try expectOneRun(in: place.file(run))
        }
        let end = try start().outcome()
        #expect(end.status == 0, "\(training), chain \(chain): \(end.errors)")
        #expect(try place.bytes("\(run)/prompts.safetensors") == prompts, "\(training), chain \(chain)")
        #expect(try place.losses(of: run) == losses, "\(training), chain \(chain)")
        #expect((try RunFolder(existing: place.file(run))).isFinished)
      }
      #expect(kills == share, "the others ended before they could be killed")
    }
  }

  /// Checks that an existing run can be resumed or is finished, whatever instant it was killed at.
  private func expectOneRun(in url: URL) throws {
    guard RunFolder.isRun(url) else { return }
    let folder = try RunFolder(existing: url)
    #expect(folder.isResumable != folder.isFinished)
    #expect(!RunLock.isHeld(at: url))
  }

  private func killed(_ call: Call, after time: Duration) -> Bool {
    usleep(UInt32(time / .microseconds(1)))
    return kill(call)
  }

  /// Kills the tool as soon as a temporary file exists, after a number of earlier ones.
  private func killed(_ call: Call, writingIn run: URL, afterWrites count: Int) -> Bool {
    let folders = [run, run.appending(path: "checkpoint")].map(\.path)
    func isWriting() -> Bool {
      folders.contains { folder in
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.contains { $0.hasPrefix(".") }
      }
    }
    for number in 0...count {
      while call.process.isRunning, !isWriting() { usleep(20) }
      if number < count { while call.process.isRunning, isWriting() { usleep(20) } }
    }
    return kill(call)
  }

  /// - Returns: whether the tool was still running.
  private func kill(_ call: Call) -> Bool {
    guard call.process.isRunning else { return false }
    Foundation.kill(call.process.processIdentifier, SIGKILL)
    call.process.waitUntilExit()
    return call.process.terminationReason == .uncaughtSignal
  }

  @Test("killed while one run replaces another, there is the old one or the new one, whole")
  func replaced() throws {
    try withWorkplace { place in
      try SmallTraining.prepare(place)
      let training = SmallTraining(method: "coop", views: "2", epochs: 2, batchSize: 3)
      func options(_ run: String, seed: Int) -> [String] { training.options + ["--output", run, "--seed", "\(seed)"] }
      try place.cocoop(options("new", seed: 2))
      try place.cocoop(options("run", seed: 1))
      let (old, new) = (try place.bytes("run/prompts.safetensors"), try place.bytes("new/prompts.safetensors"))
      #expect(old != new)
      for count in [0, 1, 3] {
        let call = try place.start(options("run", seed: 2) + ["--force"])
        let isKilled = killed(call, writingIn: place.file("run"), afterWrites: count)
        _ = try call.outcome()
        guard isKilled else { continue }
        let folder = try RunFolder(existing: place.file("run"))
        if folder.isFinished {
          let seed = try folder.record().seed
          #expect(try place.bytes("run/prompts.safetensors") == (seed == 1 ? old : new))
        } else {
          #expect(try folder.isResumable && folder.record().seed == 2)
        }
      }
      if try !RunFolder(existing: place.file("run")).isFinished {
        #expect(try place.cocoop(options("run", seed: 2) + ["--resume"]).status == 0)
      } else {
        #expect(try place.cocoop(options("run", seed: 2) + ["--force"]).status == 0)
      }
      #expect(try place.bytes("run/prompts.safetensors") == new)
    }
  }
}
