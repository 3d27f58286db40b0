import CLIP
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
