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

    /// A library whose answers are those of a file server that cannot sync folders, and whose first answer to each
    /// renaming was lost: the repeated request finds the old name gone.
    private static let forgetful = """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <errno.h>
      #include <stdio.h>
      #include <sys/stat.h>

      int fsync(int descriptor) {
        struct stat status;
        if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
          errno = EINVAL;
          return -1;
        }
        return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
      }

      int rename(const char *from, const char *to) {
        if (((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to) != 0) return -1;
        errno = ENOENT;
        return -1;
      }
      """

    private static func library(_ content: String = lockless, in place: Workplace) throws -> String? {
      let source = try place.write(content, to: "library/library.c")
      let library = place.file("library/library.so").path
      return try run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source.path, "-ldl"]) == 0 ? library : nil
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
      "units are shared by locks or by shards: without locks only shards are done, and the table is the same",
      .enabled(if: hasCompiler, "a lock that fails is compiled, which needs cc"))
    func shards() throws {
      try withWorkplace { place in
        let library = try #require(try Self.library(in: place))
        try SmallComparison.write("one", in: place)
        func call(_ arguments: [String], output: String, lockless: Bool) throws -> Outcome {
          let line = [
            "reproduce", "base-to-new", "--datasets", "data/one.csv", "--methods", "zero-shot,coop", "--seeds", "1",
            "--shots", "2", "--epochs", "1", "--image-views", "1", "--json", "--quiet", "--output", output,
          ]
          return try place.start(
            line + arguments, environment: lockless ? ["LD_PRELOAD": library, "LOCK_ERROR": "\(ENOLCK)"] : [:]
          ).outcome()
        }
        let refused = try call([], output: "shared", lockless: true)
        #expect(refused.status == 1)
        #expect(refused.errors.hasPrefix("Error: FOLDER/shared/units/one/.zero-shot-seed1 cannot be locked: "))
        #expect(refused.errors.hasSuffix(", or divide the work with --shard i/n, which needs no locks.\n"))
        for number in 1...2 {
          #expect(try call(["--shard", "\(number)/2"], output: "shared", lockless: true).status == 0)
        }
        let table: PrintedComparison = try call([], output: "shared", lockless: true).json()
        let alone: PrintedComparison = try call([], output: "alone", lockless: false).json()
        #expect(table.methods == alone.methods)
        #expect(!place.contents.contains { $0.hasSuffix("/lock") })
      }
    }

    @Test(
      "a server that forgets its answers to renamings and cannot sync folders keeps a run all the same",
      .enabled(if: hasCompiler, "the server's answers are compiled, which needs cc"))
    func forgetful() throws {
      try withWorkplace { place in
        let library = try #require(try Self.library(Self.forgetful, in: place))
        let arguments = Short.train("coop", output: "run", more: ["--checkpoint-every", "1"])
        let outcome = try place.start(arguments, environment: ["LD_PRELOAD": library]).outcome()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try place.cocoop(Short.train("coop", output: "local", more: ["--checkpoint-every", "1"])).status == 0)
        #expect(try place.bytes("run/prompts.safetensors") == place.bytes("local/prompts.safetensors"))
        let evaluation = try place.start(
          ["evaluate", "--run", "run", "--quiet"], environment: ["LD_PRELOAD": library]
        ).outcome()
        #expect(evaluation.status == 0 && place.exists("run/evaluations/openclipart-base-test/evaluation.json"))
        #expect(!place.contents.contains { $0.hasSuffix(".partial") || $0.hasSuffix(".replaced") })
      }
    }

    @Test(
      "shards whose processes all are number 1 fill one folder",
      .enabled(if: hasNamespaces, "PID namespaces need the right to unshare"))
    func namespaces() throws {
      try withWorkplace { place in
        for index in 0..<4 { try place.write(Data(contentsOf: URL(filePath: Short.photo)), to: "photos/\(index).jpg") }
        let arguments = [
          "predict", "--model", "tiny-clip", "--classes", "bird,cat", "--no-cache", "--batch-size", "1", "photos",
        ]
        let whole = try place.cocoop(arguments + ["--format", "jsonl"])
        let calls = try [1, 2, 1, 2].map { number in
          try place.start(arguments + ["--shard", "\(number)/2", "--output", "out"], under: ["unshare", "-p", "-f"])
        }
        for call in calls { #expect(try call.outcome().status == 0) }
        let gathered = try place.cocoop(["predict", "--gather", "--output", "out", "--format", "jsonl"])
        #expect(gathered.output == whole.output && whole.status == 0)
        #expect(
          place.contents.filter { $0.hasPrefix("out/") } == ["out/1-of-2.jsonl", "out/2-of-2.jsonl", "out/job.json"])
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
