import Acquisition
import Foundation
import NamedModels
import Support
import TestHub
import Testing

@Suite("A file arrives whole and verified, or not at all")
struct DownloaderTests {
  static let content = bytes(300_000)
  static let digest = FileDigest.sha256(sha256(content))

  /// Serves the content and gives a folder.
  private func serving(_ body: @escaping @Sendable (TestHub, URL) async throws -> Void) async throws {
    try await withFolder { folder in
      try await TestHub.with([TestHub.model: .init(["weights.bin": Self.content])]) { try await body($0, folder) }
    }
  }

  @Test("a file is fetched with its hash, and nothing else is left")
  func whole() async throws {
    try await serving { hub, folder in
      let file = folder.appending(path: "a")
      let fetched = try await hub.fetch(into: file, size: Self.content.count, digest: Self.digest)
      #expect(fetched.sha256 == Self.digest.hexadecimal && fetched.bytes == Self.content.count)
      #expect(try Data(contentsOf: file) == Self.content && names(in: folder) == ["a"])
      let again = try await hub.fetch(into: file, digest: Self.digest)
      #expect(again.address == nil && hub.seen.count == 1)
    }
  }

  @Test("MD5 and git's SHA-1 are checked too", arguments: [FileDigest.Algorithm.md5, .gitBlob])
  func otherDigests(algorithm: FileDigest.Algorithm) async throws {
    try await serving { hub, folder in
      let copy = folder.appending(path: "copy")
      try Self.content.write(to: copy)
      let digest = FileDigest(algorithm, try FileDigest(algorithm, "").hash(ofFile: copy.path))
      _ = try await hub.fetch(into: folder.appending(path: "a"), digest: digest)
      let error = await failure {
        try await hub.fetch(into: folder.appending(path: "b"), digest: .init(algorithm, "00"))
      }
      #expect(error?.kind == .wrongHash)
    }
  }

  @Test("a broken connection goes on from its very byte", arguments: [0, 1, 1000, 150_000, 299_999])
  func cut(at byte: Int) async throws {
    try await serving { hub, folder in
      hub.fail([.cut(byte)])
      let file = folder.appending(path: "a")
      _ = try await hub.fetch(into: file, size: Self.content.count, digest: Self.digest)
      #expect(try Data(contentsOf: file) == Self.content)
      #expect(hub.ranges.count == 2 && hub.ranges[1].map { $0.hasPrefix("bytes=") } ?? (byte == 0))
    }
  }

  @Test("1,000 connections cut at random bytes end in the right files, and none begins anew")
  func randomCuts() async throws {
    try await serving { hub, folder in
      var generator = SeededGenerator(seed: 7)
      for number in 0..<25 {
        // Together less than the file, so that each of them is a cut. Now and then nothing arrives.
        let cuts = (0..<40).map { _ in max(0, Int.random(in: -500...7499, using: &generator)) }
        hub.forget()
        hub.fail(cuts.map { .cut($0) })
        let file = folder.appending(path: "\(number)")
        let fetched = try await hub.fetch(into: file, digest: number.isMultiple(of: 2) ? Self.digest : nil)
        #expect(fetched.sha256 == Self.digest.hexadecimal && hub.faultsLeft == 0)
        // A reset may take what was still on the way: what has arrived is never asked for again.
        let starts = hub.starts
        let arrived = zip(starts.dropFirst(), starts).map(-)
        #expect(starts.count == 41 && zip(arrived, cuts).allSatisfy { (0...$1).contains($0) }, "\(starts), \(cuts)")
        try FileManager.default.removeItem(at: file)
      }
    }
  }

  @Test("a connection without a byte is given up, and the next goes on from the very byte")
  func stall() async throws {
    try await serving { hub, folder in
      // Whoever begins before this byte gets nothing from it on, however often a starved process begins.
      let byte = 100_000
      hub.fail([TestHub.Fault](repeating: .stallAt(byte), count: 100))
      var settings = try quick()
      (settings.idle, settings.tries) = (.milliseconds(300), 100)
      let file = folder.appending(path: "a")
      _ = try await hub.fetch(into: file, digest: Self.digest, settings: settings)
      #expect(try Data(contentsOf: file) == Self.content)
      let starts = hub.starts
      #expect(starts.contains(byte) && starts.first == 0 && starts == starts.sorted(), "\(starts)")
    }
  }

