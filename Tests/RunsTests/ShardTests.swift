import Foundation
import PromptLearning
import Runs
import Support
import TestSupport
import Testing
import Torch

@Suite("A shard is one of n parts, and says so where it cannot be")
struct ShardTests {
  @Test(
    "the parts are consecutive, share nothing and leave nothing out, whatever n is",
    arguments: [(0, 1), (1, 3), (7, 7), (10, 3), (10, 12), (1_000_003, 64)])
  func ranges(total: Int, count: Int) throws {
    let ranges = try (1...count).map { try Shard($0, of: count).range(of: total) }
    #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == total)
    #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    let sizes = ranges.map(\.count)
    #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
  }

  @Test("every n-th element belongs to one shard alone")
  func strides() throws {
    let takers = try (0..<20).map { index in try (1...3).filter { try Shard($0, of: 3).takes(index) } }
    #expect(takers.allSatisfy { $0.count == 1 } && takers.prefix(4).map { $0[0] } == [1, 2, 3, 1])
  }

  @Test("the largest numbers do not overflow")
  func large() throws {
    #expect(try Shard(Shard.most, of: Shard.most).range(of: .max).upperBound == .max)
  }

  @Test(
    "shards are cut where a device begins a batch: the CPU encodes 32 images at a time, an accelerator 256",
    arguments: [(Device.cpu, 64), (Device(.spare), 256)])
  func deviceBatches(device: Device, group: Int) throws {
    for (total, count) in [(0, 2), (100, 3), (1000, 3), (1025, 7)] {
      let ranges = try (1...count).map { number in
        EvaluationShare.images(of: try Shard(number, of: count), among: total, on: device)
      }
      #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == total)
      #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
      #expect(ranges.allSatisfy { $0.lowerBound.isMultiple(of: group) || $0.lowerBound == total })
    }
  }

  @Test("a part that does not exist is refused", arguments: [(5, 4), (0, 4), (-1, 4), (1, 0), (1, 1_000_001), (1, -3)])
  func refusals(number: Int, count: Int) {
    let error = #expect(throws: ShardError.self) { try Shard(number, of: count) }
    #expect(
      error?.explanation
        == ((1...Shard.most).contains(count)
          ? "There is no shard \(number)/\(count): they are 1/\(count) to \(count)/\(count)."
          : "There can be from 1 to 1000000 shards, found \(count)."))
  }
}

@Suite("A folder of shards has one job, and each shard whole or not at all")
struct ShardFolderTests {
  private static let job = ShardFolder.Job(command: "predict", shards: 3, settings: ["top": "5", "model": "a"])

  private func fill(_ folder: ShardFolder, _ numbers: [Int]) throws {
    for number in numbers {
      try folder.write(Shard(number, of: 3)) { append in
        try Array("{\"a\":\(number)}\n{}\n".utf8).withUnsafeBytes(append)
      }
    }
  }

