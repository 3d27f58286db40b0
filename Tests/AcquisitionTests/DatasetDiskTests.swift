#if os(Linux)
  import Acquisition
  import Datasets
  import Foundation
  import Support
  import TestSupport
  import Testing

  @Suite("A disk that is full or cannot be written leaves no half of a dataset", .serialized)
  struct DatasetDiskTests {
    @Test("full while unpacking", .enabled(if: TemporaryDisk.isAvailable, "only root may mount a disk"))
    func full() async throws {
      try await withDisk(size: "1m") { disk in
        let root = disk.url
        let entries = (0..<40).map { TestArchive.Entry("dtd/images/banded/\($0).jpg", .file(Data(count: 100_000))) }
        let archive = try root.write("", to: "dtd/dtd-r1.0.1.tar.gz")
        try TestArchive.write(entries, as: .tarGzip, to: archive)
        let message = try #require(try await TestDownload(row(of: archive), under: root).message(in: root))
        #expect(message.hasPrefix("Cannot write ROOT/dtd/.downloading/unpacking/images/banded/"))
        #expect(message.hasSuffix(".jpg: No space left on device. Make room, then run the same command again."))
        #expect(!FileSystem.exists(root.appending(path: "dtd/images").path))

        // With less in the archive, the same command works on what is there.
        try TestArchive.write(Array(entries.prefix(3)), as: .tarGzip, to: archive)
        let result = try await TestDownload(row(of: archive), under: root).result.get()
        #expect(result.state == .downloaded && !FileSystem.exists(root.appending(path: "dtd/.downloading").path))
      }
    }

    @Test("read-only", .enabled(if: TemporaryDisk.isAvailable, "only root may mount a disk"))
    func readOnly() async throws {
      try await withDisk(size: "64k") { disk in
        try disk.makeReadOnly()
        let message = try await TestDownload(DatasetSource(of: .dtd), under: disk.url).message(in: disk.url)
        #expect(
          message == "Cannot write ROOT/dtd: Read-only file system. Choose a folder that is yours and has room.")
      }
    }

    /// A row whose archive is taken to be small, so that the check of the room says nothing.
    private func row(of archive: URL) throws -> DatasetSource {
      let data = try Data(contentsOf: archive)
      return DatasetSource(
        .dtd, terms: "", page: "", needs: ["images"],
        archives: [
          .init(
            archive.lastPathComponent, bytes: data.count, [.sha256(FileDigest.sha256("").hash(of: data))], files: 1,
            .archive([.init("dtd/", to: "")]), provides: ["images"])
        ], lists: [])
    }

    private func withDisk(size: String, _ body: (TemporaryDisk) async throws -> Void) async throws {
      try await withFolder { folder in
        try await TemporaryDisk.mounted(at: folder.appending(path: "disk"), size: size) { try await body($0) }
      }
    }
  }
#endif
