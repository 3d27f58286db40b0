import Foundation
import PromptLearning
import Runs
import Testing

@Suite("Processes share a comparison, and none does what another has done")
struct SharedReproductionTests {
  private static let epochs = 25
  private static let units =
    ["zero-shot-seed1"] + ["coop", "cocoop"].flatMap { method in (1...3).map { "\(method)-seed\($0)" } }

  private static func command(_ output: String) -> [String] {
    [
      "reproduce", "base-to-new", "--datasets", "data/one.csv", "--methods", "zero-shot,coop,cocoop", "--seeds",
      "1,2,3", "--shots", "2", "--epochs", "\(epochs)", "--image-views", "1", "--threads", "1", "--json", "--output",
      output,
    ]
  }

  @Test("of two, one is killed within a unit: the other goes on with that too, and the table is as of one alone")
  func killed() throws {
    try withWorkplace { place in
      try SmallComparison.write("one", in: place)
      let alone: PrintedComparison = try place.cocoop(Self.command("alone") + ["--quiet"]).json()

      let survivor = try place.start(Self.command("shared"))
      var (kills, victims): (Int, Set<String>) = (0, [])
      while kills < 5, victims.isEmpty {
        let call = try place.start(Self.command("shared") + ["--quiet"])
        // Both are working once two trials have learned something and are not finished.
        while call.process.isRunning, survivor.process.isRunning, begun(in: place).count < 2 { usleep(1000) }
        kill(call.process.processIdentifier, SIGKILL)
        _ = try call.outcome()
        kills += 1
        victims = begun(in: place).filter { !RunLock.isHeld(at: place.file("shared/units/one/.\($0)")) }
      }
      #expect(!victims.isEmpty, "no process was killed within a unit")
      let end = try survivor.outcome()
      #expect(end.status == 0)
      #expect(try end.json(PrintedComparison.self).methods == alone.methods)
      #expect(try end.json(PrintedComparison.self).averages == alone.averages)
      let resumptions = try Self.units.map { try expectDoneOnce($0, in: place) }.reduce(0, +)
      #expect((1...kills).contains(resumptions), "each killed unit was gone on with")

      let third = try place.cocoop(Self.command("shared"))
      #expect(third.errors.count(of: "(done before)\n") == Self.units.count)
      #expect(try third.json(PrintedComparison.self).methods == alone.methods)
    }
  }

  /// The trials that have finished some of their epochs.
  private func begun(in place: Workplace) -> Set<String> {
    Set(
      Self.units.filter { unit in
        guard let folder = try? RunFolder(existing: place.file("shared/units/one/\(unit)")) else { return false }
        return (2..<Self.epochs).contains(folder.metrics().count)
      })
  }

  /// - Returns: the number of times the trial was resumed.
  private func expectDoneOnce(_ unit: String, in place: Workplace) throws -> Int {
    let (shared, alone) = ("shared/units/one/\(unit)", "alone/units/one/\(unit)")
    #expect(try place.bytes("\(shared)/prompts.safetensors") == place.bytes("\(alone)/prompts.safetensors"), "\(unit)")
    let log = try String(contentsOf: place.file("\(shared)/log.txt"), encoding: .utf8)
    #expect(log.count(of: "learned in ") + log.count(of: "prepared in ") == 1, "\(unit): \(log)")
    let evaluations = try RunFolder(existing: place.file(shared)).evaluations()
    #expect(evaluations.map(\.name) == ["one-base-test", "one-new-test"], "\(unit)")
    guard !unit.hasPrefix("zero-shot") else { return 0 }
    #expect(try RunFolder(existing: place.file(shared)).metrics().map(\.epoch) == Array(1...Self.epochs), "\(unit)")
    #expect(try place.losses(of: shared) == place.losses(of: alone), "\(unit)")
    // From its first checkpoint a training restarts; from a later one it prints where it resumes.
    return log.count(of: ", seed ") - 1 + log.count(of: "goes on after epoch ")
  }
}

extension String {
  fileprivate func count(of part: String) -> Int { ranges(of: part).count }
}
