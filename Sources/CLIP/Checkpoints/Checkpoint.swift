import Foundation
import Support
import Torch

/// An open checkpoint: its files are found and the names of its tensors are known, but no tensor is read yet.
public struct Checkpoint: Sendable {
  public let files: CheckpointFiles
  /// The tensors by open_clip's names, whatever the file's names are.
  public let tensors: CheckpointTensors

  /// Opens a checkpoint in any of the formats that ``CheckpointFiles`` and ``CheckpointTensors`` describe.
  ///
  /// - Parameters:
  ///   - url: a folder in open_clip's or Hugging Face's format, one of the hub's cache, or a file of weights.
  ///   - prefix: the prefix of the wanted model's tensor names, where the file holds several models.
  /// - Throws: ``CLIPError/checkpoint(path:_:)``, and what the reader of the weights' form throws.
  public init(at url: URL, prefix: String? = nil) throws {
    files = try CheckpointFiles(at: url)
    tensors = try CheckpointTensors(
      files.isSharded
        ? ShardedTensors(index: files.weights) : openTensorFile(at: files.weights), prefix: prefix)
  }

  /// The configuration of the weights: stated by the checkpoint, or inferred from the shapes of its tensors.
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

  /// The architecture that the tensors' shapes imply, with OpenAI's preprocessing and activation.
  func inferredConfiguration() throws -> CLIPConfiguration {
    let file = files.weights.lastPathComponent
    if let foreign = alteredCLIP() ?? ForeignCheckpoint(plainNames) { throw foreign.error(in: file) }
    let shapes = tensors.names.map { ($0, tensors.shape(of: $0) ?? []) }
    return try CLIPConfiguration(
      inferredFrom: Dictionary(uniqueKeysWithValues: shapes), file: file)
  }

  /// All names without the model's prefix: the file's own and open_clip's.
  private var plainNames: Set<String> {
    let names = tensors.file.names.map {
      $0.hasPrefix(tensors.prefix) ? String($0.dropFirst(tensors.prefix.count)) : $0
    }
    return Set(names).union(tensors.names)
  }

  /// The reason why the model cannot be loaded in any architecture: quantized weights, an adapter, or prompts inside.
  private func alteredCLIP() -> ForeignCheckpoint? {
    let beside = Set(tensors.passedOver)
    let isWhole = tensors.names.contains("token_embedding.weight") && tensors.names.contains { $0.hasPrefix("visual.") }
    let names = isWhole ? tensors.file.names.filter { !beside.contains($0) } : tensors.file.names
    let types = names.filter { !tensors.bookkeeping.contains($0) }.map { ($0, tensors.file.elementType(of: $0) ?? "") }
    return ForeignCheckpoint(
      alteredCLIP: Dictionary(uniqueKeysWithValues: types), isWhole: isWhole, base: adapterBase())
  }

  /// The base model and kind of an adapter, from `adapter_config.json` in the same folder or from its metadata.
  private func adapterBase() -> (model: String?, kind: String?) {
    let url = files.weights.deletingLastPathComponent().appending(path: "adapter_config.json")
    let isAdapter = files.weights.lastPathComponent.hasPrefix("adapter_")
    let stated = isAdapter ? (try? RegularFile.description(at: url)).flatMap { try? JSONValue(parsing: $0) } : nil
    let keys = ["base_model_name_or_path", "base_model", "ss_base_model_version", "ss_sd_model_name"]
    let model = stated?["base_model_name_or_path"]?.string ?? keys.lazy.compactMap { tensors.metadata[$0] }.first
    let kinds = ["LORA": "a LoRA adapter", "LOHA": "a LoHa adapter", "LOKR": "a LoKr adapter", "OFT": "an OFT adapter"]
    let kind = stated?["peft_type"]?.string.map { kinds[$0] ?? "an adapter of peft (\($0))" }
    return (model, kind)
  }

  /// An error from building a configuration, or its explanation: that the tensors are of another architecture.
  func explanation(of error: CLIPError, in stated: CLIPConfiguration) -> CLIPError {
    switch error.kind {
    case .missingTensor, .tensorShape, .unreadTensors, .elementType: break
    case .notFinite, .other: return error
    }
    if let foreign = alteredCLIP() { return foreign.error(in: files.weights.lastPathComponent) }
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
