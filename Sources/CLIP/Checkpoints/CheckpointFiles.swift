import Foundation
import Support

/// The files of a checkpoint: a folder in open_clip's or Hugging Face's format, or a file of weights alone.
public struct CheckpointFiles: Sendable {
  /// The way in which a checkpoint states its configuration.
  public enum Form: String, Sendable {
    /// The file `open_clip_config.json`.
    case openCLIP = "open_clip"
    /// The files `config.json` and `preprocessor_config.json`.
    case huggingFace = "Hugging Face"
    /// No statement: the configuration is inferred from the shapes of the tensors.
    case weightsAlone = "weights alone"
  }

  /// The checkpoint's name: its folder, or the file without its extension.
  public let name: String
  public let form: Form
  /// The checkpoint's folder, or its file where it is a file alone.
  public let url: URL
  /// The file of weights, or the index of its shards.
  public let weights: URL

  private static let indexSuffix = ".index.json"
  static let openCLIPConfiguration = "open_clip_config.json"
  static let huggingFaceConfiguration = "config.json"

  /// Whether ``weights`` is an index.
  var isSharded: Bool { weights.lastPathComponent.hasSuffix(Self.indexSuffix) }

  /// The file names that open_clip and `transformers` look for, in their order.
  private static func candidates(_ form: Form) -> [String] {
    switch form {
    case .openCLIP:
      [
        "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin",
        "open_clip_pytorch_model.pth", "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "pytorch_model.pth", "model.pth",
      ]
    case .huggingFace:
      ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"]
    case .weightsAlone: []
    }
  }

  /// Finds the files of the checkpoint at `url`.
  ///
  /// Both libraries optionally write their weights twice, as safetensors and as a pickle; like them, this prefers the
  /// first. A file that belongs to a folder in one of the formats is read with that folder's configuration.
  ///
  /// - Throws: ``CLIPError/checkpoint(path:_:)``.
  public init(at url: URL) throws {
    let url = url.standardizedFileURL
    switch try RegularFile.kind(of: url) {
    case .folder:
      let cached = try Self.snapshot(in: url)
      let files = try CheckpointFiles(folder: cached?.snapshot ?? url)
      // A snapshot's name is a hash, and its file of weights has the same name everywhere.
      self.init(name: cached?.name ?? files.name, form: files.form, url: files.url, weights: files.weights)
    case .file:
      let folder = url.deletingLastPathComponent()
      let form = Self.form(of: folder)
      if Self.candidates(form).contains(url.lastPathComponent) {
        self.init(name: folder.lastPathComponent, form: form, url: folder, weights: url)
      } else {
        let name = url.deletingPathExtension().lastPathComponent
        self.init(name: name, form: .weightsAlone, url: url, weights: url)
      }
    }
  }

  private init(name: String, form: Form, url: URL, weights: URL) {
    self.name = name
    self.form = form
    self.url = url
    self.weights = weights
  }

  /// The snapshot in a folder of the hub's cache, `models--ORGANISATION--NAME` or its `snapshots`: that of the branch
  /// `main`, or otherwise the only one; and the model's name.
  ///
  /// - Returns: `nil` where the folder does not belong to a cache.
  private static func snapshot(in folder: URL) throws -> (snapshot: URL, name: String)? {
    let root = folder.lastPathComponent == "snapshots" ? folder.deletingLastPathComponent() : folder
    let snapshots = root.appending(path: "snapshots")
    let reference = root.appending(path: "refs/main")
    let parts = root.lastPathComponent.split(separator: "--", omittingEmptySubsequences: false)
    let isNamed = parts.count > 1 && parts[0] == "models"
    guard isNamed, (try? RegularFile.kind(of: snapshots)) == .folder || RegularFile.exists(reference) else {
      return nil
    }
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: snapshots.path)) ?? []).sorted()
    let found = names.filter { (try? RegularFile.kind(of: snapshots.appending(path: $0))) == .folder }
    let name = String(parts[parts.count - 1])
    if RegularFile.exists(reference) {
      let bytes = try RegularFile.contents(of: reference, atMost: 256)
      let revision = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
      if found.contains(revision) { return (snapshots.appending(path: revision), name) }
      if found.count == 1 { return (snapshots.appending(path: found[0]), name) }
      throw CLIPError.checkpoint(
        path: root.path, .snapshot(expected: "the snapshot '\(revision)' that refs/main names", found: found))
    }
    guard found.count == 1 else {
      throw CLIPError.checkpoint(path: root.path, .snapshot(expected: "refs/main", found: found))
    }
    return (snapshots.appending(path: found[0]), name)
  }

  private init(folder: URL) throws {
    let form = Self.form(of: folder)
    let candidates = Self.candidates(form)
    for candidate in candidates.map({ folder.appending(path: $0) }) where RegularFile.exists(candidate) {
      self.init(name: folder.lastPathComponent, form: form, url: folder, weights: candidate)
      return
    }
    if let index = Self.candidates(.huggingFace).first(where: {
      $0.hasSuffix(Self.indexSuffix) && RegularFile.exists(folder.appending(path: $0))
    }) {
      let expected = Self.huggingFaceConfiguration
      throw CLIPError.checkpoint(path: folder.path, .noConfiguration(index: index, expected: expected))
    }
    let others = try Self.filesOfWeights(in: folder)
    guard let only = others.first else {
      let expected = form == .huggingFace ? candidates.prefix(3) : ["open_clip_model.safetensors", "model.safetensors"]
      throw CLIPError.checkpoint(path: folder.path, .noWeights(expected: Array(expected)))
    }
    guard others.count == 1 else {
      throw CLIPError.checkpoint(path: folder.path, .severalWeights(names: others.map(\.lastPathComponent)))
    }
    let url = form == .weightsAlone ? only : folder
    let name = form == .weightsAlone ? only.deletingPathExtension().lastPathComponent : folder.lastPathComponent
    self.init(name: name, form: form, url: url, weights: only)
  }

  private static func form(of folder: URL) -> Form {
    if RegularFile.exists(folder.appending(path: openCLIPConfiguration)) { return .openCLIP }
    if RegularFile.exists(folder.appending(path: huggingFaceConfiguration)) { return .huggingFace }
    return .weightsAlone
  }

  /// The files that could be weights, by name; their content is checked later.
  private static func filesOfWeights(in folder: URL) throws -> [URL] {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
      throw CLIPError.checkpoint(path: folder.path, .unreadable(reason: "the folder cannot be read"))
    }
    let extensions: Set = ["safetensors", "pt", "pth", "bin", "ckpt", "tar"]
    return names.filter { extensions.contains(URL(filePath: $0).pathExtension.lowercased()) }.sorted()
      .map { folder.appending(path: $0) }.filter { (try? RegularFile.kind(of: $0)) != .folder }
  }

  /// SHA-256 of the weights, in lower-case hexadecimal, as `sha256sum` prints it for the file. For shards it is the
  /// hash of the lines that `sha256sum` prints for all of them in the order of their names.
  ///
  /// - Parameter hashes: the SHA-256 of files that are known already, by their paths without links.
  public func hash(knowing hashes: [String: String] = [:]) throws -> String {
    func hash(of url: URL) throws -> String {
      try hashes[url.resolvingSymlinksInPath().path] ?? FileHash.sha256(of: url)
    }
    guard isSharded else { return try hash(of: weights) }
    let shards = try ShardedTensors(index: weights).shards
    let lines = try shards.map { "\(try hash(of: $0))  \($0.lastPathComponent)\n" }
    return FileHash.sha256(of: lines.joined())
  }
}
