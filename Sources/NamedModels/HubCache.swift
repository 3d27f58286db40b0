import Foundation
import Support

/// The cache that all clients of the Hub share, in the layout of huggingface_hub.
package struct HubCache: Sendable {
  package let folder: URL
  /// Whether snapshots hold copies, where links are unwanted.
  let copies: Bool

  package func repository(_ repository: HubRepository) -> URL { folder.appending(path: repository.folderName) }
  package func blob(_ etag: String, of repository: HubRepository) -> URL {
    self.repository(repository).appending(path: "blobs/\(etag)")
  }
  package func lock(_ etag: String, of repository: HubRepository) -> URL {
    folder.appending(path: ".locks/\(repository.folderName)/\(etag).lock")
  }
  package func snapshot(_ commit: String, of repository: HubRepository) -> URL {
    self.repository(repository).appending(path: "snapshots/\(commit)")
  }
  private func reference(_ repository: HubRepository) -> URL {
    self.repository(repository).appending(path: "refs/\(repository.revision)")
  }

  /// The commit that a revision named when it was last asked for; `nil` where it never was.
  package func commit(of repository: HubRepository) -> String? {
    if repository.isCommit { return repository.revision }
    guard let data = try? FileSystem.contents(of: reference(repository).path, atMost: 256) else { return nil }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isCommit ? text : nil
  }

  /// The files of a snapshot that are there: links that lead nowhere don't count.
  package func files(of commit: String, in repository: HubRepository) -> Set<String> {
    let entries = (try? FileSystem.entries(of: snapshot(commit, of: repository).path)) ?? []
    return Set(entries.filter { $0.kind == .file }.map(\.name))
  }

  /// Puts a blob into a snapshot under its name: a relative link, or a copy where links are unwanted or fail.
  package func link(_ etag: String, as path: String, commit: String, of repository: HubRepository) throws {
    let pointer = snapshot(commit, of: repository).appending(path: path)
    if FileSystem.fileExists(pointer.path) { return }
    try makeFolder(pointer.deletingLastPathComponent())
    unlink(pointer.path)  // a link that leads nowhere
    let ups = String(repeating: "../", count: 2 + path.count { $0 == "/" })
    if !copies, symlink("\(ups)blobs/\(etag)", pointer.path) == 0 || errno == EEXIST { return }
    do {
      let blob = blob(etag, of: repository)
      let (source, _) = try FileSystem.openFile(blob.path)
      defer { close(source) }
      try AtomicFile.write(to: pointer) { append in
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
          let count = read(source, &buffer, buffer.count)
          guard count >= 0 else { throw SystemReason() }
          guard count > 0 else { break }
          try buffer.withUnsafeBytes { try append(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
        }
      }
    } catch let error as WritingError {
      throw AcquisitionError.writing(path: pointer.path, reason: error.reason)
    } catch let reason as SystemReason {
      throw AcquisitionError.writing(path: pointer.path, reason: reason.text)
    }
  }

  /// Notes the commit that a revision names.
  package func note(_ commit: String, for repository: HubRepository) throws {
    guard !repository.isCommit, self.commit(of: repository) != commit else { return }
    let file = reference(repository)
    try makeFolder(file.deletingLastPathComponent())
    do {
      try AtomicFile.write(Data(commit.utf8), to: file)
    } catch let error as WritingError {
      throw AcquisitionError.writing(path: file.path, reason: error.reason)
    }
  }

  /// Makes a folder of the cache, and those above it.
  package func makeFolder(_ url: URL) throws {
    do {
      _ = try CreatedDirectories(upTo: url)
    } catch let error as WritingError {
      throw AcquisitionError(
        .writing, "The cache \(folder.path) cannot be written: \(error.reason)",
        remedy: "Name a folder of your own with HF_HUB_CACHE")
    }
  }

  // MARK: Removing

  /// What a removal would delete.
  struct Removal: Sendable, Equatable {
    let paths: [String]
    let bytes: Int
  }

  /// The paths that a revision alone needs: its snapshot and reference, and the blobs that no other snapshot links to.
  func removal(of repository: HubRepository) -> Removal? {
    let root = self.repository(repository)
    guard let commit = commit(of: repository) else { return nil }
    let gone = snapshot(commit, of: repository)
    guard FileSystem.folderExists(gone.path) else { return nil }
    let snapshots = (try? FileSystem.entries(of: root.appending(path: "snapshots").path)) ?? []
    let others = snapshots.map(\.name).filter { $0 != commit }
    let kept = Set(others.flatMap { blobs(under: root.appending(path: "snapshots/\($0)")) })
    let removed = Set(blobs(under: gone)).subtracting(kept)
    let copied = size(under: gone)
    let bytes = removed.reduce(copied) { $0 + Self.size(of: $1) }
    if others.isEmpty { return Removal(paths: [root.path], bytes: bytes) }
    let references = self.references(to: commit, under: root.appending(path: "refs"))
    return Removal(paths: [gone.path] + references + removed.sorted(), bytes: bytes)
  }

  private func references(to commit: String, under folder: URL) -> [String] {
    ((try? FileSystem.entries(of: folder.path)) ?? []).flatMap { entry -> [String] in
      let url = folder.appending(path: entry.name)
      if entry.kind == .folder { return references(to: commit, under: url) }
      let text = (try? FileSystem.contents(of: url.path, atMost: 256)).map { String(decoding: $0, as: UTF8.self) }
      return text?.trimmingCharacters(in: .whitespacesAndNewlines) == commit ? [url.path] : []
    }
  }

  /// The blobs that the links under a folder lead to, by their own paths.
  private func blobs(under folder: URL) -> [String] {
    ((try? FileSystem.entries(of: folder.path)) ?? []).flatMap { entry -> [String] in
      let url = folder.appending(path: entry.name)
      if entry.isLink {
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: url.path) else { return [] }
        return [URL(filePath: target, relativeTo: folder.appending(path: "/")).standardizedFileURL.path]
      }
      return entry.kind == .folder ? blobs(under: url) : []
    }
  }

  /// The bytes of the files, not links, under a folder.
  private func size(under folder: URL) -> Int {
    ((try? FileSystem.entries(of: folder.path)) ?? []).reduce(0) { sum, entry in
      let url = folder.appending(path: entry.name)
      if entry.isLink { return sum }
      return sum + (entry.kind == .folder ? size(under: url) : Self.size(of: url.path))
    }
  }

  package static func size(of path: String) -> Int {
    var status = stat()
    return FileSystem.withSystemPath(path) { stat($0, &status) } == 0 ? Int(status.st_size) : 0
  }
}
