import Acquisition
import Foundation
import Support
import Testing

/// `COCOOP_UNPACK_FILES=100000` in the environment sets how many small files are unpacked.
@Suite("Unpacking small files takes about as long as tar takes", .serialized)
struct UnpackingSpeedTests {
  private static let files = ProcessInfo.processInfo.environment["COCOOP_UNPACK_FILES"].flatMap(Int.init) ?? 0
  private static let rounds = 3

  @Test("the median of three, beside tar's", .enabled(if: files > 0, "COCOOP_UNPACK_FILES says how many files"))
  func besideTar() async throws {
    try await withFolder { folder in
      let archive = folder.appending(path: "archive.tar")
      let content = Data(repeating: 7, count: 4000)
      let entries = (0..<Self.files).map {
        TestArchive.Entry("images/class-\($0 / 1000)/image-\($0).jpg", .file(content))
      }
      try TestArchive.write(entries, as: .tar, to: archive)
      var (own, tar): ([Double], [Double]) = ([], [])
      ProcessMemory.resetPeak()
      let memoryBefore = ProcessMemory.residentMiB
      for round in 0..<Self.rounds {
        let (first, second) = (folder.appending(path: "own-\(round)"), folder.appending(path: "tar-\(round)"))
        for url in [first, second] {
          try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        }
        own.append(
          try Self.seconds {
            let reader = try ArchiveReader(file: archive.path)
            var unpacking = try ArchiveUnpacking(
              into: first, limits: .init(entries: 2 * Self.files, bytes: 1 << 40))
            try unpacking.unpack(reader, placing: { $0 })
            #expect(unpacking.files == Self.files)
          })
        tar.append(
          try Self.seconds {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["tar", "-xf", archive.path, "-C", second.path]
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
          })
        for url in [first, second] { try FileManager.default.removeItem(at: url) }
      }
      let ratio = Self.median(own) / Self.median(tar)
      let growth = ProcessMemory.peakMiB - memoryBefore
      print(
        "unpacking \(Self.files) files: \(Self.median(own)) s, tar \(Self.median(tar)) s, ratio \(ratio); "
          + "rounds \(own) and \(tar); memory grew by \(growth) MiB")
      #expect(ratio <= 1.2)
      #expect(growth < 32)
    }
  }

  private static func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start) / .seconds(1)
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
