import Datasets
import Embedded
import Foundation
import Images
import Support

/// The data source that a name or path on the command line refers to.
public struct DataSource: Sendable, Equatable {
  /// The datasets that ship with the package.
  public static let embedded = ["openclipart"]

  /// The forms of data that are read, for help and messages.
  public static let forms =
    "openclipart, a split file, a folder of class folders or of tars, a CSV file, or a benchmark's name with --root"

  /// The location of the data.
  public enum Place: Sendable, Equatable {
    /// A file or folder for ``Dataset/init(at:seed:isRecursive:)``.
    case files(URL)
    case benchmark(PublishedDataset, root: URL)
  }

  public let place: Place
  /// Whether photos in sub-folders of a class folder count too.
  public let isRecursive: Bool

  /// - Parameters:
  ///   - name: `openclipart`, a path for ``Dataset/init(at:seed:isRecursive:)``, or a benchmark in any usual spelling.
  ///   - root: the folder of benchmarks; with it, `name` is a benchmark's.
  ///   - isRecursive: whether photos in sub-folders of a class folder count too.
  /// - Throws: ``RunError``; only checks whether `name` is a path.
  public init(_ name: String, root: String? = nil, isRecursive: Bool = false) throws {
    self.isRecursive = isRecursive
    if name == "openclipart" {
      place = .files(Embedded.openclipart)
    } else if let root {
      guard let benchmark = PublishedDataset(named: name) else {
        throw RunError.notABenchmark(name: name, nearest: PublishedDataset.nearest(to: name))
      }
      place = .benchmark(benchmark, root: URL(filePath: root, directoryHint: .isDirectory).standardizedFileURL)
    } else if (try? FileSystem.kind(of: name)) != nil {
      place = .files(URL(filePath: name).standardizedFileURL)
    } else if let benchmark = PublishedDataset(named: name) {
      throw RunError.noRoot(name: name, folder: benchmark.folder)
    } else {
      let nearest = name.nearest(among: Self.embedded) ?? PublishedDataset.nearest(to: name)
      throw RunError.unknownData(name: name, nearest: nearest)
    }
  }

  /// The dataset as its lists give it; whether the images exist is not checked.
  ///
  /// - Parameter seed: the seed of the random division of images without a split. Benchmarks have seeds of their own.
  public func dataset(seed: Int = 1) throws -> Dataset { try dataset(divided: .reference(seed: seed)) }

  /// The dataset as its lists give it, with a given division.
  ///
  /// - Parameter division: the division of images without a split.
  public func dataset(divided division: Division) throws -> Dataset {
    switch place {
    case .files(let location): try Dataset(at: location, division: division, isRecursive: isRecursive)
    case .benchmark(let benchmark, let root): try Dataset(benchmark, root: root)
    }
  }

  /// The orientation of photos: a user's own are turned according to EXIF; published datasets are read as in the
  /// reference.
  public var defaultOrientation: Orientation {
    switch place {
    case .files(let location): location == Embedded.openclipart ? .ignored : .exif
    case .benchmark: .ignored
    }
  }

  /// The sample of these shots and seed that the reference saved in a benchmark's folder; `nil` where there is none.
  public func keptSample(shots: Int, seed: Int) -> URL? {
    guard case .benchmark(let benchmark, let root) = place else { return nil }
    return benchmark.keptSample(shots: shots, seed: seed, root: root)
  }

  /// The dataset, with every image found under whatever spelling (``Dataset/located()``).
  ///
  /// - Parameter seed: the seed of the random division of images without a split.
  public func load(seed: Int = 1) throws -> Dataset {
    try dataset(seed: seed).located()
  }

  /// The dataset with every image found, with a given division.
  ///
  /// - Parameter division: the division of images without a split.
  public func load(divided division: Division) throws -> Dataset {
    try dataset(divided: division).located()
  }
}
