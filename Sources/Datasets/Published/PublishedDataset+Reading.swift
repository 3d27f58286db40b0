import Foundation
import Support

extension Dataset {
  /// Reads a benchmark, laid out under `root` as the reference's guide describes.
  ///
  /// The published split file decides where there is one. Without it the splits are made as the reference makes them,
  /// from the dataset's own lists or from listings (sorted, where the reference uses the file system's order), with the
  /// seed of the published splits; a notice reports it. Nothing is written.
  ///
  /// - Throws: ``DatasetError``.
  public init(_ benchmark: PublishedDataset, root: URL) throws {
    let folder = try PublishedDatasetFolder(of: benchmark, under: root)
    if let file = folder.splitFile, Files.fileExists(at: file) {
      self = try Dataset(splitFile: file, images: folder.images).renamed(benchmark.rawValue)
      return
    }
    try folder.checkLists()
    let split = try benchmark.layout.parts(folder)
    let notices: [Notice] = folder.splitFile.map { [.rebuilt(splitFile: $0.lastPathComponent)] } ?? []
    self = try Dataset(
      split, name: benchmark.rawValue, of: folder.url.path,
      requiring: benchmark.isTestOnly ? [.test] : [.train, .test],
      notices: notices
    ) { _ in folder.images }
  }
}

extension PublishedDatasetFolder {
  /// - Throws: ``DatasetError/noBenchmarkFolder(benchmark:root:folder:nearest:)`` with the name of a folder that may be
  ///   it.
  init(of benchmark: PublishedDataset, under root: URL) throws {
    self.init(benchmark: benchmark, root: root)
    guard (try? Files.kind(of: url)) != .folder else { return }
    let folders = try Files.list(root).folders
    throw DatasetError.noBenchmarkFolder(
      benchmark: benchmark.rawValue, root: root.path, folder: benchmark.folder,
      nearest: folders.first { PublishedDataset(named: $0) == benchmark } ?? benchmark.folder.nearest(among: folders),
      isRootItself: root.standardizedFileURL.lastPathComponent == benchmark.folder)
  }

  /// Checks that the dataset's own lists are there, before one of them is read.
  fileprivate func checkLists() throws {
    let missing = benchmark.layout.lists.filter { !Files.fileExists(at: list($0.path)) }.map(\.path)
    guard missing.isEmpty else {
      throw DatasetError.missingLists(
        benchmark: benchmark.rawValue, folder: url.path, splitFile: benchmark.splitFile, missing: missing,
        check: "cocoop datasets check \(benchmark.spelling) --root \(root.path)")
    }
  }

  /// The location of one of the dataset's own lists; ImageNet's class names may be in ImageNet's folder alone.
  func list(_ path: String) -> URL {
    let own = file(path)
    guard path == "classnames.txt", !Files.fileExists(at: own) else { return own }
    return root.appending(path: PublishedDataset.imageNet.folder).appending(path: path)
  }
}
