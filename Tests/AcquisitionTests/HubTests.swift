import Acquisition
import Foundation
import NamedModels
import Support
import TestHub
import Testing

/// A machine with a catalogue of its own, whose caches lie in one folder.
struct Machine {
  let folder: URL
  let environment: [String: String]
  let store: ModelStore

  init(_ folder: URL, _ hub: TestHub, _ more: [String: String] = [:], catalogue: String = Machine.catalogue) throws {
    self.folder = folder
    environment = ["HOME": folder.path, "HF_ENDPOINT": hub.endpoint].merging(more) { $1 }
    let catalogue = catalogue.replacing("HUB", with: hub.endpoint).replacing("FILES", with: hub.origin)
    store = ModelStore(
      try JSONDecoder().decode(ModelCatalogue.self, from: Data(catalogue.utf8)), environment: environment)
  }

  func name(_ text: String) throws -> ModelName { try #require(try ModelName(text, in: store.catalogue)) }

  /// Fetches a model.
  func fetch(
    _ text: String, remarks: Remarks = Remarks(), accepts: @escaping @Sendable (URL) throws -> Void = { _ in }
  ) async throws -> StoredModel {
    let (name, hub) = try (name(text), HubSettings(environment: environment))
    return try await Downloader.with(quick(environment), remark: { remarks.add($0) }) {
      try await ModelDownload(store, hub: hub, downloader: $0, accepts: accepts)(name)
    }
  }

  func path(_ path: String) -> URL { folder.appending(path: ".cache/\(path)") }
  func exists(_ path: String) -> Bool { FileSystem.exists(self.path(path).path) }
  func text(_ path: String) -> String { (try? String(contentsOf: self.path(path), encoding: .utf8)) ?? "" }
  func link(_ path: String) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: self.path(path).path)
  }

  static let openAI = bytes(5000, seed: 3)

  static let catalogue = """
    {"read": "today", "standard": {"mean": [0.5, 0.25, 0.125], "std": [1, 1, 1], "interpolation": "bicubic",
      "resizeMode": "shortest"},
     "openAI": [{"name": "ViT-B/16", "file": "ViT-B-16.pt", "sha256": "\(sha256(openAI))", "bytes": 5000,
       "addresses": ["https://huggingface.co/test/gone/resolve/main/ViT-B-16.pt", "FILES/test/mirror/ViT-B-16.pt"],
       "otherForms": []}],
     "openClip": [
       {"model": "ViT-B-16", "tag": "laion_s1", "repository": "test/open", "licence": "MIT", "quickGELU": true,
        "files": ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"], "approximateBytes": 3000,
        "resizeMode": "squash"},
       {"model": "ViT-B-16", "tag": "released", "repository": "test/nowhere", "files": ["open_clip_model.safetensors"],
        "quickGELU": false, "url": "FILES/test/mirror/b-16-01234567.pt", "approximateBytes": 4000,
        "sha256": "\(sha256(bytes(4000, seed: 4)).prefix(8))"},
       {"model": "ViT-B-16-SigLIP", "tag": "webli", "repository": "test/siglip", "unsupported": "SigLIP: another loss"}],
     "repositories": [],
     "architectures": [{"name": "ViT-B-16", "embed_dim": 8, "vision_cfg": {"layers": 2}, "text_cfg": {"layers": 1}}]}
    """

  static let repositories: [String: TestHub.Repository] = [
    "test/open": .init(
      [
        "open_clip_config.json": Data(
          #"{"model_cfg": {"quick_gelu": false}, "preprocess_cfg": {"mean": [0.5, 0.25, 0.125], "std": [1, 1, 1], "resize_mode": "squash"}}"#
            .utf8),
        "open_clip_model.safetensors": bytes(3000, seed: 5), "model.safetensors": bytes(700, seed: 6),
        "README.md": Data("card".utf8),
      ], licence: "mit"),
    "test/hugging": .init([
      "config.json": Data(#"{"model_type": "clip"}"#.utf8), "preprocessor_config.json": Data("{}".utf8),
      "model.safetensors.index.json": Data("{}".utf8), "model-00001-of-00002.safetensors": bytes(900, seed: 8),
      "model-00002-of-00002.safetensors": bytes(800, seed: 9), "tokenizer.json": Data("{}".utf8),
    ]),
    "test/mirror": .init(["ViT-B-16.pt": openAI, "b-16-01234567.pt": bytes(4000, seed: 4)]),
    "test/timm": .init(["open_clip_config.json": Data("{}".utf8), "model.safetensors": bytes(700)]),
    "test/text": .init(["README.md": Data("card".utf8)]),
  ]
}