  @Test("what was written is read again, and a writer that fails leaves nothing")
  func writing() throws {
    try withTemporaryFolder { place in
      let url = place.appending(path: "out/shards")
      let folder = try ShardFolder(at: url, for: Self.job)
      struct Stop: Error {}
      #expect(throws: Stop.self) {
        try folder.write(Shard(2, of: 3)) { append in
          try Array("{}\n".utf8).withUnsafeBytes(append)
          throw Stop()
        }
      }
      #expect(try !folder.isDone(Shard(2, of: 3)))
      try fill(ShardFolder(at: url, for: Self.job), [2])
      #expect(try folder.isDone(Shard(2, of: 3)))
      #expect(FileSystem.names(in: url.path) == ["2-of-3.jsonl", "job.json"])
      var lines: [String] = []
      try folder.forEachLine(of: Shard(2, of: 3)) {
        lines.append(String(decoding: $0, as: UTF8.self))
        return true
      }
      #expect(lines == ["{\"a\":2}\n", "{}\n"])
    }
  }

  @Test("names are in order as a shell lists them")
  func names() throws {
    try withTemporaryFolder { place in
      let job = ShardFolder.Job(command: "predict", shards: 100, settings: [:])
      let folder = try ShardFolder(at: place, for: job)
      #expect(try folder.file(of: Shard(7, of: 100)).lastPathComponent == "007-of-100.jsonl")
    }
  }

  @Test("what a killed process has left goes a day later, by the file system's clock, and what is being written stays")
  func leftovers() throws {
    try withTemporaryFolder { place in
      let folder = try ShardFolder(at: place, for: Self.job)
      let (old, new) = (".1-of-3.jsonl.host-1-abc.partial", ".1-of-3.jsonl.host-1-def.partial")
      for name in [old, new, ".2-of-3.jsonl.host-1-abc.partial"] {
        try Data("half".utf8).write(to: place.appending(path: name))
      }
      var times = [timeval(tv_sec: time(nil) - 90_000, tv_usec: 0), timeval(tv_sec: time(nil) - 90_000, tv_usec: 0)]
      #expect(utimes(place.appending(path: old).path, &times) == 0)
      try fill(folder, [1])
      #expect(
        FileSystem.names(in: place.path) == [new, ".2-of-3.jsonl.host-1-abc.partial", "1-of-3.jsonl", "job.json"])
    }
  }

  @Test("another job, other files, missing and damaged shards are told in one line")
  func refusals() throws {
    try withTemporaryFolder { place in
      func message(_ body: () throws -> Void) -> String {
        do { try body() } catch let error as any UserFacingError {
          return error.explanation.replacing(place.path, with: "FOLDER")
        } catch { return "\(error)" }
        return ""
      }
      #expect(
        message { _ = try ShardFolder(gathering: place, of: "predict") }
          == "FOLDER has no shards: there is no job.json. Give the --output of the calls with --shard.")
      let folder = try ShardFolder(at: place, for: Self.job)
      for (job, difference) in [
        (
          ShardFolder.Job(command: "predict", shards: 4, settings: Self.job.settings),
          "the number of shards 3 and not 4"
        ),
        (ShardFolder.Job(command: "predict", shards: 3, settings: ["top": "1", "model": "a"]), "the top 5 and not 1"),
        (ShardFolder.Job(command: "predict", shards: 3, settings: ["top": "5"]), "the model a and not none"),
      ] {
        #expect(
          message { _ = try ShardFolder(at: place, for: job) }
            == "The shards in FOLDER are of another job, with \(difference). Give what that job was begun with, or "
            + "choose another --output.")
      }
      #expect(
        message { _ = try ShardFolder(gathering: place, of: "evaluate") }
          == "FOLDER has shards of 'cocoop predict', not of 'cocoop evaluate'. Choose another --output.")
      #expect(
        message { _ = try ShardFolder(gathering: place, of: "predict") }
          == "3 of 3 shards in FOLDER are missing: 1/3, 2/3, 3/3. Run them again: those that are there take a moment.")
      try fill(folder, [1, 2])
      #expect(
        message { _ = try ShardFolder(gathering: place, of: "predict") }
          == "1 of 3 shards in FOLDER is missing: 3/3. Run them again: those that are there take a moment.")
      try Data("{}\n{".utf8).write(to: place.appending(path: "3-of-3.jsonl"))
      let gathered = try ShardFolder(gathering: place, of: "predict")
      #expect(
        message { try gathered.forEachLine(of: Shard(3, of: 3)) { _ in true } }
          == "FOLDER/3-of-3.jsonl is damaged in line 2. Remove the file and run its shard again.")
    }
    try withTemporaryFolder { place in
      try Data().write(to: place.appending(path: "notes.txt"))
      #expect(throws: ShardFolderError.self) { try ShardFolder(at: place, for: Self.job) }
      #expect(FileSystem.names(in: place.path) == ["notes.txt"])
    }
  }

  @Test("of two jobs that begin at once in one folder, one is refused")
  func twoJobs() throws {
    try withTemporaryFolder { place in
      for round in 0..<40 {
        let url = place.appending(path: "\(round)")
        let begun = try ThreadMeeting.all(2) { member -> String? in
          let top = "\(member.rank)"
          try member.meet()
          let job = ShardFolder.Job(command: "predict", shards: 3, settings: ["top": top])
          return (try? ShardFolder(at: url, for: job)) == nil ? nil : top
        }
        struct Written: Decodable { let settings: [String: String] }
        let written = try JSONDecoder().decode(Written.self, from: Data(contentsOf: url.appending(path: "job.json")))
        #expect(begun.compactMap { $0 } == [written.settings["top"]], "round \(round)")
        #expect(FileSystem.names(in: url.path) == ["job.json"])
      }
    }
  }

  @Test("a file is created once, also where a file system has no hard links, and no temporary file is left")
  func exclusively() throws {
    try withTemporaryFolder { place in
      let links: [(UnsafePointer<CChar>, UnsafePointer<CChar>) -> Int32] = [
        { link($0, $1) },
        { _, _ in
          errno = EPERM
          return -1
        },
        // The answer of a file server was lost, and the system has asked again.
        { link($0, $1) == 0 ? link($0, $1) : -1 },
      ]
      for (index, link) in links.enumerated() {
        let url = place.appending(path: "\(index).json")
        let (first, second) = try (
          AtomicFile.create(Data("first".utf8), at: url, link: link),
          AtomicFile.create(Data("second".utf8), at: url, link: link)
        )
        #expect(first && !second)
        #expect(try Data(contentsOf: url) == Data("first".utf8))
      }
      #expect(FileSystem.names(in: place.path) == ["0.json", "1.json", "2.json"])
      let none = place.appending(path: "none/job.json")
      let error = #expect(throws: WritingError.self) { try AtomicFile.create(Data(), at: none) }
      #expect(error?.explanation.hasPrefix("Cannot write \(none.path): No such file or directory.") == true)
    }
  }

  @Test("many processes that begin at once agree on the job")
  func race() async throws {
    let place = FileManager.default.temporaryDirectory.appending(path: "shards-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: place) }
    await withTaskGroup(of: Bool.self) { group in
      for number in 1...3 {
        group.addTask {
          guard let folder = try? ShardFolder(at: place, for: Self.job) else { return false }
          return (try? folder.write(Shard(number, of: 3)) { try Array("{}\n".utf8).withUnsafeBytes($0) }) != nil
        }
      }
      for await isDone in group { #expect(isDone) }
    }
    _ = try ShardFolder(gathering: place, of: "predict")
  }
}
