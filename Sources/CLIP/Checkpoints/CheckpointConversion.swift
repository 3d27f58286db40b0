import Foundation
import Support
import Tokenization
import Torch

/// The facts about a checkpoint, whether or not it would load.
public struct CheckpointInspection {
  public let checkpoint: Checkpoint
  /// The configuration that the checkpoint states, or that its tensors imply; `nil` where neither can be read.
  public let configuration: CLIPConfiguration?
  /// The reason why the checkpoint does not load; `nil` where it does.
  public let refusal: (any UserFacingError)?
  public let oddities: [CheckpointDiagnosis.Oddity]
  /// The factor by which cosines are multiplied, already exponentiated.
  public let logitScale: Float?

  /// - Throws: the errors of ``Checkpoint/init(at:)``: without tensors there is nothing to inspect.
  public init(_ checkpoint: Checkpoint) throws {
    self.checkpoint = checkpoint
    let (configuration, refused) = try Self.configuration(of: checkpoint)
    self.configuration = configuration
    logitScale = (try? checkpoint.tensors.tensor("logit_scale").scalar()).map { exp($0) }
    var diagnosis = CheckpointDiagnosis()
    var failure: (any UserFacingError)?
    if let configuration {
      (diagnosis, failure) = try CLIPModel.diagnosis(of: checkpoint, as: configuration)
    } else {
      for name in checkpoint.tensors.names {
        try diagnosis.note(spelled: checkpoint.tensors.spelled(name)) { try checkpoint.tensors.tensor(name) }
      }
    }
    oddities = diagnosis.oddities
    let error = diagnosis.refusal ?? failure
    refusal =
      refused ?? (error as? CLIPError).flatMap { error in
        configuration.map { checkpoint.explanation(of: error, in: $0) }
      } ?? error
  }

  private static func configuration(
    of checkpoint: Checkpoint
  ) throws -> (CLIPConfiguration?, refused: (any UserFacingError)?) {
    do {
      return (try checkpoint.configuration(), nil)
    } catch let error as any UserFacingError {
      return (try? checkpoint.inferredConfiguration(), error)
    }
  }
}

extension Checkpoint {
  /// The library that a converted checkpoint is for.
  public enum Target: String, Sendable, CaseIterable {
    /// open_clip: `open_clip_config.json` and `open_clip_model.safetensors`.
    case openCLIP = "open-clip"
    /// `transformers`: `config.json`, `preprocessor_config.json`, `model.safetensors` and the tokenizer's files.
    case huggingFace = "hugging-face"

    fileprivate var files: Set<String> {
      switch self {
      case .openCLIP: ["open_clip_config.json", "open_clip_model.safetensors"]
      case .huggingFace:
        VocabularyFiles.names.union(["config.json", "preprocessor_config.json", "model.safetensors"])
      }
    }
  }

  /// Writes the model in another format, as a folder that appears whole or not at all.
  ///
  /// The model is built first, so that a checkpoint that would not load is not converted.
  ///
  /// - Parameters:
  ///   - precision: the element type of all tensors: `float32`, `float16` or `bfloat16`.
  ///   - replacing: whether a folder that an earlier conversion wrote may be replaced.
  /// - Throws: ``CLIPError``; `WritingError` with the system's reason. An earlier folder is then unchanged.
  public func convert(
    to folder: URL, for target: Target, precision: Tensor.Kind, replacing: Bool
  ) throws {
    let configuration = try configuration()
    let files = try Self.files(of: configuration, for: target)
    try Self.checkRoom(at: folder, for: target, replacing: replacing)
    _ = try CLIPModel(self, configuration)
    let tensors: any TensorFile = target == .openCLIP ? self.tensors : try HuggingFaceTensors(self.tensors)
    try AtomicFolder.write(to: folder) { temporary in
      for (name, data) in files { try AtomicFile.write(data, to: temporary.appending(path: name)) }
      let weights = target == .openCLIP ? "open_clip_model.safetensors" : "model.safetensors"
      try SafetensorsFile.write(
        tensors, as: precision, metadata: ["format": "pt"], to: temporary.appending(path: weights))
    }
  }

  /// The files except the weights.
  private static func files(of configuration: CLIPConfiguration, for target: Target) throws -> [String: Data] {
    switch target {
    case .openCLIP: return ["open_clip_config.json": try configuration.openCLIPFile()]
    case .huggingFace:
      let (model, preprocessing) = try configuration.huggingFaceFiles()
      let vocabulary = try VocabularyFiles.contents(tokenLimit: configuration.text.tokenLimit)
      return ["config.json": model, "preprocessor_config.json": preprocessing].merging(vocabulary) { $1 }
    }
  }

  private static func checkRoom(at folder: URL, for target: Target, replacing: Bool) throws {
    guard RegularFile.exists(folder) else { return }
    guard replacing else { throw CLIPError.targetExists(path: folder.path) }
    guard try RegularFile.kind(of: folder) == .folder,
      let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path),
      Target.allCases.contains(where: { $0.files.isSuperset(of: names) })
    else { throw CLIPError.foreignTarget(path: folder.path) }
  }
}