@Suite("Models are fetched from the Hub as its clients agree")
struct HubTests {
  private func serving(
    pageSize: Int = 1000, _ more: [String: String] = [:],
    _ body: @escaping @Sendable (TestHub, Machine) async throws -> Void
  ) async throws {
    try await withFolder { folder in
      try await TestHub.with(Machine.repositories, pageSize: pageSize) { hub in
        try await body(hub, Machine(folder, hub, more))
      }
    }
  }

  @Test("a repository's files lie in the shared cache, in its layout")
  func layout() async throws {
    try await serving { hub, machine in
      let stored = try await machine.fetch("hf-hub:test/open")
      let root = "huggingface/hub/models--test--open"
      let repository = try #require(Machine.repositories["test/open"])
      let commit = repository.commit
      let weights = try #require(repository.files["open_clip_model.safetensors"])
      #expect(machine.text("\(root)/refs/main") == commit)
      #expect(
        machine.link("\(root)/snapshots/\(commit)/open_clip_model.safetensors") == "../../blobs/\(sha256(weights))")
      #expect(try Data(contentsOf: machine.path("\(root)/blobs/\(sha256(weights))")) == weights)
      #expect(
        names(in: machine.path("\(root)/snapshots/\(commit)")) == [
          "open_clip_config.json", "open_clip_model.safetensors",
        ])
      #expect(names(in: machine.path("\(root)/blobs")).allSatisfy { $0.count == 40 || $0.count == 64 })
      #expect(machine.exists("huggingface/hub/.locks/models--test--open/\(sha256(weights)).lock"))
      #expect(stored.location.lastPathComponent == "open" && stored.bytes == 3000)
      #expect(names(in: stored.location) == ["open_clip_config.json", "open_clip_model.safetensors"])
      // Nobody needs to hash the weights again.
      let blob = stored.location.appending(path: "open_clip_model.safetensors").resolvingSymlinksInPath().path
      #expect(stored.hashes == [blob: sha256(weights)])
      #expect(!hub.seen.contains { $0.path.contains("/model.safetensors") || $0.path.contains("README") })
    }
  }

  @Test("the token goes to the Hub, and never to where its files lie")
  func token() async throws {
    try await serving(["HF_TOKEN": "secret"]) { hub, machine in
      _ = try await machine.fetch("hf-hub:test/open")
      let (asked, files) = (hub.seen.filter { $0.server == "hub" }, hub.seen.filter { $0.server == "files" })
      #expect(asked.count > 4 && asked.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
      #expect(files.count == 1 && files.allSatisfy { $0.headers["authorization"] == nil })
      #expect(hub.seen.allSatisfy { $0.headers["accept-encoding"] == "identity" })
    }
  }

  @Test("a token comes from the variables, or from the file that the login wrote")
  func tokenFile() async throws {
    try await serving { hub, machine in
      try FileManager.default.createDirectory(at: machine.path("huggingface"), withIntermediateDirectories: true)
      try Data("from-file\n".utf8).write(to: machine.path("huggingface/token"))
      _ = try await machine.fetch("hf-hub:test/open")
      #expect(hub.seen.first?.headers["authorization"] == "Bearer from-file")
      hub.forget()
      let other = try Machine(machine.folder, hub, ["HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"])
      _ = try await other.fetch("hf-hub:test/open")
      #expect(hub.seen.first?.headers["authorization"] == nil)
    }
  }

  @Test("a list of several pages is read whole, shards are fetched with their index")
  func shards() async throws {
    try await serving(pageSize: 2) { hub, machine in
      let stored = try await machine.fetch("hf-hub:test/hugging")
      #expect(
        names(in: stored.location) == [
          "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
          "model.safetensors.index.json", "preprocessor_config.json",
        ])
      #expect(stored.bytes == 900 + 800 + 2)
    }
  }

  @Test("a renamed repository is found under its old name")
  func renamed() async throws {
    try await serving { hub, machine in
      hub.change("test/timm") { old in
        old.files = Machine.repositories["test/open"]?.files ?? [:]
        old.renamed = "test/open"
      }
      let stored = try await machine.fetch("hf-hub:test/timm")
      #expect(stored.bytes == 3000 && hub.seen.contains { $0.path.hasPrefix("/test/open/resolve/") })
    }
  }

  @Test("a commit and a branch name the same snapshot, and an unknown one is said to be")
  func revisions() async throws {
    try await serving { hub, machine in
      let commit = try #require(Machine.repositories["test/open"]).commit
      let stored = try await machine.fetch("hf-hub:test/open@\(commit)")
      #expect(!machine.exists("huggingface/hub/models--test--open/refs"))
      #expect(try await machine.fetch("hf-hub:test/open").location == stored.location)
      let error = await failure { try await machine.fetch("hf-hub:test/open@v9") }
      #expect(
        error?.explanation
          == "test/open has no revision 'v9' (request test-request). Leave the @ out for its main branch;"
          + " \(hub.endpoint)/test/open/commits lists others.")
    }
  }

  @Test("a repository that isn't there, or is private")
  func missing() async throws {
    try await serving { hub, machine in
      let error = await failure { try await machine.fetch("hf-hub:test/nothing") }
      #expect(
        error?.explanation == "127.0.0.1 has no repository test/nothing, or it is a private one (request test-request)."
          + " Check the name; for a private one set HF_TOKEN.")
      hub.change("test/open") { $0.token = "secret" }
      #expect(await failure { try await machine.fetch("hf-hub:test/open") }?.kind == .refused(status: 401))
      let member = try Machine(machine.folder, hub, ["HF_TOKEN": "secret"])
      #expect(try await member.fetch("hf-hub:test/open").bytes == 3000)
    }
  }

  @Test("a gated repository says where its terms are, and which token was not enough")
  func gated() async throws {
    try await serving { hub, machine in
      hub.change("test/open") { $0.isGated = true }
      let error = await failure { try await machine.fetch("hf-hub:test/open") }
      #expect(
        error?.explanation == "test/open is gated: its authors want you to accept their terms (request test-request)."
          + " Accept them at \(hub.endpoint)/test/open, then set HF_TOKEN to your token.")
      let stranger = try Machine(machine.folder, hub, ["HF_TOKEN": "mine"])
      #expect(
        await failure { try await stranger.fetch("hf-hub:test/open") }?.remedy
          == "Accept them at \(hub.endpoint)/test/open, then use a token of that account (HF_TOKEN has another's)")
      #expect(!hub.seen.contains { $0.server == "files" })
    }
  }

  @Test("a wrong token is said to be, with its source; a repository that was taken down, too")
  func refused() async throws {
    try await serving(["HF_TOKEN": "wrong"]) { hub, machine in
      #expect(
        await failure { try await machine.fetch("hf-hub:test/open") }?.problem
          == "127.0.0.1 does not accept the token of HF_TOKEN (request test-request)")
      hub.change("test/open") { $0.isDisabled = true }
      let other = try Machine(machine.folder, hub)
      #expect(
        await failure { try await other.fetch("hf-hub:test/open") }?.problem
          == "test/open has been taken down (request test-request)")
    }
  }

  @Test("something between that isn't the Hub is recognised")
  func between() async throws {
    try await serving { hub, machine in
      let portal = try Machine(machine.folder, hub, ["HF_ENDPOINT": hub.origin])
      #expect(await failure { try await portal.fetch("hf-hub:test/open") } != nil)
    }
  }

  @Test("a repository without a model that can be used is refused before its weights are fetched")
  func unsupported() async throws {
    try await serving { hub, machine in
      for (name, reason) in [
        ("hf-hub:test/timm", "it has open_clip_config.json, and no weights of open_clip's"),
        ("hf-hub:test/text", "it has neither open_clip_config.json nor config.json"),
      ] {
        let error = await failure { try await machine.fetch(name) }
        #expect(error?.kind == .unsupported && error?.problem.hasSuffix(reason) == true)
      }
      struct Refused: Error {}
      await #expect(throws: Refused.self) { try await machine.fetch("hf-hub:test/hugging") { _ in throw Refused() } }
      #expect(!hub.seen.contains { $0.server == "files" })
    }
  }

  @Test(
    "a model of a family that isn't supported is refused by name, without a request",
    arguments: ["open_clip:ViT-B-16-SigLIP/webli", "hf-hub:test/siglip", "open_clip:ViT-B-16-SigLIP/other"])
  func family(name: String) async throws {
    try await serving { hub, machine in
      let error = #expect(throws: AcquisitionError.self) { try ModelName(name, in: machine.store.catalogue) }
      #expect(
        error?.explanation
          == "\(name) is a model that cannot be used here (SigLIP: another loss), so nothing is fetched."
          + " 'cocoop models list' names those that can.")
      #expect(hub.seen.isEmpty)
    }
  }

  @Test("open_clip's name and tag decide the configuration, whatever the repository says")
  func openClip() async throws {
    try await serving { hub, machine in
      let remarks = Remarks()
      let stored = try await machine.fetch("open_clip:ViT-B/16/LAION-s1", remarks: remarks)
      let text = try Data(contentsOf: stored.location.appending(path: "open_clip_config.json"))
      let configuration = try JSONValue(parsing: text)
      #expect(configuration["model_cfg"]?["quick_gelu"] == true && configuration["model_cfg"]?["embed_dim"] == 8)
      #expect(configuration["preprocess_cfg"]?["resize_mode"] == "squash")
      #expect(stored.location.lastPathComponent == "ViT-B-16-laion_s1")
      #expect(
        remarks.all == [
          "open_clip:ViT-B-16/laion_s1 was trained with QuickGELU, which is used",
          "test/open states another quick_gelu (false) than open_clip's table (true), which is used",
          "open_clip:ViT-B-16/laion_s1: fetching 3.0 kB into \(machine.path("huggingface/hub/models--test--open").path),"
            + " licence MIT",
        ])
    }
  }

  @Test("where the repository is gone, the file of the release is fetched, and its few digits checked")
  func release() async throws {
    try await serving { hub, machine in
      let stored = try await machine.fetch("open_clip:ViT-B-16/released")
      #expect(stored.weights == [machine.path("clip/b-16-01234567.pt").path] && stored.bytes == 4000)
      #expect(names(in: stored.location) == ["open_clip_config.json", "open_clip_pytorch_model.pth"])
    }
  }

  @Test("OpenAI's file is fetched from its mirrors in turn, into the folder where its own client looks")
  func openAI() async throws {
    try await serving { hub, machine in
      let stored = try await machine.fetch("ViT-B/16")
      #expect(stored.location == machine.path("clip/ViT-B-16.pt") && names(in: machine.path("clip")) == ["ViT-B-16.pt"])
      #expect(try Data(contentsOf: stored.location) == Machine.openAI)
      hub.forget()
      _ = try await machine.fetch("ViT-B/16")
      #expect(hub.seen.isEmpty)
    }
  }

  @Test("what is in the cache is found without a request, and what isn't is told with its place")
  func offline() async throws {
    try await serving { hub, machine in
      _ = try await machine.fetch("hf-hub:test/open")
      hub.forget()
      let offline = try Machine(machine.folder, hub, ["TRANSFORMERS_OFFLINE": "1"])
      #expect(try await offline.fetch("hf-hub:test/open").bytes == 3000)
      #expect(try machine.store.find(machine.name("open_clip:ViT-B-16/laion_s1"))?.bytes == 3000)
      let error = await failure { try await offline.fetch("hf-hub:test/hugging") }
      #expect(
        error?.explanation == "hf-hub:test/hugging is not on this machine:"
          + " \(machine.path("huggingface/hub/models--test--hugging").path) has no snapshot of 'main' with a configuration"
          + " and weights, and TRANSFORMERS_OFFLINE forbids requests. 'cocoop models download hf-hub:test/hugging' fetches"
          + " it; without a network, copy that folder from a machine that has it.")
      let openAI = await failure { try await offline.fetch("ViT-B/16") }
      #expect(
        openAI?.explanation
          == "ViT-B/16 is not on this machine: there is no file \(machine.path("clip/ViT-B-16.pt").path),"
          + " and TRANSFORMERS_OFFLINE forbids requests. 'cocoop models download ViT-B/16' fetches it; without a network,"
          + " put ViT-B-16.pt there (5.0 kB, SHA-256 \(sha256(Machine.openAI))).")
      #expect(hub.seen.isEmpty)
    }
  }

  @Test("a transfer that broke off is continued by the next process, at a newly signed address")
  func resumed() async throws {
    try await serving { hub, machine in
      hub.fail([.cut(1000)])
      _ = try await machine.fetch("hf-hub:test/hugging")
      let ranges = hub.seen.filter { $0.server == "files" && $0.headers["range"] != nil }
      #expect(ranges.isEmpty || ranges.allSatisfy { $0.path.contains("signature=") })
      hub.fail([.cut(1000), .cut(1000), .cut(1000)])  // the first meets the configuration, which is shorter
      hub.forget()
      _ = try await machine.fetch("hf-hub:test/open")
      let asked = hub.seen.filter { $0.server == "files" }
      #expect(asked.map { $0.headers["range"] } == [nil, "bytes=1000-", "bytes=2000-"])
      #expect(Set(asked.map(\.path)).count == 3)
    }
  }

  @Test("copies take the place of links where those are unwanted")
  func copies() async throws {
    try await serving(["HF_HUB_DISABLE_SYMLINKS": "1"]) { hub, machine in
      _ = try await machine.fetch("hf-hub:test/open")
      let commit = try #require(Machine.repositories["test/open"]).commit
      let file = "huggingface/hub/models--test--open/snapshots/\(commit)/open_clip_model.safetensors"
      #expect(machine.link(file) == nil && machine.exists(file))
    }
  }

  @Test("removing frees a model's bytes and leaves what another revision shares")
  func remove() async throws {
    try await serving { hub, machine in
      let stored = try await machine.fetch("hf-hub:test/open")
      let first = try #require(Machine.repositories["test/open"]).commit
      hub.change("test/open") { $0.files["open_clip_config.json"] = Data("{ }".utf8) }
      _ = try await machine.fetch("hf-hub:test/open")
      #expect(try machine.store.all().map(\.name.text).contains("open_clip:ViT-B-16/laion_s1"))
      #expect(try machine.store.remove(machine.name("hf-hub:test/open")) == 3)  // the other configuration alone
      #expect(FileSystem.exists(stored.location.path))
      #expect(try machine.store.remove(machine.name("hf-hub:test/open@\(first)")) > 3000)
      #expect(!machine.exists("huggingface/hub/models--test--open") && !FileSystem.exists(stored.location.path))
      let error = #expect(throws: AcquisitionError.self) { try machine.store.remove(machine.name("hf-hub:test/open")) }
      #expect(
        error?.explanation == "hf-hub:test/open is not on this machine: there is nothing to remove."
          + " 'cocoop models list' shows what is here.")
    }
  }
}

