import Foundation
import Support
import WebDataset

/// One labelled image.
public struct Example: Sendable, Hashable {
  /// The path of the image under ``Dataset/imageFolder``, as the split file spells it.
  public let path: String
  /// The image's class: an index into ``Dataset/classNames``.
  public let label: Int

  public init(path: String, label: Int) {
    self.path = path
    self.label = label
  }
}

/// The three splits of a dataset, with the names that split files and the command line use.
public enum Split: String, CaseIterable, Sendable {
  case train, val, test
}

/// Class names and labelled image paths: the training, validation and test images. Holds no pixels.
///
/// Every dataset obeys these laws, whatever form it was read from, so that nothing downstream needs to check them:
/// labels run from 0 without gaps; class names are not empty, and no two of them give the same prompt; every class has
/// at least one test image, unless the dataset ``isUntested``, and at least one training image, unless the benchmark
/// ``isTestOnly``; no path leaves ``imageFolder``. Validation images may be absent. ``checkImages()`` checks that the
/// images exist.
public struct Dataset: Sendable {
  /// The name for people and for ``PublishedDataset/init(named:)``: the split file's, folder's or table's name.
  public let name: String
  /// The folder that paths are relative to.
  public let imageFolder: URL
  /// The names by label, as the source spells them; ``PromptTemplate`` prepares them for a prompt.
  public let classNames: [String]
  public let training, validation, test: [Example]
  /// Facts that the user should know although nothing is wrong.
  public let notices: [Notice]
  /// The other classes of the source, where this is a subset of it, in the order of their labels there.
  public let otherClasses: [String]

  /// Reads the dataset at `location`, in whichever form it is.
  ///
  /// A file is a split file (`.json`, or its first character is `{`), a table (`.csv`, `.tsv`, or its first line has
  /// the columns `path` and `class`) or a tar of WebDataset. A folder that holds one `split_….json` is read as that
  /// file, one that holds tars as those; any other folder is one of class folders.
  ///
  /// - Parameters:
  ///   - seed: the seed of the random division, made as in the reference, where the source has no splits.
  ///   - isRecursive: whether photos in sub-folders of a class folder count too.
  /// - Throws: ``DatasetError``.
  public init(at location: URL, seed: Int = 1, isRecursive: Bool = false) throws {
    try self.init(at: location, division: .reference(seed: seed), isRecursive: isRecursive)
  }

  /// Reads the dataset at `location`, as ``init(at:seed:isRecursive:)`` does.
  ///
  /// - Parameter division: the division of images where the source has no splits.
  public init(at location: URL, division: Division, isRecursive: Bool = false) throws {
    switch try DatasetForm(of: location) {
    case .splitFile(let file): try self.init(splitFile: file)
    case .table(let file): try self.init(csv: file, division: division)
    case .tars(let place): try self.init(tars: place, division: division)
    case .classFolders(let folder):
      try self.init(classFolders: folder, division: division, isRecursive: isRecursive)
    }
  }

  /// Makes a dataset from checked values: from a validated source, or from another dataset.
  init(
    name: String, imageFolder: URL, classNames: [String], training: [Example], validation: [Example], test: [Example],
    notices: [Notice], otherClasses: [String] = []
  ) {
    self.name = name
    self.imageFolder = imageFolder
    self.classNames = classNames
    self.training = training
    self.validation = validation
    self.test = test
    self.notices = notices
    self.otherClasses = otherClasses
  }

  /// Whether the dataset has test images only: ImageNetV2, -Sketch, -A and -R, and tars in no other folder than `test`.
  public var isTestOnly: Bool { training.isEmpty }

  /// Whether the dataset has no test images, because that was requested: ``Division/noTest``.
  public var isUntested: Bool { test.isEmpty }

  /// The same images under another name.
  func renamed(_ name: String) -> Dataset {
    Dataset(
      name: name, imageFolder: imageFolder, classNames: classNames, training: training, validation: validation,
      test: test, notices: notices, otherClasses: otherClasses)
  }

  /// The same classes with other training and validation images.
  func replacing(training: [Example], validation: [Example], noting notice: Notice? = nil) -> Dataset {
    Dataset(
      name: name, imageFolder: imageFolder, classNames: classNames, training: training, validation: validation,
      test: test, notices: notices + [notice].compactMap { $0 }, otherClasses: otherClasses)
  }

  /// The dataset without some of its training and validation images, such as those that cannot be read.
  ///
  /// - Parameter paths: paths of training and validation images.
  /// - Throws: ``DatasetError/classWithout(file:className:split:)`` where a class has no other training images.
  public func learningWithout(_ paths: Set<String>) throws -> Dataset {
    let kept = training.filter { !paths.contains($0.path) }
    let present = Set(kept.map(\.label))
    if let lost = training.first(where: { !present.contains($0.label) }) {
      throw DatasetError.classWithout(file: name, className: classNames[lost.label], split: .train)
    }
    return replacing(training: kept, validation: validation.filter { !paths.contains($0.path) })
  }

  /// The images of one split, in the order of the source or of the sample.
  public func examples(in split: Split) -> [Example] {
    switch split {
    case .train: training
    case .val: validation
    case .test: test
    }
  }

  /// The location of `example`'s image.
  public func url(of example: Example) -> URL {
    imageFolder.appending(path: example.path, directoryHint: .notDirectory)
  }
}

/// The forms of a dataset on disk.
enum DatasetForm: Equatable {
  case splitFile(URL)
  case table(URL)
  case classFolders(URL)
  /// A folder with tars of labelled images, or one tar.
  case tars(URL)

  init(of location: URL) throws {
    switch try Files.kind(of: location) {
    case .folder:
      let splitFiles = try Files.list(location).files.filter { $0.hasPrefix("split_") && $0.hasSuffix(".json") }
      guard splitFiles.count <= 1 else {
        throw DatasetError.severalSplitFiles(folder: location.path, files: splitFiles)
      }
      if let file = splitFiles.first {
        self = .splitFile(location.appending(path: file))
      } else {
        self = try LabelledTars.areIn(location) ? .tars(location) : .classFolders(location)
      }
    case .file:
      switch location.pathExtension.lowercased() {
      case "json": self = .splitFile(location)
      case "csv", "tsv": self = .table(location)
      case _ where TarList.isTar(location.lastPathComponent): self = .tars(location)
      default:
        let data = try Files.contents(of: location)
        if CSVTable.isTable(data, of: location.path) {
          self = .table(location)
        } else {
          let opening = try Files.text(data, of: location.path).first { !$0.isWhitespace }
          guard opening == "{" else { throw DatasetError.unknownForm(file: location.path) }
          self = .splitFile(location)
        }
      }
    }
  }
}
