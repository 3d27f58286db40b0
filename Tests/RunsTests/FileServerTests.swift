import Foundation
import Runs
import Support
import Testing

@Suite("Files of a file server are what they are, whatever it answers")
struct FileServerTests {
  @Test("a file that was removed while it was open leaves its folder empty")
  func remnants() throws {
    try withTemporaryFolder { place in
      try Data().write(to: place.appending(path: ".nfs000000001234abcd00000007"))
      #expect(FileSystem.isRemnant(".nfs000000001234abcd00000007") && !FileSystem.isRemnant("nfs.txt"))
      #expect(FileSystem.names(in: place.path).isEmpty)
      _ = try RunFolder(creating: place, existing: .refuse)
      _ = try ShardFolder(at: place, for: ShardFolder.Job(command: "predict", shards: 1, settings: [:]))
    }
  }

  @Test("a renaming to where nothing is, or from where nothing is, is told by errno")
  func renaming() throws {
    try withTemporaryFolder { place in
      let (old, new) = (place.appending(path: "old").path, place.appending(path: "new").path)
      #expect(!Renaming.move(old, to: new) && errno == ENOENT)
      try Data("a".utf8).write(to: URL(filePath: old))
      #expect(Renaming.move(old, to: new) && FileSystem.fileExists(new) && !FileSystem.exists(old))
      try Data("b".utf8).write(to: URL(filePath: old))
      #expect(!Renaming.move(old, to: place.appending(path: "none/new").path) && errno == ENOENT)
      #expect(FileSystem.fileExists(old))
    }
  }

  @Test("what a lock is not needed for is done without one, and whoever holds one is respected all the same")
  func optionalLocks() throws {
    try withTemporaryFolder { place in
      let run = place.appending(path: "run")
      let lock = try RunLock(at: run, isRequired: false)
      defer { lock.release() }
      #expect(throws: RunError.inUse(path: run.path)) { try RunLock(at: run, isRequired: false) }
    }
  }
}
