import Embedded
import Foundation
import Support
import TestHub
import TestSupport
import Testing

@Suite("A model is had by its name")
struct NamedModelTests {
  static let name = "hf-hub:test/tiny-clip"

  /// A hub that has tiny-clip, and a machine that has nothing.
  private func serving(_ body: @escaping @Sendable (TestHub, Workplace) async throws -> Void) async throws {
    let files = ["open_clip_config.json", "open_clip_model.safetensors"].map {
      ($0, try? Data(contentsOf: Embedded.tinyCLIP.appending(path: $0)))
    }
    let repository = TestHub.Repository(
      Dictionary(uniqueKeysWithValues: files).compactMapValues { $0 }, licence: "mit")
    try await TestHub.with(["test/tiny-clip": repository]) { hub in
      let folder = FileManager.default.temporaryDirectory.appending(path: "named-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try await body(hub, Workplace(url: folder))
    }
  }

  private func run(
    _ arguments: [String], _ hub: TestHub, _ place: Workplace, _ more: [String: String] = [:]
  ) throws -> Outcome {
    let own = ["HOME": place.url.path, "XDG_CACHE_HOME": "", "HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": ""]
    return try place.start(arguments, environment: own.merging(more) { $1 }).outcome()
  }

  @Test("training by a name fetches the model once; the run remembers name and hash, and says how to fetch it again")
  func train() async throws {
    try await serving { hub, place in
      let arguments = Short.train("zero-shot", output: "runs/a", more: ["--model", Self.name])
      let trained = try run(arguments, hub, place)
      #expect(trained.status == 0, "\(trained.errors)")
      let record = try #require(
        try JSONSerialization.jsonObject(with: Data(contentsOf: place.file("runs/a/run.json"))) as? [String: Any])
      let (configuration, model) = (record["configuration"] as? [String: Any], record["model"] as? [String: Any])
      #expect(configuration?["model"] as? String == Self.name && model?["name"] as? String == "tiny-clip")
      #expect(model?["sha256"] as? String == "afb84b428d37932816288ed7feadd3ba09d9c04f5eccb73fe0f605d95a28986a")
      hub.forget()
      let predict = ["predict", "--run", "runs/a", "--quiet", Short.photo]
      #expect(try run(predict, hub, place).status == 0)
      let again = try run(
        Short.train("zero-shot", output: "runs/b", more: ["--model", Self.name, "--offline"]), hub, place)
      #expect(again.status == 0 && hub.seen.isEmpty)
      try FileManager.default.removeItem(at: place.file(".cache"))
      let lost = try run(predict, hub, place)
      #expect(lost.status == 1 && hub.seen.isEmpty)
      #expect(
        lost.errors == "Error: \(Self.name) is not on this machine: FOLDER/.cache/huggingface/hub/"
          + "models--test--tiny-clip has no snapshot of 'main' with a configuration and weights. 'cocoop models download"
          + " \(Self.name)' fetches it; without a network, copy that folder from a machine that has it.\n")
    }
  }

  @Test("downloading, listing and removing; nothing is left after it")
  func commands() async throws {
    try await serving { hub, place in
      let fetched = try run(["models", "download", Self.name], hub, place)
      #expect(fetched.status == 0 && fetched.output.hasPrefix("\(Self.name) is here: "))
      #expect(fetched.errors.contains(", licence mit.\n") && fetched.errors.contains("open_clip_model.safetensors: "))
      let listed = try run(["models", "list", "--here"], hub, place)
      #expect(listed.output.split(separator: "\n").count == 2 && listed.output.contains("\(Self.name)  "))
      let removed = try run(["models", "remove", Self.name], hub, place)
      #expect(removed.status == 0 && removed.output.hasPrefix("\(Self.name) is removed: "))
      let left = place.contents.filter { !$0.contains(".locks") && !$0.hasSuffix("hub") && !$0.hasSuffix("models") }
      #expect(left == [".cache", ".cache/cocoop", ".cache/huggingface"])
      let other = try run(["models", "remove", Self.name], hub, place)
      #expect(other.status == 1 && other.errors.hasPrefix("Error: \(Self.name) is not on this machine"))
    }
  }

  @Test(
    "what cannot be had is one line, exit 1, and leaves nothing",
    arguments: [
      ("ViT-B16", "There is no model 'ViT-B16'"), ("open_clip:ViT-B-16-SigLIP/webli", "cannot be used here"),
      ("open_clip:ViT-B-16/openia", "Did you mean 'open_clip:ViT-B-16/openai'?"), ("hf-hub:test/none", "no repository"),
      ("hf-hub:", "names no repository"),
    ])
  func refused(name: String, expected: String) async throws {
    try await serving { hub, place in
      for arguments in [["models", "download", name], ["predict", "--model", name, "--classes", "a,b", Short.photo]] {
        let outcome = try run(arguments, hub, place)
        #expect(outcome.status == 1 && outcome.output.isEmpty && outcome.errors.contains(expected))
        #expect(outcome.errors.split(separator: "\n").count == 1 && place.contents.isEmpty)
      }
    }
  }

  @Test("without a network, and offline, the line says what is missing", arguments: ["--quiet", "--offline"])
  func noNetwork(option: String) async throws {
    try await serving { hub, place in
      let arguments = ["models", "download", "ViT-B/16", "--quiet"] + (option == "--offline" ? [option] : [])
      let outcome = try run(arguments, hub, place, ["HF_ENDPOINT": "http://127.0.0.1:1", "HTTPS_PROXY": "127.0.0.1:1"])
      #expect(outcome.status == 1 && outcome.errors.split(separator: "\n").count == 1)
      let expected =
        option == "--offline"
        ? "and --offline forbids requests" : "ViT-B-16.pt cannot be fetched from any of 3 addresses"
      #expect(outcome.errors.contains(expected), "\(outcome.errors)")
      #expect(!place.exists(".cache/clip/ViT-B-16.pt"))
    }
  }

  @Test("Ctrl-C ends a download with 130 and keeps what has arrived, from which the same command goes on")
  func interrupted() async throws {
    try await serving { hub, place in
      let arrived = 1_000_000
      // The configuration comes first, whole.
      hub.fail([.ignoresRange, .stall(arrived)])
      let arguments = ["models", "download", Self.name]
      let call = try place.start(
        arguments, environment: ["HOME": place.url.path, "XDG_CACHE_HOME": "", "HF_ENDPOINT": hub.endpoint])
      let blobs = place.file(".cache/huggingface/hub/models--test--tiny-clip/blobs")
      func partSize() -> Int? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: blobs.path)) ?? []
        let part = names.first { $0.hasSuffix(".incomplete") }.map { blobs.appending(path: $0).path }
        return part.flatMap { (try? FileManager.default.attributesOfItem(atPath: $0)[.size] as? NSNumber)?.intValue }
      }
      let deadline = ContinuousClock.now + .seconds(60)
      while partSize() != arrived, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(10)) }
      #expect(partSize() == arrived)
      kill(call.process.processIdentifier, SIGINT)
      let stopped = try call.outcome()
      #expect(stopped.status == 130 && call.process.terminationReason == .exit)
      #expect(stopped.errors.hasSuffix("\nInterrupted. What has arrived is kept: go on with the same command.\n"))
      #expect(partSize() == arrived)
      hub.forget()
      #expect(try run(arguments, hub, place).status == 0)
      // The first address and the one it leads to are both asked for the rest.
      #expect(Set(hub.seen.compactMap { $0.headers["range"] }) == ["bytes=\(arrived)-"])
      #expect(partSize() == nil)
    }
  }
}

