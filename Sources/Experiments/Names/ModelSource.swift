import CLIP
import Embedded
import Explanations
import Foundation
import PromptLearning
import Torch

/// The checkpoint that a name or path on the command line stands for.
public struct ModelSource: Sendable {
  /// The models that ship with the package.
  public static let embedded = ["tiny-clip"]

  /// The folder or the file.
  public let location: URL

  /// - Parameter name: `tiny-clip`, or the path of whatever ``CLIPModel/init(weights:)`` reads.
  /// - Throws: ``ExperimentError/unknownModel(name:nearest:)``.
  public init(_ name: String) throws {
    if name == "tiny-clip" {
      location = Embedded.tinyCLIP
    } else if (try? FileManager.default.attributesOfItem(atPath: name)) != nil {  // a link that leads nowhere too
      location = URL(filePath: name).standardizedFileURL
    } else {
      throw ExperimentError.unknownModel(name: name, nearest: name.nearest(among: Self.embedded))
    }
  }

  /// - Throws: ``ExperimentError/precision(_:)`` where this machine cannot compute in it.
  public func load(precision: Precision = .float32) throws -> CLIPModel {
    try CLIPModel(weights: location, precision: precision.checked())
  }

  /// The name and hash that runs remember the checkpoint by.
  public func identity() throws -> ModelIdentity {
    let files = try CheckpointFiles(at: location)
    return ModelIdentity(name: files.name, sha256: try files.hash())
  }
}

extension Precision {
  /// This precision, if this machine can compute in it.
  ///
  /// - Throws: ``ExperimentError/precision(_:)``.
  public func checked() throws -> Precision {
    guard isAvailable else { throw ExperimentError.precision(rawValue) }
    return self
  }
}
