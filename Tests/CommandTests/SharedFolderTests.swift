#if os(Linux)
  import Foundation
  import Testing

  @Suite("A shared file system is written by one process at a time, or not at all")
  struct SharedFolderTests {
    /// A library that replaces the system's lock: no file system here has one.
    private static let lockless = """
      #include <errno.h>
      #include <stdlib.h>

      int flock(int descriptor, int operation) {
        (void)descriptor;
        (void)operation;
        errno = atoi(getenv("LOCK_ERROR"));
        return -1;
      }
      """

    private static func library(in place: Workplace) throws -> String? {
      let source = try place.write(lockless, to: "lock.c")
      let arguments = ["cc", "-shared", "-fPIC", "-O1", "-o", place.file("lock.so").path, source.path]
      return try run(arguments) == 0 ? place.file("lock.so").path : nil
    }

    private static func run(_ arguments: [String]) throws -> Int32 {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = arguments
      process.standardError = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      return process.terminationStatus
    }

    static let hasCompiler: Bool = (try? withWorkplace { try library(in: $0) != nil }) ?? false
    static let hasNamespaces: Bool = (try? run(["unshare", "-p", "-f", "true"]) == 0) ?? false

    @Test(
      "a file system without locks is refused by its name, and nothing is left",
      .enabled(if: hasCompiler, "a lock that fails is compiled, which needs cc"),
      arguments: [
        (ENOLCK, "No locks available"), (ENOSYS, "Function not implemented"), (EOPNOTSUPP, "Operation not supported"),
        (EIO, "Input/output error"),
      ])
    func lockless(error: Int32, reason: String) throws {
      try withWorkplace { place in
        let library = try #require(try Self.library(in: place))
        let call = try place.start(
          "train --method zero-shot --data openclipart --shots 1 --output runs/a --no-cache".split(separator: " ")
            .map(String.init), environment: ["LD_PRELOAD": library, "LOCK_ERROR": "\(error)"])
        let outcome = try call.outcome()
        #expect(outcome.status == 1)
        let line = outcome.errors.split(separator: "\n").last { $0.hasPrefix("Error: ") } ?? ""
        #expect(
          line.hasPrefix("Error: FOLDER/runs/a cannot be locked: \(reason). It is on a file system of type "),
          "\(outcome.errors)")
        #expect(line.contains("Give a folder on a local disk, or have this file system mounted with locks"))
        #expect(!place.exists("runs"))
      }
    }

    @Test(
      "two processes that both are number 1 write one file, and neither spoils the other's",
      .enabled(if: hasNamespaces, "two PID namespaces need the right to unshare"))
    func containers() throws {
      try withWorkplace { place in
        let arguments = "datasets split openclipart --output split.json"
        let alone = try place.cocoop(arguments)
        #expect(alone.status == 0, "\(alone.errors)")
        // The order of its keys differs in each process.
        func written() throws -> NSDictionary? {
          try JSONSerialization.jsonObject(with: Data(contentsOf: place.file("split.json"))) as? NSDictionary
        }
        let expected = try #require(try written())
        // A file that process 1 of another machine is writing.
        let marker = try place.write("half", to: ".split.json.1.partial")
        for _ in 0..<3 {
          let calls = try (0..<2).map { _ in
            try place.start(
              arguments.split(separator: " ").map(String.init), under: ["unshare", "-p", "-f"])
          }
          for call in calls { #expect(try call.outcome().status == 0) }
          #expect(try written() == expected)
        }
        #expect(try String(contentsOf: marker, encoding: .utf8) == "half")
        #expect(place.contents == [".split.json.1.partial", "split.json"])
      }
    }
  }
#endif
