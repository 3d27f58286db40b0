import CLIP
import Foundation
import TestSupport
import Testing
import Torch

/// Run by Scripts/oracle/full_size.py alone, which makes a folder of random weights and what PyTorch computes with them.
@Suite("A model at full size agrees with the library that made it")
struct FullSizeParityTests {
  static let tolerance: Float = 1e-4
  static let folder = ProcessInfo.processInfo.environment["COCOOP_PARITY_FOLDER"].map { URL(filePath: $0) }

  struct Recipe: Decodable {
    let name: String
    let texts: [String]
    let imageScale: Double
  }

  @Test("image features and text features", .enabled(if: folder != nil, "Scripts/oracle/full_size.py sets the folder"))
  func features() throws {
    let folder = try #require(Self.folder)
    let recipe = try JSONDecoder().decode(Recipe.self, from: Data(contentsOf: folder.appending(path: "recipe.json")))
    let expected = try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors"))
    let clip = try Self.model(in: folder, name: recipe.name)
    let size = clip.configuration.preprocessing.size
    let image = try clip.imageEncoder(
      FormulaWeights.values("image", [2, 3, size, size], scale: recipe.imageScale))
    let prompts = try recipe.texts.map { text in
      try clip.tokenizer.prompt(text, limit: clip.textEncoder.tokenLimit).map(Symbol.token)
    }
    let text = try clip.textEncoder(PromptTrie(prompts)).reshaped([prompts.count, clip.embeddingWidth])
    var measured: [String: Float] = [:]
    for (name, found) in [("image", image), ("text", text)] {
      let reference = try expected.tensor(name)
      measured[name] = try found.relativeDifference(from: reference)
      measured["\(name), unit"] = try found.unitRows().largestDifference(from: reference.unitRows())
    }
    try JSONEncoder().encode(measured).write(to: folder.appending(path: "measured.json"))
    for (name, difference) in measured { #expect(difference <= Self.tolerance, "\(name)") }
  }

  /// By its configuration; without one, as OpenAI's files are read.
  private static func model(in folder: URL, name: String) throws -> CLIPModel {
    let file = folder.appending(path: "open_clip_model.safetensors")
    if FileManager.default.fileExists(atPath: folder.appending(path: "open_clip_config.json").path) {
      return try CLIPModel(weights: folder)
    }
    let tensors = try SafetensorsFile(contentsOf: file)
    let shapes = tensors.names.map { ($0, tensors.shape(of: $0) ?? []) }
    var configuration = try CLIPConfiguration(
      inferredFrom: Dictionary(uniqueKeysWithValues: shapes), file: file.lastPathComponent)
    configuration.assumptions = []
    #expect(try configuration == .openAI(#require(OpenAIModel(rawValue: name))))
    return try CLIPModel(name: name, configuration: configuration, weights: Weights(contentsOf: file))
  }
}