#if os(Linux)
  @Suite("A cache or a folder of datasets that belongs to somebody else is named, and left as it was")
  struct ForeignCacheTests {
    private static let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    /// Whether this process may become somebody else who can run the tool.
    static let mayBeNobody: Bool = {
      guard geteuid() == 0 else { return false }
      return
        (try? withWorkplace { place in
          let call = try place.start(["--version"], under: nobody)
          return try call.outcome().status == 0
        }) ?? false
    }()

    private static let cache = ".cache/huggingface/hub"
    private static let commandCache = "The cache FOLDER/\(cache) cannot be written: "

    /// What somebody else has made, and the line about it.
    struct Case: CustomTestStringConvertible, Sendable {
      let testDescription: String
      /// Paths with the rights that others have; a path that ends in a slash is a folder.
      let made: [(path: String, mode: Int)]
      let message: String
    }

    static let cases = [
      Case(
        testDescription: "a home", made: [],
        message: commandCache + "Permission denied. Name a folder of your own with HF_HUB_CACHE."),
      Case(
        testDescription: "a cache", made: [(cache + "/", 0o755)],
        message: commandCache + "Permission denied. Name a folder of your own with HF_HUB_CACHE."),
      Case(
        testDescription: "a repository's folder in a cache for everybody",
        made: [(cache + "/", 0o777), (cache + "/models--test--tiny-clip/", 0o755)],
        message: commandCache + "Permission denied. Name a folder of your own with HF_HUB_CACHE."),
      Case(
        testDescription: "the part of a download",
        made: [
          (cache + "/", 0o777), (cache + "/models--test--tiny-clip/", 0o777),
          (cache + "/models--test--tiny-clip/blobs/", 0o777),
          (cache + "/models--test--tiny-clip/blobs/CONFIGURATION.cocoop.incomplete", 0o644),
        ],
        message: "Cannot write FOLDER/\(cache)/models--test--tiny-clip/blobs/CONFIGURATION.cocoop.incomplete:"
          + " Permission denied. Choose a folder that is yours and has room."),
    ]

    @Test(
      "one line, and nothing changed", .enabled(if: mayBeNobody, "only root may run the tool as somebody else"),
      arguments: cases)
    func somebodyElses(case item: Case) async throws {
      let configuration = try Data(contentsOf: Embedded.tinyCLIP.appending(path: "open_clip_config.json"))
      let blob = RunningHash(.sha1)
      Array("blob \(configuration.count)\0".utf8).withUnsafeBytes { blob.update($0) }
      configuration.withUnsafeBytes { blob.update($0) }
      let tag = blob.finished()
      let repository = TestHub.Repository([
        "open_clip_config.json": configuration, "open_clip_model.safetensors": Data(),
      ])
      try await TestHub.with(["test/tiny-clip": repository]) { hub in
        try withWorkplace { place in
          for (path, mode) in item.made {
            let url = place.file(path.replacing("CONFIGURATION", with: tag))
            if path.hasSuffix("/") {
              try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            } else {
              try Data("mine".utf8).write(to: url)
            }
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: url.path)
          }
          if !item.made.isEmpty {
            for path in [".cache", ".cache/huggingface"] {
              try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: place.file(path).path)
            }
          }
          let call = try place.start(
            ["models", "download", "hf-hub:test/tiny-clip"], under: Self.nobody,
            environment: [
              "HOME": place.url.path, "XDG_CACHE_HOME": "", "HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": "",
            ])
          let outcome = try call.outcome()
          #expect(outcome.status == 1 && outcome.output.isEmpty)
          #expect(outcome.errors == "Error: \(item.message.replacing("CONFIGURATION", with: tag))\n")
          #expect(!place.contents.contains { $0.contains("snapshots") })
        }
      }
    }

    @Test(
      "a folder of datasets", .enabled(if: mayBeNobody, "only root may run the tool as somebody else"))
    func datasets() throws {
      try withWorkplace { place in
        let call = try place.start(["datasets", "download", "dtd", "--root", "."], under: Self.nobody)
        let outcome = try call.outcome()
        #expect(outcome.status == 1 && place.contents.isEmpty)
        #expect(
          outcome.errors
            == "Error: Cannot write FOLDER/dtd: Permission denied. Choose a folder that is yours and has room.\n")
      }
    }

    @Test(
      "a disk that is read-only", .enabled(if: TemporaryDisk.isAvailable, "mounting a disk needs root"))
    func readOnly() async throws {
      try await TestHub.with([
        "test/tiny-clip": .init(["open_clip_config.json": Data(), "open_clip_model.safetensors": Data()])
      ]) { hub in
        try withWorkplace { place in
          try TemporaryDisk.mounted(at: place.file("disk"), size: "64k") { disk in
            try disk.makeReadOnly()
            let call = try place.start(
              ["models", "download", "hf-hub:test/tiny-clip"],
              environment: [
                "HOME": disk.url.path, "XDG_CACHE_HOME": "", "HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": "",
              ])
            let outcome = try call.outcome()
            #expect(outcome.status == 1 && outcome.output.isEmpty)
            #expect(
              outcome.errors == "Error: The cache FOLDER/disk/\(Self.cache) cannot be written: Read-only file system."
                + " Name a folder of your own with HF_HUB_CACHE.\n")
          }
        }
      }
    }

    @Test(
      "a model that somebody else has fetched is used",
      .enabled(if: mayBeNobody, "only root may run the tool as somebody else"))
    func used() async throws {
      let files = try ["open_clip_config.json", "open_clip_model.safetensors"].map {
        ($0, try Data(contentsOf: Embedded.tinyCLIP.appending(path: $0)))
      }
      try await TestHub.with(["test/tiny-clip": .init(Dictionary(uniqueKeysWithValues: files))]) { hub in
        try withWorkplace { place in
          let shared = ["HF_HUB_CACHE": place.file("shared").path, "HF_ENDPOINT": hub.endpoint]
          let download = ["models", "download", "hf-hub:test/tiny-clip", "--json"]
          let first = try place.start(
            download, environment: shared.merging(["HOME": place.url.path, "XDG_CACHE_HOME": ""]) { $1 }
          ).outcome()
          #expect(first.status == 0)
          let own = place.file("own")
          try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
          try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: own.path)
          let before = place.contents.filter { $0.hasPrefix("shared") }
          let again = try place.start(
            download, under: Self.nobody, environment: shared.merging(["HOME": own.path, "XDG_CACHE_HOME": ""]) { $1 }
          ).outcome()
          #expect(again.status == 0, "\(again.errors)")
          #expect(place.contents.filter { $0.hasPrefix("shared") } == before)
        }
      }
    }
  }
#endif
