import CLIP
import Foundation
import Testing
import TestSupport
import Tokenization
import Torch

/// What Scripts/oracle/record_architectures.py recorded from open_clip and clip-anytorch.
struct ArchitectureRecipe: Decodable, Sendable {
  struct OpenCLIP: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let elements: Int
    var testDescription: String { name }
  }
  struct OpenAI: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let elements: Int
    let shapes: [String: [Int]]
    var testDescription: String { name }
  }
  let texts: [String]
  let openCLIP: [OpenCLIP]
  let openAI: [OpenAI]
}

@Suite("Small models with one option each agree with open_clip and clip-anytorch")
struct ArchitectureParityTests {
  /// The tolerance of features, as a share of the largest.
  static let tolerance: Float = 1e-5

  static let recorded = Result { try Fixture<ArchitectureRecipe>("architectures", in: .module) }

  /// open_clip's names for the tensors of the text tower, without the prefix of `custom_text`.
  static let textTower = ["text_projection", "positional_embedding", "token_embedding", "transformer", "ln_final"]

  @Test("open_clip's options, each from its configuration file", arguments: try recorded.get().recipe.openCLIP)
  func openCLIP(model: ArchitectureRecipe.OpenCLIP) throws {
    let configuration = try Self.configuration(of: model.name)
    let isCustom = model.name == "custom-text"
    var shapes: [String: [Int]] = [:]
    let weights = GeneratedSource { name, shape in
      shapes[name] = shape
      return try FormulaWeights.weight(name, shape)
    }
    var clip = try CLIPModel(name: model.name, configuration: configuration, weights: weights)
    #expect(shapes.values.map { $0.reduce(1, *) }.reduce(0, +) == model.elements)
    if isCustom {
      let names = shapes.map { name, shape in
        (Self.textTower.contains { name.hasPrefix($0) } ? "text.\(name)" : name, shape)
      }
      let tensors = try Dictionary(uniqueKeysWithValues: names.map { ($0, try FormulaWeights.weight($0, $1)) })
      clip = try CLIPModel(
        name: model.name, configuration: configuration, weights: CheckpointSource(tensors, name: model.name))
    }
    try compare(clip, with: model.name)
  }

  @Test("OpenAI's form, inferred from names and shapes", arguments: try recorded.get().recipe.openAI)
  func openAI(model: ArchitectureRecipe.OpenAI) throws {
    let tensors = try Dictionary(
      uniqueKeysWithValues: model.shapes.map { ($0, try FormulaWeights.weight($0, $1)) })
    let clip = try CLIPModel(
      name: model.name, configuration: CLIPConfiguration(inferredFrom: model.shapes, file: model.name),
      weights: CheckpointSource(tensors, name: model.name))
    try compare(clip, with: model.name)
  }

  @Test("a prompt of more tokens than the model reads is refused")
  func tokenLimit() throws {
    let configuration = try Self.configuration(of: "text-sizes")
    let clip = try CLIPModel(
      name: "text-sizes", configuration: configuration,
      weights: GeneratedSource(making: FormulaWeights.weight))
    #expect(clip.textEncoder.tokenLimit == 11)
    let prompt = [PromptSymbol](repeating: .token(320), count: 12)
    #expect(throws: CLIPError.promptTooLong(symbols: 12, limit: 11)) { try clip.textEncoder(PromptTrie([prompt])) }
    #expect(throws: Never.self) { try clip.textEncoder(PromptTrie([Array(prompt.dropLast())])) }
  }

  private func compare(_ clip: CLIPModel, with name: String) throws {
    let fixture = try Self.recorded.get()
    let size = clip.configuration.preprocessing.size
    let pixels = try FormulaWeights.values("image", [2, 3, size, size], scale: 2)
    let image = try clip.imageEncoder(pixels)
    #expect(try image.relativeDifference(from: fixture.tensor("\(name).image")) <= Self.tolerance)
    let prompts = try fixture.recipe.texts.map { text in
      try clip.tokenizer.prompt(text, limit: clip.textEncoder.tokenLimit).map(PromptSymbol.token)
    }
    let text = try clip.textEncoder(PromptTrie(prompts)).reshaped([prompts.count, clip.embeddingWidth])
    #expect(try text.relativeDifference(from: fixture.tensor("\(name).text")) <= Self.tolerance)
  }

  /// The configuration, read from a file with the recipe's content.
  private static func configuration(of name: String) throws -> CLIPConfiguration {
    let recipe = try Data(contentsOf: Bundle.module.bundleURL.appending(path: "Fixtures/architectures.json"))
    let models = (try JSONSerialization.jsonObject(with: recipe) as? [String: Any])?["openCLIP"] as? [[String: Any]]
    let config = try #require(models?.first { $0["name"] as? String == name }?["config"])
    return try withTemporaryFolder { folder in
      let file = folder.appending(path: "open_clip_config.json")
      try JSONSerialization.data(withJSONObject: config).write(to: file)
      return try CLIPConfiguration(openCLIP: file)
    }
  }
}
