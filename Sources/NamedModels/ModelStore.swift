import Foundation
import Support

/// A named model on this machine.
public struct StoredModel: Sendable {
  public let name: ModelName
  /// The checkpoint: a file, or a folder.
  public let location: URL
  /// The paths of its weights in their cache.
  public let weights: [String]
  /// The SHA-256 of files that were hashed as they were fetched, by their paths without links.
  public var hashes: [String: String] = [:]
  /// The size of the weights, in bytes.
  public var bytes: Int { weights.reduce(0) { $0 + HubCache.size(of: $1) } }
}

/// The named models on this machine. It makes no request.
public struct ModelStore: Sendable {
  public let catalogue: ModelCatalogue
  public let folders: ModelFolders
  package let cache: HubCache

  public init(
    _ catalogue: ModelCatalogue, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.catalogue = catalogue
    folders = ModelFolders(environment: environment)
    cache = HubCache(folder: folders.hub, copies: ModelFolders.isTrue(environment["HF_HUB_DISABLE_SYMLINKS"]))
  }

  public static func standard() throws -> ModelStore { ModelStore(try .standard()) }

  /// A model; `nil` where it, or a part of it, isn't here.
  public func find(_ name: ModelName) throws -> StoredModel? {
    switch name {
    case .openAI(let model):
      let file = self.file(of: model)
      guard FileSystem.fileExists(file.path),
        model.bytes ?? HubCache.size(of: file.path) == HubCache.size(of: file.path)
      else { return nil }
      return StoredModel(name: name, location: file, weights: [file.path])
    case .openClip(let row): return try find(row)
    case .hub(let repository):
      guard let commit = cache.commit(of: repository),
        let files = RepositoryFiles(among: cache.files(of: commit, in: repository))
      else { return nil }
      let configuration = links(files.configuration, commit, repository)
      return try stored(
        name, as: repository.shortName, version: "hf-hub--\(repository.id)@\(commit.prefix(12))",
        weights: files.weights.map { path($0, commit, repository) },
        files: configuration.merging(links(files.weights, commit, repository)) { $1 })
    }
  }

  /// A model that is needed now.
  ///
  /// - Throws: ``AcquisitionError`` of kind `offline` that says what is missing, where it would lie and how to get it.
  public func need(_ name: ModelName) throws -> StoredModel {
    if let found = try find(name) { return found }
    throw missing(name, because: nil)
  }

  package func missing(_ name: ModelName, because variable: String?) -> AcquisitionError {
    let reason = variable.map { ", and \($0) forbids requests" } ?? ""
    let command = "'cocoop models download \(name.text)'"
    switch name {
    case .openAI(let model):
      let file = file(of: model)
      let found = HubCache.size(of: file.path)
      let state =
        FileSystem.fileExists(file.path)
        ? "\(file.path) has \(found) of \(model.size) bytes" : "there is no file \(file.path)"
      return AcquisitionError(
        .offline, "\(name.text) is not on this machine: \(state)\(reason)",
        remedy: "\(command) fetches it; without a network, put \(model.file) there (\(ByteCount(model.size)),"
          + " SHA-256 \(model.sha256))")
    case .openClip(let row):
      guard let id = row.repository else {
        let file = releaseFile(of: row)?.path ?? ""
        return AcquisitionError(
          .offline, "\(name.text) is not on this machine: there is no file \(file)\(reason)",
          remedy: "\(command) fetches it; without a network, put it there from \(row.url ?? "")")
      }
      let names = (row.files ?? []).joined(separator: " or ")
      return missing(name, in: HubRepository(id: id), names: names, reason: reason, command: command)
    case .hub(let repository):
      return missing(
        name, in: repository, names: "a configuration and weights", reason: reason, command: command)
    }
  }

  private func missing(
    _ name: ModelName, in repository: HubRepository, names: String, reason: String, command: String
  ) -> AcquisitionError {
    let folder = cache.repository(repository).path
    return AcquisitionError(
      .offline,
      "\(name.text) is not on this machine: \(folder) has no snapshot of '\(repository.revision)' with \(names)"
        + reason,
      remedy: "\(command) fetches it; without a network, copy that folder from a machine that has it")
  }

  package func file(of model: ModelCatalogue.OpenAIModel) -> URL { folders.openAI.appending(path: model.file) }

  package func releaseFile(of row: ModelCatalogue.OpenClipModel) -> URL? {
    row.url.map { folders.openAI.appending(path: URL(filePath: $0).lastPathComponent) }
  }

