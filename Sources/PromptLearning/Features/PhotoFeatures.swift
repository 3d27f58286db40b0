import Foundation
import Synchronization
import Torch

/// Features of photos one by one, as a ``FeatureCache`` has them from commands of before; new ones are kept by folder.
///
/// The key of a photo is its line in that of a list: the checkpoint, libtorch's version, how pixels are made, the path,
/// the size and the time of change. New features of a folder go into one file of it, and into further ones as they
/// become many.
package final class PhotoFeatures: Sendable {
  /// The features of one file hold this many photos at most.
  private static let most = 4096
  /// After so many photos that their folders' files do not have, the lists of other commands are looked through.
  private static let patience = 32

  private struct List {
    let url: URL
    let key: String
    let rows: Int
    /// `nil` until they are wanted.
    var floats: [Float]?
  }

  private struct Content {
    var lists: [List] = []
    /// Where a photo's features are, by its line.
    var places: [String: (list: Int, row: Int)] = [:]
    var folders: Set<String> = []
    var misses = 0
    var hasLookedEverywhere = false
    /// By folder, in the order in which they were computed.
    var new: [String: [(line: String, features: [Float])]] = [:]
  }

  private let cache: FeatureCache
  private let preparation: String
  private let width: Int
  private let content = Mutex(Content())

  init(_ cache: FeatureCache, preparation: String, width: Int) {
    (self.cache, self.preparation, self.width) = (cache, preparation, width)
  }

  /// A photo as a key names it, and its folder. It is asked for before the photo is read, so that a change meanwhile is
  /// seen.
  package struct Name: Sendable {
    let line: String
    let folder: String

    /// `nil` where no file is there.
    package init?(of file: URL) {
      guard let line = FeatureCache.line(of: file, detail: "") else { return nil }
      (self.line, folder) = (line, file.deletingLastPathComponent().path)
    }
  }

  /// What the image tower gives of a photo; `nil` where it is not known.
  package func features(of photo: Name) -> [Float]? {
    content.withLock { content in
      if content.folders.insert(photo.folder).inserted {
        for url in cache.files(of: fileName(of: photo.folder)) { add(url, to: &content) }
      }
      if let found = row(of: photo.line, in: &content) { return found }
      content.misses += 1
      guard content.misses >= Self.patience, !content.hasLookedEverywhere else { return nil }
      content.hasLookedEverywhere = true
      for url in cache.files(of: "features-") { add(url, to: &content) }
      return row(of: photo.line, in: &content)
    }
  }

  /// Remembers what was computed, to be kept by ``keep()`` or as soon as there is a file's worth.
  package func add(_ features: [Float], of photo: Name) {
    let whole: [(line: String, features: [Float])]? = content.withLock { content in
      content.new[photo.folder, default: []].append((photo.line, features))
      guard let new = content.new[photo.folder], new.count >= Self.most else { return nil }
      content.new[photo.folder] = nil
      return new
    }
    if let whole { write(whole, folder: photo.folder, isWhole: true) }
  }

  /// Writes what was computed.
  package func keep() {
    let new = content.withLock { content in
      defer { content.new = [:] }
      return content.new
    }
    for (folder, photos) in new.sorted(by: { $0.key < $1.key }) {
      // What the folder's own file has already stays, unless the photo has changed.
      let paths = Set(photos.map { Self.path(of: $0.line) })
      let url = cache.folder.appending(path: fileName(of: folder) + ".safetensors")
      var content = Content()
      add(url, to: &content)
      let lines = (content.lists.first?.key.split(separator: "\n").dropFirst(3) ?? []).map(String.init)
      let earlier = lines.filter { !paths.contains(Self.path(of: $0)) }.compactMap { line in
        row(of: line, in: &content).map { (line: line, features: $0) }
      }
      let all = earlier + photos
      write(all, folder: folder, isWhole: all.count > Self.most)
    }
  }

  private static func path(of line: String) -> Substring { line.prefix { $0 != "\t" } }

  private func fileName(of folder: String) -> String {
    let key = FeatureCache.header(model: cache.model, preparation: preparation).joined(separator: "\n")
    return "features-of-\(FeatureCache.checksum(of: "\(key)\n\(folder)".utf8))"
  }

  private func add(_ url: URL, to content: inout Content) {
    guard !content.lists.contains(where: { $0.url == url }), let key = FeatureCache.key(of: url) else { return }
    let lines = key.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let header = FeatureCache.header(model: cache.model, preparation: preparation)
    guard lines.starts(with: header) else { return }
    let list = content.lists.count
    content.lists.append(List(url: url, key: key, rows: lines.count - header.count))
    for (row, line) in lines.dropFirst(header.count).enumerated() { content.places[line] = (list, row) }
  }

  private func row(of line: String, in content: inout Content) -> [Float]? {
    guard let (list, row) = content.places[line] else { return nil }
    let found = content.lists[list]
    if found.floats == nil {
      let tensor = FeatureCache.read(found.url, key: found.key, shape: [found.rows, width])
      guard let floats = try? tensor?.floats() else {
        // Damaged: none of its lines is known.
        content.places = content.places.filter { $0.value.list != list }
        return nil
      }
      content.lists[list].floats = floats
    }
    return content.lists[list].floats.map { Array($0[row * width..<(row + 1) * width]) }
  }

  private func write(_ photos: [(line: String, features: [Float])], folder: String, isWhole: Bool) {
    let lines = photos.map(\.line)
    let key = (FeatureCache.header(model: cache.model, preparation: preparation) + lines).joined(separator: "\n")
    guard let features = try? Tensor(photos.flatMap(\.features), shape: [photos.count, width]) else { return }
    // What is whole is never written again; the folder's own file begins anew.
    let name = fileName(of: folder) + (isWhole ? "-\(FeatureCache.checksum(of: key.utf8))" : "")
    cache.keep(features, at: cache.folder.appending(path: name + ".safetensors"), key: key)
    if isWhole {
      try? FileManager.default.removeItem(at: cache.folder.appending(path: fileName(of: folder) + ".safetensors"))
    }
  }
}
