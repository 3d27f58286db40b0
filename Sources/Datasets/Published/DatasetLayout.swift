import Foundation

/// The contents of a benchmark under a data root: one row of the table in DatasetLayouts.swift.
struct DatasetLayout: Sendable {
  /// A file or folder that the user has to provide.
  struct Part: Sendable {
    /// The path under ``DatasetLayout/folder``.
    let path: String
    /// The source of the part, as the guide calls it.
    let source: String
  }

  /// Published numbers of images and classes.
  struct Sizes: Sendable {
    let train, val, test, classes: Int
  }

  /// The folder under the root.
  let folder: String
  /// The folder under ``folder`` that paths are relative to; empty for ``folder`` itself.
  let images: String
  /// The folders of images, which `datasets check` looks for.
  let imageFolders: [Part]
  let splitFile: String?
  /// The dataset's own lists, from which the splits are made where there is no split file.
  let lists: [Part]
  let sizes: Sizes
  /// The zero-shot template (CoOp, `trainers/zsclip.py`).
  let template: String
  /// The class folders that are not classes, or have another class name.
  let folderNames: FolderNames
  /// Makes the splits from lists or listings.
  let parts: @Sendable (PublishedDatasetFolder) throws -> SplitFile

  init(
    folder: String, images: String, imageFolders: [Part], splitFile: String? = nil, lists: [Part] = [], sizes: Sizes,
    template: String = PromptTemplate.photo.text, folderNames: FolderNames = FolderNames(),
    parts: @escaping @Sendable (PublishedDatasetFolder) throws -> SplitFile
  ) {
    self.folder = folder
    self.images = images
    self.imageFolders = imageFolders
    self.splitFile = splitFile
    self.lists = lists
    self.sizes = sizes
    self.template = template
    self.folderNames = folderNames
    self.parts = parts
  }
}

/// The class names of class folders where they differ from the folders' names.
struct FolderNames: Sendable, Equatable {
  let ignored: Set<String>
  let renamed: [String: String]

  init(ignored: Set<String> = [], renamed: [String: String] = [:]) {
    (self.ignored, self.renamed) = (ignored, renamed)
  }

  /// Finds the benchmark whose image folder has this name, `101_ObjectCategories` or `2750`; otherwise folders keep
  /// their names.
  init(ofImageFolder name: String) {
    let edited = PublishedDataset.allCases.map(\.layout).first { $0.images == name && $0.folderNames != FolderNames() }
    self = edited?.folderNames ?? FolderNames()
  }

  /// The class name of a folder, or `nil` for one that is not a class.
  func className(of folder: String) -> String? {
    ignored.contains(folder) ? nil : renamed[folder] ?? folder
  }
}

/// A benchmark's folder on disk, as the function that makes its splits sees it.
struct PublishedDatasetFolder {
  let benchmark: PublishedDataset
  let root: URL

  var url: URL { root.appending(path: benchmark.folder, directoryHint: .isDirectory) }
  var images: URL {
    benchmark.images.isEmpty ? url : url.appending(path: benchmark.images, directoryHint: .isDirectory)
  }
  var splitFile: URL? { benchmark.splitFile.map { url.appending(path: $0, directoryHint: .notDirectory) } }

  func file(_ path: String) -> URL { url.appending(path: path, directoryHint: .notDirectory) }
}
