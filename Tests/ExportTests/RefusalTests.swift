import CLIP
import Datasets
import Embedded
import Export
import PromptLearning
import Runs
import Support
import Testing
import Torch

@Suite("A classifier that states no head is refused by its method's name")
struct RefusalTests {
  /// A classifier that nobody has taught to state its head, as one with prompts inside the image tower.
  private struct Opaque: ImageClassifier {
    let clip: CLIPModel
    let classNames = ["a", "b"]

    func logits(ofEmbeddings imageEmbeddings: Tensor, within budget: MemoryBudget) throws -> Tensor {
      try .zeros([imageEmbeddings.shape[0], 2])
    }
    func withClasses(_ classNames: [String]) -> Opaque { self }
  }

  @Test("the refusal says what is missing and what to do")
  func refusal() throws {
    let source = try ModelSource("tiny-clip")
    let clip = try source.load()
    let error = try #require(throws: ExportError.self) {
      try ModelExport(Opaque(clip: clip), of: .coop, source: source, identity: source.identity())
    }
    #expect(
      error.explanation
        == "CoOp cannot be exported to ONNX: its classifier is not stated as a head on CLIP's own image tower. "
        + "Use the run with 'cocoop predict' or 'cocoop serve', or export one of another method.")
  }

  private static let names = ["bird", "cat", "clock"]

  @Test("constant prompts state their class features")
  func constantFeatures() throws {
    let clip = try CLIPModel(weights: Embedded.tinyCLIP)
    let zeros = try Tensor.zeros([1, clip.embeddingWidth])
    let learners: [any HeadStatingLearner] = [
      try ZeroShotPrompts(for: Self.names, clip: clip), try ContextPrompts(for: Self.names, clip: clip),
      try ClassTokenPrompts(for: Self.names, clip: clip),
    ]
    for learner in learners {
      var stated: Tensor?
      if case .cosines(let features) = try learner.head() { stated = features }
      let found = try #require(stated)
      let expected = try learner.classFeatures(for: zeros).reshaped([3, clip.embeddingWidth])
      #expect(try found.shape == expected.shape && found.isClose(to: expected, within: 0))
    }
  }

  @Test("a cache states its keys, whom they vote for, and how strongly")
  func cache() throws {
    let clip = try CLIPModel(weights: Embedded.tinyCLIP)
    let keys = try Tensor((0..<3 * clip.embeddingWidth).map(Float.init), shape: [3, clip.embeddingWidth])
    let cache = try CacheModel(
      for: Self.names, keys: keys, labels: [2, 0, 1], strengths: .init(alpha: 2, beta: 3), templates: [.photo],
      clip: clip)
    var values: (keys: Tensor, ballots: Tensor, strengths: CacheModel.Strengths)?
    if case .cache(_, let keys, let ballots, let strengths) = try cache.head() { values = (keys, ballots, strengths) }
    let stated = try #require(values)
    #expect(try stated.keys.isClose(to: keys, within: 0))
    #expect(try stated.ballots.floats() == [0, 0, 1, 1, 0, 0, 0, 1, 0])
    #expect(stated.strengths == .init(alpha: 2, beta: 3))
  }

  @Test("conditional prompts state what has been learned, and their trie")
  func conditionalPrompts() throws {
    let prompts = try ConditionalPrompts(for: Self.names, clip: CLIPModel(weights: Embedded.tinyCLIP))
    var values: ConditionalPromptValues?
    if case .conditionalPrompts(let stated) = prompts.head() { values = stated }
    let stated = try #require(values)
    let tensors = [
      stated.contextVectors, stated.hidden.weight, stated.hidden.bias, stated.output.weight, stated.output.bias,
    ].compactMap { $0 }
    #expect(tensors.count == prompts.parameters.count)
    for (found, expected) in zip(tensors, prompts.parameters) {
      #expect(try found.isClose(to: expected, within: 0))
    }
    #expect(stated.trie.nodes == prompts.trie.nodes && stated.trie.ends.count == 3)
  }
}