  @Test("a later process goes on with the part, and hashes what is there")
  func laterProcess() async throws {
    try await serving { hub, folder in
      try Self.content.prefix(200_000).write(to: folder.appending(path: ".a.part"))
      _ = try await hub.fetch(into: folder.appending(path: "a"), size: Self.content.count, digest: Self.digest)
      #expect(hub.ranges == ["bytes=200000-"] && names(in: folder) == ["a"])
    }
  }

  @Test("MD5 is of the part that was there too, and of what came after a break")
  func resumedMD5() async throws {
    try await serving { hub, folder in
      let copy = folder.appending(path: "copy")
      try Self.content.write(to: copy)
      let digest = FileDigest.md5(try FileDigest.md5("").hash(ofFile: copy.path))
      try Self.content.prefix(100_000).write(to: folder.appending(path: ".a.part"))
      hub.fail([.cut(50_000)])
      let fetched = try await hub.fetch(into: folder.appending(path: "a"), digest: digest)
      #expect(fetched.sha256 == Self.digest.hexadecimal && hub.ranges == ["bytes=100000-", "bytes=150000-"])
    }
  }

  @Test("a part that is not the file's beginning is found out, and the file is fetched again")
  func wrongPart() async throws {
    try await serving { hub, folder in
      try bytes(200_000, seed: 9).write(to: folder.appending(path: ".a.part"))
      let fetched = try await hub.fetch(into: folder.appending(path: "a"), digest: Self.digest)
      #expect(fetched.sha256 == Self.digest.hexadecimal && hub.ranges == ["bytes=200000-", nil])
    }
  }

  @Test("a part without a known hash is continued only where it is of the same version")
  func versions() async throws {
    try await serving { hub, folder in
      let file = folder.appending(path: "a")
      hub.fail([.cut(100_000)])
      _ = try await hub.fetch(into: file)
      #expect(hub.seen.last?.headers["if-range"]?.hasPrefix("\"") == true)
      try FileManager.default.removeItem(at: file)
      try Data("other".utf8).write(to: folder.appending(path: ".a.part"))
      #expect(try await hub.fetch(into: file).sha256 == Self.digest.hexadecimal)
      #expect(hub.ranges.last == .some(nil))
    }
  }

  @Test("what another tool has left under the final name, half of the file, is continued")
  func halfFile() async throws {
    try await serving { hub, folder in
      let file = folder.appending(path: "a")
      try Self.content.prefix(100_000).write(to: file)
      let remarks = Remarks()
      _ = try await hub.fetch(into: file, size: Self.content.count, digest: Self.digest, remarks: remarks)
      #expect(hub.ranges == ["bytes=100000-"] && names(in: folder) == ["a"])
      #expect(remarks.all == ["\(file.path) was incomplete (100000 of 300000 bytes): going on from there"])
    }
  }

  @Test("a server without ranges is asked for the whole file again")
  func noRanges() async throws {
    try await serving { hub, folder in
      hub.fail([.cut(1000), .ignoresRange])
      let fetched = try await hub.fetch(into: folder.appending(path: "a"), digest: Self.digest)
      #expect(fetched.bytes == Self.content.count)
    }
  }

  @Test("all bytes are here, and the server refuses the empty range: the part is verified")
  func nothingMore() async throws {
    try await serving { hub, folder in
      try Self.content.write(to: folder.appending(path: ".a.part"))
      _ = try await hub.fetch(into: folder.appending(path: "a"), digest: Self.digest)
      #expect(hub.ranges == ["bytes=300000-"])
    }
  }