@Suite("A model's name says where it is from")
struct ModelNameTests {
  @Test(
    "the names of the catalogue, in the spellings that open_clip reads",
    arguments: [
      ("ViT-B/16", "ViT-B/16"), ("open_clip:ViT-B-16/laion2b_s34b_b88k", "open_clip:ViT-B-16/laion2b_s34b_b88k"),
      ("open_clip:ViT-B/16/LAION2B-s34b_b88k", "open_clip:ViT-B-16/laion2b_s34b_b88k"),
      ("hf-hub:laion/x", "hf-hub:laion/x"), ("hf-hub:laion/x@main", "hf-hub:laion/x"),
      ("hf-hub:laion/x@refs/pr/1", "hf-hub:laion/x@refs/pr/1"),
    ])
  func spelling(text: String, expected: String) throws {
    #expect(try ModelName(text, in: .standard())?.text == expected)
  }

  @Test(
    "a slip of the keyboard is answered with the name that was meant",
    arguments: [
      ("ViT-B16", "ViT-B/16"), ("vit-b-16", "ViT-B/16"), ("RN5O", "RN50"), ("ViT-L/14@336", "ViT-L/14@336px"),
    ])
  func nearest(text: String, expected: String) throws {
    #expect(try ModelName(text, in: .standard()) == nil)
    #expect(try ModelName.nearest(to: text, in: .standard()) == expected)
  }

