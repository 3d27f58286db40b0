import Foundation
import Support
import Torch

/// Saved image features in a folder that programs share: one file for each list of images.
///
/// A feature is reused only where the checkpoint, the preparation of pixels, libtorch's version and every image's path,
/// size and modification time are the same. The file holds all of these, and they are compared, so that lists with the
/// same file name by chance do no harm. Files are written whole, and one that cannot be read is computed again; a
/// folder that cannot be written is not used.
public struct FeatureCache: Sendable {
  public let folder: URL
  /// SHA-256 of the checkpoint.
  public let model: String
  /// The most bytes that the folder may hold; the least recently used files are removed first.
  public let limit: Int

  /// - Parameters:
  ///   - model: SHA-256 of the checkpoint.
  ///   - limit: the most bytes that the folder may hold.
  public init(folder: URL, model: String, limit: Int = 1 << 30) {
    self.folder = folder
    self.model = model
    self.limit = limit
  }

  /// The folder for data that a user's programs can compute again: `$XDG_CACHE_HOME/cocoop`, or `cocoop` under the
  /// system's cache folder.
  public static var standardFolder: URL {
    if let home = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"], home.hasPrefix("/") {
      return URL(filePath: home).appending(path: "cocoop")
    }
    let system = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
    return (system ?? FileManager.default.temporaryDirectory).appending(path: "cocoop")
  }

  /// The features of one list of images: from the folder, or computed and saved there.
  ///
  /// - Parameters:
  ///   - preparation: a description of how pixels are made from a file.
  ///   - items: each file, with a description of what else determines its pixels.
  ///   - width: E.
  /// - Returns: `[items.count, E]`.
  func features(
    preparation: String, items: [(file: URL, detail: String)], width: Int, compute: () throws -> Tensor
  ) throws -> Tensor {
    guard let key = Self.key(model: model, preparation: preparation, items: items) else { return try compute() }
    let url = folder.appending(path: "features-\(Self.checksum(of: key.utf8)).safetensors")
    if let found = Self.read(url, key: key, shape: [items.count, width]) { return found }
    let features = try compute()
    keep(features, at: url, key: key)
    return features
  }

  /// The cache key; `nil` where a file is missing: decoding it will report that better.
  private static func key(model: String, preparation: String, items: [(file: URL, detail: String)]) -> String? {
    let lines = items.compactMap { line(of: $0.file, detail: $0.detail) }
    guard lines.count == items.count else { return nil }
    return (header(model: model, preparation: preparation) + lines).joined(separator: "\n")
  }

  /// What a key begins with, one line each.
  static func header(model: String, preparation: String) -> [String] { [model, Libtorch.version, preparation] }

  /// What a key says of a file; `nil` where it is not there.
  static func line(of file: URL, detail: String) -> String? {
    FileStamp(of: file.path).map { "\(file.path)\t\($0.bytes)\t\($0.seconds).\($0.nanoseconds)\t\(detail)" }
  }

  /// The files of features whose names begin so.
  func files(of prefix: String) -> [URL] {
    let found = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    return (found ?? []).filter { $0.lastPathComponent.hasPrefix(prefix) }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }

  /// The key that a file of features has; `nil` where it cannot be read.
  static func key(of url: URL) -> String? {
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    return (try? SafetensorsFile(contentsOf: url))?.metadata["key"]
  }

  /// FNV-1a of 64 bits, in hexadecimal: enough against damage and for names, and no more is asked of it.
  static func checksum(of bytes: some Sequence<UInt8>) -> String {
    String(FNV1a.hash(bytes), radix: 16)
  }

  static func read(_ url: URL, key: String, shape: [Int]) -> Tensor? {
    guard FileManager.default.fileExists(atPath: url.path), let file = try? SafetensorsFile(contentsOf: url),
      file.metadata["key"] == key, file.shape(of: "features") == shape, let tensor = try? file.tensor("features"),
      tensor.kind == .float32, let bytes = try? tensor.bytes(), file.metadata["checksum"] == checksum(of: bytes)
    else { return nil }
    utimes(url.path, nil)  // marks the file as used now
    return tensor
  }

  func keep(_ features: Tensor, at url: URL, key: String) {
    let files = FileManager.default
    guard let bytes = try? features.bytes(), bytes.count + key.utf8.count <= limit,
      (try? files.createDirectory(at: folder, withIntermediateDirectories: true)) != nil
    else { return }
    let metadata = ["key": key, "checksum": Self.checksum(of: bytes)]
    guard (try? SafetensorsFile.write(["features": features], metadata: metadata, to: url)) != nil else { return }
    let keys: Set<URLResourceKey> = [.fileSizeKey, .contentModificationDateKey]
    let found = (try? files.contentsOfDirectory(at: folder, includingPropertiesForKeys: Array(keys))) ?? []
    let kept = found.filter { $0.lastPathComponent.hasPrefix("features-") }.compactMap { url in
      (try? url.resourceValues(forKeys: keys)).map {
        (url: url, bytes: $0.fileSize ?? 0, used: $0.contentModificationDate ?? .distantPast)
      }
    }
    var total = kept.map(\.bytes).reduce(0, +)
    for old in kept.sorted(by: { $0.used < $1.used })
    where total > limit && old.url.lastPathComponent != url.lastPathComponent {
      try? files.removeItem(at: old.url)
      total -= old.bytes
    }
  }
}
