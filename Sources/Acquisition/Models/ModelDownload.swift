import Foundation
import NamedModels
import Support

/// Fetches models by their names into the caches where other tools look for them.
public struct ModelDownload: Sendable {
  private let store: ModelStore
  private let hub: HubSettings
  private let downloader: Downloader
  private let accepts: @Sendable (URL) throws -> Void

  /// - Parameters:
  ///   - accepts: throws where the configuration in a folder is of a model that can't be used: it is asked before
  ///     weights are fetched.
  public init(
    _ store: ModelStore, hub: HubSettings, downloader: Downloader, accepts: @escaping @Sendable (URL) throws -> Void
  ) {
    (self.store, self.hub, self.downloader, self.accepts) = (store, hub, downloader, accepts)
  }

  /// Fetches a model. What is here already and right is not fetched again; a branch of a repository is asked anew.
  ///
  /// - Throws: ``AcquisitionError``, what `accepts` throws, `CancellationError`.
  public func callAsFunction(_ name: ModelName) async throws -> StoredModel {
    if let variable = downloader.settings.offlineBecause {
      if let found = try store.find(name) { return found }
      throw store.missing(name, because: variable)
    }
    let fetched: [FetchedFile]
    switch name {
    case .openAI(let model):
      let file = store.file(of: model)
      let addresses = model.addresses.map { Download.Address(hub.address($0)) }
      fetched = try await fetch(
        Download(model.file, from: addresses, size: model.bytes, digest: .sha256(model.sha256)), to: file,
        announcedSize: model.size, licence: "MIT", of: name)
    case .openClip(let row): fetched = try await fetch(row)
    case .hub(let repository):
      fetched = try await fetch(
        name, from: repository, licence: store.catalogue.about(repository: repository.id).licence)
    }
    var stored = try store.need(name)
    for file in fetched { stored.hashes[URL(filePath: file.path).resolvingSymlinksInPath().path] = file.sha256 }
    return stored
  }

  private func announce(_ name: ModelName, bytes: Int, licence: String?, folder: URL) {
    downloader.remark(
      "\(name.text): fetching \(ByteCount(bytes)) into \(folder.path), licence \(licence ?? "not stated, see its page")"
    )
  }

  // MARK: Files with an address of their own

  private func fetch(
    _ download: Download, to file: URL, announcedSize: Int, licence: String?, of name: ModelName
  ) async throws -> [FetchedFile] {
    if !FileSystem.fileExists(file.path) {
      announce(name, bytes: announcedSize, licence: licence, folder: file.deletingLastPathComponent())
    }
    try store.cache.makeFolder(file.deletingLastPathComponent())
    return [try await downloader.fetch(download, into: file)]
  }

  private func fetch(_ row: ModelCatalogue.OpenClipModel) async throws -> [FetchedFile] {
    let name = ModelName.openClip(row)
    if row.quickGELU == true, !row.model.hasSuffix(ModelCatalogue.OpenClipModel.quickSuffix) {
      downloader.remark("\(name.text) was trained with QuickGELU, which is used")
    }
    if let id = row.repository {
      do {
        return try await fetch(name, from: HubRepository(id: id), licence: row.licence)
      } catch let error as AcquisitionError {
        guard row.url != nil, !error.endsEverything else { throw error }
        downloader.remark("\(error.problem). Trying the file of the release, whose bytes and hash are others")
      }
    }
    guard let url = row.url, let file = store.releaseFile(of: row) else { return [] }
    let download = Download(
      file.lastPathComponent, from: [Download.Address(url)], size: row.urlBytes, digest: row.sha256.map { .sha256($0) })
    return try await fetch(
      download, to: file, announcedSize: row.urlBytes ?? row.size, licence: row.licence, of: name)
  }

  // MARK: The Hub

  /// - Returns: the weights.
  private func fetch(
    _ name: ModelName, from repository: HubRepository, licence: String?
  ) async throws -> [FetchedFile] {
    let client = HubClient(hub, downloader)
    let listing = try await client.listing(of: repository)
    let files = try files(of: name, in: listing, repository)
    for path in files.configuration { _ = try await fetch(path, of: listing.commit, in: repository, client) }
    if case .hub = name {
      try accepts(store.cache.snapshot(listing.commit, of: repository))
    } else if case .openClip(let row) = name, listing.paths.contains(RepositoryFiles.openClipConfiguration) {
      try await compare(row, listing.commit, repository, client)
    }
    let bytes = files.weights.reduce(0) { $0 + (listing.sizes[$1] ?? 0) }
    let present = store.cache.files(of: listing.commit, in: repository)
    if !files.weights.allSatisfy(present.contains) {
      announce(
        name, bytes: bytes, licence: licence ?? listing.licence, folder: store.cache.repository(repository))
    }
    var fetched: [FetchedFile] = []
    for path in files.weights {
      if let file = try await fetch(path, of: listing.commit, in: repository, client) { fetched.append(file) }
    }
    try store.cache.note(listing.commit, for: repository)
    return fetched
  }