  @Test(
    "a wrong name says what is wrong with it",
    arguments: [
      (
        "open_clip:ViT-B-16/laion2b_s34b_b88",
        "open_clip has no 'laion2b_s34b_b88' of ViT-B-16. Did you mean 'open_clip:ViT-B-16/laion2b_s34b_b88k'?"
      ),
      (
        "open_clip:ViT-B-16",
        "'open_clip:ViT-B-16' is no name of open_clip's: it has the form open_clip:NAME/TAG."
          + " Give for example open_clip:ViT-B-16/laion2b_s34b_b88k."
      ),
      (
        "hf-hub:",
        "'hf-hub:' names no repository: it has the form hf-hub:ORG/REPO or hf-hub:ORG/REPO@REVISION."
          + " Give for example hf-hub:laion/CLIP-ViT-B-16-laion2B-s34B-b88K."
      ),
      (
        "hf-hub:../../etc",
        "'hf-hub:../../etc' names no repository: it has the form hf-hub:ORG/REPO or hf-hub:ORG/REPO@REVISION. Give for example hf-hub:laion/CLIP-ViT-B-16-laion2B-s34B-b88K."
      ),
      ("hf-hub:a/b@../c", "'hf-hub:a/b@../c' names no revision after the @. Give a branch, a tag or a commit."),
    ])
  func wrong(text: String, message: String) throws {
    let error = #expect(throws: AcquisitionError.self) { try ModelName(text, in: .standard()) }
    #expect(error?.explanation == message)
  }

