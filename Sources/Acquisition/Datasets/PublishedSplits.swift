import Datasets
import Foundation
import NamedModels
import Support

/// The split files that come with the package, compressed: those whose licence allows it.
package enum PublishedSplits {
  private static let folder = Bundle.module.bundleURL.appending(path: "splits", directoryHint: .isDirectory)

  /// The bound on an unpacked list; the largest published split file has a few million bytes.
  private static let limit = 64 << 20

  /// The contents of a list; `nil` for one that doesn't come with the package.
  ///
  /// - Throws: ``AcquisitionError`` where the package's own copy is damaged.
  package static func contents(of list: DatasetSource.List) throws -> Data? {
    guard list.isBundled else { return nil }
    let data = try ArchiveReader.unzipped(packed(list.file), atMost: limit)
    if let digest = list.digest, !digest.matches(digest.hash(of: data)) {
      throw AcquisitionError(
        .wrongHash, "\(packed(list.file)) is damaged: it is not the published file", remedy: "Install cocoop again")
    }
    return data
  }

  /// The class names of the split files that come with the package, file by file in the table's order, each in the order
  /// of its labels.
  ///
  /// - Throws: ``AcquisitionError`` where the package's own copy is damaged; `DatasetError`.
  package static func classNames() throws -> [String] {
    let lists = DatasetSource.all.flatMap(\.lists).filter { $0.isBundled && $0.file.hasPrefix("split_") }
    return try lists.flatMap { list in
      let split = try contents(of: list).map { try SplitFile($0, of: list.file) }
      let names = Dictionary(split?.train.map { ($0.label, $0.className) } ?? []) { first, _ in first }
      return names.sorted { $0.key < $1.key }.map(\.value)
    }
  }

  private static func packed(_ file: String) -> String { folder.appending(path: "\(file).gz").path }
}

extension FileDigest {
  /// The hash of bytes by the same algorithm.
  package func hash(of data: Data) -> String {
    let hash = RunningHash(algorithm == .sha256 ? .sha256 : algorithm == .md5 ? .md5 : .sha1)
    if algorithm == .gitBlob { Array("blob \(data.count)\0".utf8).withUnsafeBytes { hash.update($0) } }
    data.withUnsafeBytes { hash.update($0) }
    return hash.finished()
  }
}
