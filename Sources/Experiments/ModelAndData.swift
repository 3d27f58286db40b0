import CLIP
import Datasets
import Embedded
import Explanations
import Foundation
import PromptLearning

/// The checkpoint that a name or path on the command line stands for.
public struct ModelSource: Sendable {
  /// The models that ship with the package.
  public static let embedded = ["tiny-clip"]

  public let folder: URL

  /// - Parameter name: `tiny-clip` or the path of an open_clip folder.
  /// - Throws: ``ExperimentError/unknownModel(name:nearest:)``.
  public init(_ name: String) throws {
    if name == "tiny-clip" {
      folder = Embedded.tinyCLIP
    } else if FileManager.default.fileExists(atPath: name) {
      folder = URL(filePath: name).standardizedFileURL
    } else {
      throw ExperimentError.unknownModel(name: name, nearest: name.nearest(among: Self.embedded))
    }
  }

  public func load() throws -> CLIPModel { try CLIPModel(weights: folder) }

  /// The name and hash that runs remember the checkpoint by.
  public func identity() throws -> ModelIdentity {
    ModelIdentity(name: folder.lastPathComponent, sha256: try Checkpoint(folder: folder).hash())
  }
}

/// The images that a name or path on the command line stands for.
public struct DataSource: Sendable {
  /// The datasets that ship with the package.
  public static let embedded = ["openclipart"]

  public let location: URL

  /// - Parameter name: `openclipart` or a path that ``Dataset/init(at:seed:)`` reads.
  /// - Throws: ``ExperimentError/unknownData(name:nearest:)``.
  public init(_ name: String) throws {
    if name == "openclipart" {
      location = Embedded.openclipart
    } else if FileManager.default.fileExists(atPath: name) {
      location = URL(filePath: name).standardizedFileURL
    } else {
      throw ExperimentError.unknownData(name: name, nearest: name.nearest(among: Self.embedded))
    }
  }

  /// The dataset, with every image that it names in its place.
  ///
  /// - Parameter seed: of the random division of images that no split tells apart.
  public func load(seed: Int = 1) throws -> Dataset {
    let dataset = try Dataset(at: location, seed: seed)
    try dataset.checkImages()
    return dataset
  }
}