  private func files(
    of name: ModelName, in listing: HubListing, _ repository: HubRepository
  ) throws -> RepositoryFiles {
    let page = "\(hub.endpoint)/\(repository.id)/tree/\(repository.revision)"
    if case .openClip(let row) = name {
      if let files = RepositoryFiles(of: row, among: listing.paths) { return files }
      throw AcquisitionError(
        .other, "\(repository.id) has none of \((row.files ?? []).joined(separator: ", "))",
        remedy: "\(page) shows what it has")
    }
    if let files = RepositoryFiles(among: listing.paths) { return files }
    let isOpenClip = listing.paths.contains(RepositoryFiles.openClipConfiguration)
    throw AcquisitionError(
      .unsupported,
      "\(repository.id) holds no CLIP that can be used: it has "
        + (isOpenClip
          ? "open_clip_config.json, and no weights of open_clip's"
          : listing.paths.contains("config.json")
            ? "config.json, and no weights" : "neither open_clip_config.json nor config.json"),
      remedy: "\(page) shows what it has")
  }

  /// Fetches one file into the cache, and links the snapshot to it.
  ///
  /// - Returns: `nil` where the snapshot has it without a blob.
  private func fetch(
    _ path: String, of commit: String, in repository: HubRepository, _ client: HubClient
  ) async throws -> FetchedFile? {
    let (cache, hub) = (store.cache, hub)
    let file = try await client.head(of: path, commit: commit, in: repository)
    let blob = cache.blob(file.etag, of: repository)
    let lock = cache.lock(file.etag, of: repository)
    let pointer = cache.snapshot(commit, of: repository).appending(path: path)
    if !FileSystem.fileExists(blob.path), FileSystem.fileExists(pointer.path), try isRight(pointer, file) { return nil }
    if !FileSystem.fileExists(blob.path) || access(blob.deletingLastPathComponent().path, W_OK) == 0 {
      try cache.makeFolder(blob.deletingLastPathComponent())
      try cache.makeFolder(lock.deletingLastPathComponent())
    }
    let address = Download.Address(
      hub.resolve(path, of: repository, at: commit), headers: hub.headers,
      explain: { hub.explanation($0, for: repository, file: path) })
    let fetched = try await downloader.fetch(
      Download(path, from: [address], size: file.size, digest: file.digest), into: blob,
      part: URL(filePath: blob.path + ".cocoop.incomplete"), lock: lock)
    try cache.link(file.etag, as: path, commit: commit, of: repository)
    return fetched
  }

  /// Whether a snapshot's file without a blob, a copy, is the one that the Hub describes.
  private func isRight(_ pointer: URL, _ file: HubFile) throws -> Bool {
    guard let digest = file.digest else { return file.size == HubCache.size(of: pointer.path) }
    return digest.matches((try? digest.hash(ofFile: pointer.path)) ?? "")
  }

  /// Says where a repository's own configuration and the table disagree. The table is used: open_clip uses it too.
  private func compare(
    _ row: ModelCatalogue.OpenClipModel, _ commit: String, _ repository: HubRepository, _ client: HubClient
  ) async throws {
    let path = RepositoryFiles.openClipConfiguration
    _ = try await fetch(path, of: commit, in: repository, client)
    let url = store.cache.snapshot(commit, of: repository).appending(path: path)
    guard let theirs = try? JSONValue(parsing: FileSystem.contents(of: url.path)),
      let ours = try? JSONValue(parsing: store.catalogue.configuration(of: row))
    else { return }
    func differs(_ section: String, _ key: String, default standard: JSONValue) -> Bool {
      let (left, right) = (theirs[section]?[key] ?? standard, ours[section]?[key] ?? standard)
      if let left = left.array, let right = right.array { return left.map(\.double) != right.map(\.double) }
      return left != right
    }
    let facts: [(String, String, JSONValue)] = [
      ("model_cfg", "quick_gelu", false),
      ("preprocess_cfg", "mean", .array(store.catalogue.standard.mean.map(JSONValue.number))),
      ("preprocess_cfg", "std", .array(store.catalogue.standard.std.map(JSONValue.number))),
      ("preprocess_cfg", "interpolation", "bicubic"), ("preprocess_cfg", "resize_mode", "shortest"),
    ]
    for (section, key, standard) in facts where differs(section, key, default: standard) {
      downloader.remark(
        "\(repository.id) states another \(key) (\(theirs[section]?[key] ?? standard)) than open_clip's table"
          + " (\(ours[section]?[key] ?? standard)), which is used")
    }
  }
}
