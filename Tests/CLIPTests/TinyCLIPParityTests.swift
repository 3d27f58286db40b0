import CLIP
import Foundation
import Images
import Testing
import TestSupport
import Tokenization
import Torch

/// What Scripts/oracle/record_tiny_clip.py recorded from open_clip and timm.
struct TinyCLIPRecipe: Decodable, Sendable {
  let files: [String]
  let classNames: [String]
  let template: String
  let inputFiles: [String]
  let inputStride: Int
  let stageText: String
}

@Suite("tiny-clip agrees with open_clip and timm")
struct TinyCLIPParityTests {
  /// The tolerance of unit features and cosines.
  static let tolerance: Float = 1e-5
  /// The tolerance of features before normalisation to unit length, as a share of the largest.
  static let relativeTolerance: Float = 1e-5
  /// The tolerance of normalised pixels: the rounding of one subtraction and one division.
  static let pixelTolerance: Float = 1e-6

  static let recorded = Result { try Fixture<TinyCLIPRecipe>("tiny-clip", in: .module) }
  let fixture: Fixture<TinyCLIPRecipe>
  let clip: CLIPModel

  init() throws {
    fixture = try Self.recorded.get()
    clip = try TinyCLIP.clip
  }

  fileprivate func images(_ files: some Sequence<String>) throws -> [Image] {
    try files.map { try Image(contentsOf: TinyCLIP.photo($0)) }
  }

  private func textFeatures() throws -> Tensor {
    let prompts = try fixture.recipe.classNames.map { name in
      try clip.tokenizer.prompt(
        fixture.recipe.template.replacing("{}", with: name), limit: clip.textEncoder.tokenLimit
      ).map(PromptSymbol.token)
    }
    let features = try clip.textEncoder(PromptTrie(prompts))  // [1, C, E]
    return try features.reshaped([prompts.count, clip.embeddingWidth])
  }

  @Test("features of 100 photos, and their logits")
  func images() throws {
    let batches = stride(from: 0, to: fixture.recipe.files.count, by: 25).map { fixture.recipe.files[$0..<$0 + 25] }
    let unit = try Tensor.concatenated(batches.map { try clip.imageFeatures(of: images($0)) }, axis: 0)
    #expect(try unit.isClose(to: fixture.tensor("image.unit"), within: Self.tolerance))

    let scale = try fixture.tensor("logit_scale").scalar()
    #expect(clip.logitScale == scale)
    let cosines = try unit.matmul(textFeatures().unitRows().transposed())  // [100, C]
    #expect(try (cosines * scale).isClose(to: fixture.tensor("logits"), within: Self.tolerance * scale))
    #expect(try cosines.isClose(to: fixture.tensor("logits") * (1 / scale), within: Self.tolerance))
  }

  @Test("Threads that each take whole groups of images give the bits of groups that go through all threads")
  func groupsOnThreads() async {
    await #expect(processExitsWith: .success) {
      try Threads.use(2)
      let suite = try TinyCLIPParityTests()
      let (clip, preprocessing) = (suite.clip, suite.clip.configuration.preprocessing)
      let size = clip.imageEncoder.imagesPerMicrobatch
      // Five groups, of which the last is smaller: two rounds on threads of their own, and one group together.
      let squares = try suite.images(suite.fixture.recipe.files.prefix(5 * size - 1)).map(preprocessing.square)
      let together = try stride(from: 0, to: squares.count, by: size).map {
        try clip.imageEncoder(preprocessing.normalized(Array(squares[$0..<min($0 + size, squares.count)])))
      }
      #expect(try clip.imageEmbeddings(ofSquares: squares).bytes() == Tensor.concatenated(together, axis: 0).bytes())
    }
  }

  @Test("image features before they are brought to unit length")
  func rawImages() throws {
    let squares = try images(fixture.recipe.files.prefix(10)).map(clip.configuration.preprocessing.square)
    let features = try clip.imageEncoder(clip.configuration.preprocessing.normalized(squares))
    let recorded = try fixture.tensor("image.features").sliced(0..<10, axis: 0)
    #expect(try features.relativeDifference(from: recorded) <= Self.relativeTolerance)
  }

  @Test("features of 28 prompts")
  func texts() throws {
    let features = try textFeatures()
    #expect(try features.relativeDifference(from: fixture.tensor("text.features")) <= Self.relativeTolerance)
    #expect(try features.unitRows().isClose(to: fixture.tensor("text.unit"), within: Self.tolerance))
  }

  @Test("tokens of 28 prompts")
  func tokens() throws {
    let recorded = try fixture.tensor("text.tokens")
    let length = recorded.shape[1]
    for (row, name) in fixture.recipe.classNames.enumerated() {
      let ids = try clip.tokenizer.prompt(fixture.recipe.template.replacing("{}", with: name), limit: length)
      let padded = ids + [Int](repeating: 0, count: length - ids.count)
      #expect(try padded == recorded.sliced(row..<row + 1, axis: 0).integers(), "\(name)")
    }
  }

  @Test("the pixels that the tower sees, to the last level")
  func preprocessing() throws {
    let preprocessing = clip.configuration.preprocessing
    let squares = try images(fixture.recipe.inputFiles).map(preprocessing.square)
    let levels = try Tensor(squares[0].pixels.map(Float.init), shape: [224, 224, 3]).permuted([2, 0, 1])
    #expect(try levels.floats() == fixture.tensor("input.levels").floats())

    let kept = Array(stride(from: 0, to: 224, by: fixture.recipe.inputStride))
    let indices = try Tensor(kept, shape: [kept.count])
    let sampled = try preprocessing.normalized(squares).gathered(indices, axis: 2).gathered(indices, axis: 3)
    #expect(try sampled.isClose(to: fixture.tensor("input.sampled"), within: Self.pixelTolerance))
  }

  @Test("the dense encoder of these tests agrees with open_clip layer by layer, so that it can judge the trie")
  func oracle() throws {
    let dense = try DenseTextEncoder(TinyCLIP.tensors(), clip.configuration)
    let prompt = try clip.tokenizer.prompt(fixture.recipe.stageText, limit: 77).map(PromptSymbol.token)
    let names = ["text.embedding", "text.layers.0", "text.layers.1", "text.layers.2", "text.final"]
    for (name, stage) in zip(names, try dense.stages(of: prompt)) {
      #expect(try stage.relativeDifference(from: fixture.tensor(name)) <= Self.relativeTolerance, "\(name)")
    }
  }

  @Test("the hash is what sha256sum prints")
  func hash() throws {
    #expect(
      try CheckpointFiles(at: TinyCLIP.folder).hash()
        == "afb84b428d37932816288ed7feadd3ba09d9c04f5eccb73fe0f605d95a28986a")
  }
}
