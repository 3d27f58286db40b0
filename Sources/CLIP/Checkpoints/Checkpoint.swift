import Foundation
import Torch

/// A checkpoint that is open: its files are found and its tensors are named, but none is read yet.
public struct Checkpoint: Sendable {
  public let files: CheckpointFiles
  /// By open_clip's names, whatever the file's are.
  public let tensors: CheckpointTensors

  /// Opens a checkpoint in any of the forms that ``CheckpointFiles`` and ``CheckpointTensors`` describe.
  ///
  /// - Parameter url: a folder in open_clip's or Hugging Face's form, or a file of weights.
  /// - Throws: ``CLIPError/checkpoint(path:_:)``, and what the reader of the weights' form throws.
  public init(at url: URL) throws {
    files = try CheckpointFiles(at: url)
    tensors = try CheckpointTensors(
      files.isSharded
        ? ShardedTensors(index: files.weights) : openTensorFile(at: files.weights))
  }

  /// What the weights are of, as the checkpoint states it, or as the shapes of its tensors tell.
  ///
  /// - Throws: ``CLIPError``.
  public func configuration() throws -> CLIPConfiguration {
    switch files.form {
    case .openCLIP:
      try CLIPConfiguration(openCLIP: files.url.appending(path: CheckpointFiles.openCLIPConfiguration))
    case .huggingFace: try CLIPConfiguration(huggingFace: files.url)
    case .weightsAlone: try inferredConfiguration()
    }
  }

  /// The architecture that the shapes of the tensors belong to, with OpenAI's preprocessing and activation.
  func inferredConfiguration() throws -> CLIPConfiguration {
    let shapes = tensors.names.map { ($0, tensors.shape(of: $0) ?? []) }
    return try CLIPConfiguration(
      inferredFrom: Dictionary(uniqueKeysWithValues: shapes), file: files.weights.lastPathComponent)
  }

  /// An error that tensors gave a configuration, or what explains it: that the tensors are of another architecture.
  func explanation(of error: CLIPError, in stated: CLIPConfiguration) -> CLIPError {
    switch error {
    case .missingTensor, .tensorShape, .unreadTensors: break
    default: return error
    }
    guard files.form != .weightsAlone, let found = try? inferredConfiguration(),
      found.architecture != stated.architecture
    else { return error }
    return .checkpoint(
      path: files.url.path,
      .otherArchitecture(
        configuration: files.form == .openCLIP
          ? CheckpointFiles.openCLIPConfiguration : CheckpointFiles.huggingFaceConfiguration,
        stated: stated.architecture, found: found.architecture))
  }
}