  @Test("a file with the wrong hash is kept aside, told, and fetched elsewhere")
  func wrongHash() async throws {
    try await serving { hub, folder in
      hub.fail([.wrongByte])
      let (file, remarks) = (folder.appending(path: "a"), Remarks())
      let addresses = [hub.address("weights.bin"), hub.address("weights.bin")]
      _ = try await hub.fetch(into: file, digest: Self.digest, addresses: addresses, remarks: remarks)
      #expect(names(in: folder) == ["a"] || names(in: folder) == ["a", "a.wrong-hash"])
      hub.fail([.wrongByte])
      let other = folder.appending(path: "b")
      let error = await failure { try await hub.fetch(into: other, digest: Self.digest) }
      #expect(error?.kind == .wrongHash && names(in: folder).contains("b.wrong-hash"))
      #expect(!FileManager.default.fileExists(atPath: other.path))
      #expect(error?.problem.hasSuffix("It is kept as \(other.path).wrong-hash") == true)
    }
  }

  @Test(
    "a web page in place of the file is recognised, whatever it claims to be, and whatever is known of the file",
    arguments: [
      TestHub.Fault.page, .disguisedPage, .lyingPage(300_000), .lyingPage(5000), .status(511),
    ], ["nothing", "size and hash", "half of it"])
  func page(fault: TestHub.Fault, known: String) async throws {
    try await serving { hub, folder in
      let half = Self.content.prefix(150_000)
      let part = folder.appending(path: ".a.part")
      if known == "half of it" { try half.write(to: part) }
      hub.fail([fault])
      let error = await failure {
        known == "nothing"
          ? try await hub.fetch(into: folder.appending(path: "a"))
          : try await hub.fetch(into: folder.appending(path: "a"), size: Self.content.count, digest: Self.digest)
      }
      let status = fault == .status(511) ? 511 : 200
      #expect(
        error?.explanation
          == "127.0.0.1 sent a web page (status \(status)) where weights.bin was expected, as the login of a network or"
          + " a proxy does. Sign in to the network in a browser, or name its proxy in HTTPS_PROXY, then run the same"
          + " command again.")
      #expect(error?.kind == .page && hub.seen.count == 1)
      // What has arrived of the file before is not the page's to take away.
      #expect(names(in: folder) == (known == "half of it" ? [".a.part"] : []))
      #expect(known != "half of it" || (try? Data(contentsOf: part)) == half)
    }
  }

  @Test("a length that differs from the expected one is refused before a byte is taken", arguments: [-10, 10])
  func lyingLength(difference: Int) async throws {
    try await serving { hub, folder in
      hub.fail([.lie(difference)])
      let error = await failure {
        try await hub.fetch(into: folder.appending(path: "a"), size: Self.content.count, digest: Self.digest)
      }
      #expect(error?.kind == .length && names(in: folder) == [])
    }
  }

  @Test("a wrong range is refused")
  func wrongRange() async throws {
    try await serving { hub, folder in
      hub.fail([.cut(1000), .wrongRange])
      let error = await failure { try await hub.fetch(into: folder.appending(path: "a"), digest: Self.digest) }
      #expect(error?.kind == .length && names(in: folder) == [".a.part"])
    }
  }

  @Test("a busy server is asked again after the time that it asks for", arguments: [408, 429, 500, 502, 503, 504])
  func busy(status: Int) async throws {
    try await serving { hub, folder in
      hub.fail([.status(status, ["Retry-After": "0"]), .status(status, ["Retry-After": "0"])])
      _ = try await hub.fetch(into: folder.appending(path: "a"), digest: Self.digest)
      #expect(hub.seen.count == 3)
    }
  }

  @Test("the limit of requests is waited for, a second longer than stated")
  func rateLimit() async throws {
    try await serving { hub, folder in
      hub.fail([.status(429, ["RateLimit": "\"resolvers\";r=0;t=0"])])
      let start = ContinuousClock.now
      _ = try await hub.fetch(into: folder.appending(path: "a"), digest: Self.digest)
      #expect(ContinuousClock.now - start >= .seconds(1))
    }
  }

  @Test("five tries without a new byte are enough")
  func givingUp() async throws {
    try await serving { hub, folder in
      hub.fail(Array(repeating: .status(503), count: 9))
      let error = await failure { try await hub.fetch(into: folder.appending(path: "a")) }
      #expect(error?.kind == .refused(status: 503) && hub.seen.count == 5)
    }
  }

  @Test("a file that is gone is not asked for again, and the next address is")
  func mirrors() async throws {
    try await serving { hub, folder in
      let remarks = Remarks()
      let addresses = [hub.address("gone"), Download.Address("http://127.0.0.1:1/x"), hub.address("weights.bin")]
      let fetched = try await hub.fetch(
        into: folder.appending(path: "a"), digest: Self.digest, addresses: addresses, remarks: remarks)
      #expect(fetched.address == addresses[2].url && hub.seen.count == 2)
      #expect(
        remarks.all == [
          "127.0.0.1 no longer has gone. Trying the next address",
          "127.0.0.1 cannot be reached: Connection refused. Trying the next address",
        ])
      let error = await failure {
        try await hub.fetch(into: folder.appending(path: "b"), addresses: Array(addresses.prefix(2)))
      }
      #expect(
        error?.problem == "weights.bin cannot be fetched from any of 2 addresses: (1) 127.0.0.1 no longer"
          + " has gone; (2) 127.0.0.1 cannot be reached: Connection refused")
    }
  }

  @Test("two at one time fetch once, and who waits names the lock")
  func lock() async throws {
    try await serving { hub, folder in
      hub.fail([TestHub.Fault](repeating: .stallAt(1000), count: 100))
      let file = folder.appending(path: "a")
      let remarks = Remarks()
      async let first = hub.fetch(into: file, digest: Self.digest, remarks: remarks)
      async let second = hub.fetch(into: file, digest: Self.digest, remarks: remarks)
      let both = try await [first, second]
      #expect(both.map(\.sha256) == [Self.digest.hexadecimal, Self.digest.hexadecimal])
      #expect(hub.starts == hub.starts.sorted() && both.count { $0.address == nil } == 1, "\(hub.starts)")
      #expect(remarks.all == ["Waiting for another process that has the lock \(folder.path)/.a.lock"])
      #expect(names(in: folder) == ["a"])
    }
  }

  @Test("offline, no request is made, and the file's place is told")
  func offline() async throws {
    try await serving { hub, folder in
      let settings = try quick(["HF_HUB_OFFLINE": "yes"])
      let error = await failure { try await hub.fetch(into: folder.appending(path: "a"), settings: settings) }
      #expect(
        error?.explanation == "weights.bin is not in \(folder.path), and HF_HUB_OFFLINE forbids requests. Fetch it"
          + " without HF_HUB_OFFLINE, or put it there as \(folder.path)/a.")
      #expect(hub.seen.isEmpty)
    }
  }

  @Test("a host without an address is said to be one")
  func noHost() async throws {
    try await withFolder { folder in
      let download = Download("weights.bin", from: [.init("http://nowhere.invalid/weights.bin")])
      let error = await failure {
        try await Downloader.with(quick()) { try await $0.fetch(download, into: folder.appending(path: "a")) }
      }
      #expect(error?.problem == "nowhere.invalid cannot be reached: there is no such host, or no network")
      #expect(names(in: folder) == [])
    }
  }

  @Test("a folder without room is refused before a byte is written")
  func noRoom() async throws {
    try await withFolder { folder in
      let part = try PartFile(at: folder.appending(path: "part"))
      let error = await failure { try part.checkRoom(for: 1 << 60) }
      #expect(error?.kind == .diskFull && error?.problem.hasPrefix("\(folder.path) has no room: ") == true)
    }
  }

  @Test("progress counts up to the file's size")
  func progress() async throws {
    try await serving { hub, folder in
      let remarks = Remarks()
      let download = Download("weights.bin", from: [hub.address("weights.bin")], digest: Self.digest)
      _ = try await Downloader.with(
        quick(), report: { remarks.add("\($0.bytes) \($0.total ?? 0) \($0.isFinished)") }
      ) { try await $0.fetch(download, into: folder.appending(path: "a")) }
      #expect(remarks.all.last == "300000 300000 true")
    }
  }
}
