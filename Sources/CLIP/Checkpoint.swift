import Crypto
import Foundation

/// The files of a checkpoint in open_clip's folder form.
public struct Checkpoint: Sendable {
  public let configuration: URL
  public let weights: URL

  /// - Throws: ``CLIPError/notACheckpoint(path:found:)``.
  public init(folder: URL) throws {
    configuration = folder.appending(path: "open_clip_config.json")
    weights = folder.appending(path: "open_clip_model.safetensors")
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
      throw CLIPError.notACheckpoint(path: folder.path, found: "there is nothing at this path")
    }
    guard isFolder.boolValue else {
      throw CLIPError.notACheckpoint(path: folder.path, found: "it is a file, not a folder")
    }
    for file in [configuration, weights] where !files.fileExists(atPath: file.path) {
      throw CLIPError.notACheckpoint(path: folder.path, found: "the folder has no \(file.lastPathComponent)")
    }
  }

  /// SHA-256 of the file of weights, in lower-case hexadecimal: what `sha256sum` prints.
  public func hash() throws -> String {
    let data = try Data(contentsOf: weights, options: .alwaysMapped)
    return SHA256.hash(data: data).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