  @Test("the catalogue has OpenAI's nine with their hashes, and open_clip's table")
  func catalogue() throws {
    let catalogue = try ModelCatalogue.standard()
    #expect(catalogue.openAI.count == 9 && catalogue.openAI.allSatisfy { $0.sha256.count == 64 })
    #expect(catalogue.openClip.count == 196 && catalogue.openClip.count { $0.unsupported == nil } == 96)
  }

  @Test(
    "the Hub's cache is where its variables say, the first that is set",
    arguments: [
      (["HF_HUB_CACHE": "/a", "HF_HOME": "/b"], "/a"), (["HUGGINGFACE_HUB_CACHE": "/a", "HF_HOME": "/b"], "/a"),
      (["HF_HOME": "/b", "XDG_CACHE_HOME": "/c"], "/b/hub"), (["XDG_CACHE_HOME": "/c"], "/c/huggingface/hub"),
      (["HF_HOME": "~/b"], "/h/b/hub"), ([:], "/h/.cache/huggingface/hub"),
    ] as [([String: String], String)])
  func folders(environment: [String: String], expected: String) {
    let folders = ModelFolders(environment: environment.merging(["HOME": "/h"]) { $1 })
    #expect(folders.hub.path == expected && folders.openAI.path == "/h/.cache/clip")
  }
}
