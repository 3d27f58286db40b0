import CLIP
import Foundation
import Testing
import TestSupport
import Tokenization
import Torch

/// Runs where Scripts/oracle/check_checkpoints.py has written a checkpoint that another library saved.
@Suite("Checkpoints that other libraries saved give those libraries' features")
struct FullSizeCheckpointTests {
  struct Check: Decodable {
    let texts: [String]
    let checkpoint: String
    /// The architecture in OpenAI's spelling, where it must be inferred from the file alone.
    let architecture: String?
  }

  /// The tolerance of unit features.
  static let tolerance: Float = 1e-4
  static let folder = ProcessInfo.processInfo.environment["COCOOP_CHECKPOINTS"].map { URL(filePath: $0) }

  @Test("image features and text features", .enabled(if: folder != nil, "needs a checkpoint; `make parity` makes them"))
  func features() throws {
    let folder = try #require(Self.folder)
    let expected = try SafetensorsFile(contentsOf: folder.appending(path: "expected.safetensors"))
    let check = try JSONDecoder().decode(Check.self, from: Data(contentsOf: folder.appending(path: "check.json")))
    let clip = try CLIPModel(weights: URL(filePath: check.checkpoint))
    if let architecture = check.architecture {
      var configuration = clip.configuration
      configuration.assumptions = []
      #expect(try configuration == .openAI(#require(OpenAIModel(rawValue: architecture))))
    }
    let prompts = try check.texts.map { text in
      try clip.tokenizer.prompt(text, limit: clip.textEncoder.tokenLimit).map(PromptSymbol.token)
    }
    let image = try clip.imageEncoder(expected.tensor("pixels")).unitRows()
    let text = try clip.textEncoder(PromptTrie(prompts)).reshaped([prompts.count, clip.embeddingWidth]).unitRows()
    let differences = (
      image: try image.largestDifference(from: expected.tensor("image")),
      text: try text.largestDifference(from: expected.tensor("text"))
    )
    print("largest difference of images \(differences.image), of texts \(differences.text)")
    #expect(differences.image <= Self.tolerance && differences.text <= Self.tolerance)
  }
}
