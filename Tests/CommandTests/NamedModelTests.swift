import Embedded
import Foundation
import TestHub
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
}