  private func find(_ row: ModelCatalogue.OpenClipModel) throws -> StoredModel? {
    let configuration = LinkedModel.Content.data(try catalogue.configuration(of: row))
    let display = "\(row.model)-\(row.tag)"
    func stored(version: String, weights: String, as name: String) throws -> StoredModel {
      try self.stored(
        .openClip(row), as: display, version: "open_clip--\(row.model)--\(row.tag)@\(version)", weights: [weights],
        files: [RepositoryFiles.openClipConfiguration: configuration, name: .link(weights)])
    }
    if let id = row.repository {
      let repository = HubRepository(id: id)
      if let commit = cache.commit(of: repository),
        let weights = RepositoryFiles(of: row, among: cache.files(of: commit, in: repository))?.weights.first
      {
        let known = weights.hasPrefix("open_clip_") ? weights : "open_clip_\(weights)"
        return try stored(version: String(commit.prefix(12)), weights: path(weights, commit, repository), as: known)
      }
    }
    guard let file = releaseFile(of: row), FileSystem.fileExists(file.path),
      row.urlBytes ?? HubCache.size(of: file.path) == HubCache.size(of: file.path)
    else { return nil }
    return try stored(version: "release", weights: file.path, as: "open_clip_pytorch_model.pth")
  }

  private func stored(
    _ name: ModelName, as display: String, version: String, weights: [String], files: [String: LinkedModel.Content]
  ) throws -> StoredModel {
    let folder = folders.own.appending(path: version.replacing("/", with: "--")).appending(path: display)
    return StoredModel(name: name, location: try LinkedModel(folder: folder, files: files).made(), weights: weights)
  }

  private func path(_ file: String, _ commit: String, _ repository: HubRepository) -> String {
    cache.snapshot(commit, of: repository).appending(path: file).path
  }

  private func links(
    _ files: [String], _ commit: String, _ repository: HubRepository
  ) -> [String: LinkedModel.Content] {
    Dictionary(uniqueKeysWithValues: files.map { ($0, .link(path($0, commit, repository))) })
  }

  // MARK: All of them

  /// The models on this machine that have a name: those of the catalogue, and other repositories in the Hub's cache.
  public func all() throws -> [StoredModel] {
    let names =
      catalogue.openAI.map(ModelName.openAI)
      + catalogue.openClip.filter {
        $0.unsupported == nil && !$0.model.hasSuffix(ModelCatalogue.OpenClipModel.quickSuffix)
      }
      .map(ModelName.openClip)
    // One that can't be prepared, as in a home without room, is no reason to list nothing.
    let known = names.compactMap { try? find($0) }
    let inTable = Set(
      known.compactMap { model in if case .openClip(let row) = model.name { row.repository } else { nil } })
    let folders = ((try? FileSystem.entries(of: cache.folder.path)) ?? []).map(\.name).filter {
      $0.hasPrefix("models--")
    }
    let others = folders.compactMap { folder -> StoredModel? in
      let id = folder.dropFirst("models--".count).split(separator: "--", maxSplits: 1).joined(separator: "/")
      guard !inTable.contains(id) else { return nil }
      return try? find(.hub(HubRepository(id: id)))
    }
    return known + others
  }

  /// Removes a model from its cache. What other models and revisions share stays.
  ///
  /// - Returns: the bytes that were freed.
  /// - Throws: ``AcquisitionError`` where it isn't here, or can't be removed.
  public func remove(_ name: ModelName) throws -> Int {
    switch name {
    case .openAI(let model): return try remove(file: file(of: model), of: name)
    case .openClip(let row):
      if let id = row.repository, cache.commit(of: HubRepository(id: id)) != nil {
        return try remove(HubRepository(id: id), of: name)
      }
      guard let file = releaseFile(of: row) else { throw missing(name, because: nil) }
      return try remove(file: file, of: name)
    case .hub(let repository): return try remove(repository, of: name)
    }
  }

  private func remove(file: URL, of name: ModelName) throws -> Int {
    guard FileSystem.fileExists(file.path) else { throw notHere(name) }
    let bytes = HubCache.size(of: file.path)
    try delete([file.path])
    return bytes
  }

  private func remove(_ repository: HubRepository, of name: ModelName) throws -> Int {
    guard let removal = cache.removal(of: repository), let commit = cache.commit(of: repository) else {
      throw notHere(name)
    }
    let folders = ((try? FileSystem.entries(of: folders.own.path)) ?? []).map(\.name)
    let links = folders.filter { $0.hasSuffix("@\(commit.prefix(12))") }
    try delete(links.map { self.folders.own.appending(path: $0).path } + removal.paths)
    return removal.bytes
  }

  private func notHere(_ name: ModelName) -> AcquisitionError {
    AcquisitionError(
      .offline, "\(name.text) is not on this machine: there is nothing to remove",
      remedy: "'cocoop models list' shows what is here")
  }

  private func delete(_ paths: [String]) throws {
    for path in paths {
      do {
        try FileManager.default.removeItem(atPath: path)
      } catch {
        guard FileSystem.exists(path) else { continue }
        throw AcquisitionError(
          .writing, "\(path) cannot be removed: \((error as NSError).localizedDescription)",
          remedy: "Give yourself the right to remove it")
      }
    }
  }
}
