import CLIP
import Foundation
import Testing
import TestSupport
import Tokenization
import Torch

/// A CLIP of two layers whose file can have every form of a checkpoint.
///
/// Its numbers fit into 16 bits, so that no form may change a bit of them.
enum SmallCheckpoint {
  static let vision = VisionTransformer.Configuration(imageSize: 32, patchSize: 16, width: 64, layers: 2, heads: 1)
  static let text = CLIPConfiguration.TextTower(tokenLimit: 16, width: 64, heads: 1, layers: 2)
  static let configuration = CLIPConfiguration(
    embeddingWidth: 64, image: .visionTransformer(vision), text: text, activation: .quickGELU,
    preprocessing: .openAI(size: 32))

  private static let made = Result {
    try FormulaWeights.tensors(vision, text, embeddingWidth: 64).mapValues {
      try $0.converted(to: .bfloat16).converted(to: .float16).converted(to: .float32)
    }
  }
  /// The tensors by open_clip's names.
  static var tensors: [String: Tensor] { get throws { try made.get() } }

  /// The values that every form must give: the features of a picture and of a text.
  static func features(of clip: CLIPModel) throws -> [Float] {
    let pixels = try FormulaWeights.values("pixels", [1, 3, 32, 32], scale: 2)
    let prompt = try clip.tokenizer.prompt("a photo of a cat.", limit: 16).map(PromptSymbol.token)
    return try clip.imageEncoder(pixels).floats() + clip.textEncoder(PromptTrie([prompt])).floats()
  }

  static func expectedFeatures() throws -> [Float] {
    try features(
      of: CLIPModel(name: "small", configuration: configuration, weights: CheckpointSource(tensors, name: "small")))
  }

  // MARK: Forms

  /// An open_clip folder.
  @discardableResult
  static func writeOpenCLIP(to folder: URL, _ tensors: [String: Tensor]? = nil) throws -> URL {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try configuration.openCLIPFile().write(to: folder.appending(path: "open_clip_config.json"))
    let weights = folder.appending(path: "open_clip_model.safetensors")
    try SafetensorsFile.write(tensors ?? self.tensors, to: weights)
    return folder
  }

  /// A Hugging Face folder.
  @discardableResult
  static func writeHuggingFace(to folder: URL) throws -> URL {
    try withTemporaryFolder { other in
      try Checkpoint(at: writeOpenCLIP(to: other)).convert(
        to: folder, for: .huggingFace, precision: .float32, replacing: false)
    }
    return folder
  }

  /// A Hugging Face folder whose weights are in three shards.
  @discardableResult
  static func writeShards(to folder: URL) throws -> URL {
    try writeHuggingFace(to: folder)
    let whole = folder.appending(path: "model.safetensors")
    let file = try SafetensorsFile(contentsOf: whole)
    var map: [String: String] = [:]
    for shard in 0..<3 {
      let name = "model-0000\(shard + 1)-of-00003.safetensors"
      let names = file.names.enumerated().filter { $0.offset % 3 == shard }.map(\.element)
      for tensor in names { map[tensor] = name }
      try SafetensorsFile.write(
        Dictionary(uniqueKeysWithValues: names.map { ($0, try file.tensor($0)) }), to: folder.appending(path: name))
    }
    try FileManager.default.removeItem(at: whole)
    try JSONSerialization.data(withJSONObject: ["metadata": ["total_size": 1], "weight_map": map])
      .write(to: folder.appending(path: "model.safetensors.index.json"))
    return folder
  }
}
