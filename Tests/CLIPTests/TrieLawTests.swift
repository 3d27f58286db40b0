import CLIP
import Testing
import TestSupport
import Tokenization
import Torch

/// The suite is serialised, because the dense encoder of the random tower keeps every layer of 77 positions for its
/// gradients.
@Suite("The trie gives what the dense encoder of 77 positions gives", .serialized)
struct TrieLawTests {
  /// The tolerance of features, as a share of the largest magnitude.
  static let featureTolerance: Float = 1e-5
  static let gradientTolerance: Float = 1e-4
  /// The tolerance of unit features.
  static let unitTolerance: Float = 1e-6
  /// Names of which some share a beginning, one is the beginning of another, two are equal, and one is a word of
  /// several tokens.
  static let names = ["dog", "dog house", "dog", "aardvark's burrow", "2012 Audi A5", "2012 Audi R8"]
  static let images = 3

  @Test("features", arguments: TextModel.Name.allCases, PromptLayout.allCases)
  func features(model: TextModel.Name, layout: PromptLayout) throws {
    let model = try model.model
    let prompts = layout.prompts(Self.names, model.clip.tokenizer)
    let contexts = try Learned(layout, model.clip).contexts()
    let trie = try model.clip.textEncoder(PromptTrie(prompts), contexts: contexts)
    let dense = try model.dense.features(prompts, contexts: contexts)
    #expect(trie.shape == [layout == .conditional ? Self.images : 1, Self.names.count, model.clip.embeddingWidth])
    #expect(try trie.relativeDifference(from: dense) <= Self.featureTolerance)
  }

  @Test(
    "gradients of contexts and meta-network", arguments: TextModel.Name.allCases,
    PromptLayout.allCases.filter { $0 != .zeroShot })
  func gradients(model: TextModel.Name, layout: PromptLayout) throws {
    let model = try model.model
    let prompts = layout.prompts(Self.names, model.clip.tokenizer)
    let trie = try PromptTrie(prompts)
    let dense = try model.dense
    let learned = try Learned(layout, model.clip)
    let (loss, gradients) = try valueWithGradient(at: learned.parameters) { parameters in
      try learned.loss(model.clip.textEncoder(trie, contexts: learned.contexts(parameters)))
    }
    let (denseLoss, denseGradients) = try valueWithGradient(at: learned.parameters) { parameters in
      try learned.loss(dense.features(prompts, contexts: learned.contexts(parameters)))
    }
    #expect(try loss.relativeDifference(from: denseLoss) <= Self.featureTolerance)
    #expect(gradients.count == (layout == .conditional ? 5 : 1))
    for (gradient, expected) in zip(gradients, denseGradients) {
      #expect(try gradient.relativeDifference(from: expected) <= Self.gradientTolerance)
    }
  }

  @Test("several readers of some prompts each, in one trie")
  func readers() throws {
    let model = try TextModel.Name.tinyCLIP.model
    let trie = try PromptTrie(PromptLayout.conditional.prompts(Self.names, model.clip.tokenizer))
    let contexts = try Learned(.conditional, model.clip).contexts()  // [images, M, D]
    let apart = try model.clip.textEncoder(trie, contexts: contexts)  // [images, prompts, E]
    let choices = [[0, 3], [5, 5], [4, 1]]
    let together = try model.clip.textEncoder(
      trie.shared(byReadersOf: choices), contexts: #require(contexts).reshaped([1, -1, model.clip.textEncoder.width]))
    #expect(together.shape == [1, 6, model.clip.embeddingWidth])
    for (place, (reader, prompt)) in choices.enumerated().flatMap({ reader, prompts in prompts.map { (reader, $0) } })
      .enumerated()
    {
      let expected = try apart.sliced(reader..<reader + 1, axis: 0).sliced(prompt..<prompt + 1, axis: 1)
      #expect(
        try together.sliced(place..<place + 1, axis: 1).relativeDifference(from: expected) <= Self.featureTolerance)
    }
  }

  @Test("other numbers of contexts", arguments: [1, 2, 7, 16], [PromptLayout.end, .middle, .front, .classSpecific])
  func contextCounts(count: Int, layout: PromptLayout) throws {
    let model = try TextModel.Name.tinyCLIP.model
    let prompts = layout.prompts(Self.names, contextCount: count, model.clip.tokenizer)
    let contexts = try Learned(layout, model.clip, contextCount: count).contexts()
    let trie = try model.clip.textEncoder(PromptTrie(prompts), contexts: contexts)
    #expect(
      try trie.relativeDifference(from: model.dense.features(prompts, contexts: contexts)) <= Self.featureTolerance)
  }

  @Test("a permutation of the classes permutes their features", arguments: TextModel.Name.allCases)
  func permutation(model: TextModel.Name) throws {
    let model = try model.model
    let order = [4, 0, 5, 2, 1, 3]
    let permuted = try model.features(of: order.map { Self.names[$0] })
    let expected = try model.features(of: Self.names).gathered(Tensor(order, shape: [order.count]), axis: 0)
    #expect(try permuted.isClose(to: expected, within: Self.unitTolerance))
  }

  @Test("one more class leaves the features of the others", arguments: TextModel.Name.allCases)
  func addition(model: TextModel.Name) throws {
    let model = try model.model
    let alone = try model.features(of: Self.names)
    let more = try model.features(of: Self.names + ["dog house roof"]).sliced(0..<Self.names.count, axis: 0)
    #expect(try more.isClose(to: alone, within: Self.unitTolerance))
  }

  @Test("names that begin alike, equal names, a name of 60 tokens, one class", arguments: TextModel.Name.allCases)
  func unusualNames(model: TextModel.Name) throws {
    let model = try model.model
    let long = [String](repeating: "dog", count: 60).joined(separator: " ")
    #expect(model.clip.tokenizer.encode(long).count == 60)
    for names in [["a", "a b", "a b c", "a b"], [long, "dog"], ["cat"], ["cat", "cat", "cat"]] {
      let prompts = PromptLayout.end.prompts(names, model.clip.tokenizer)
      let contexts = try Learned(.end, model.clip).contexts()
      let trie = try model.clip.textEncoder(PromptTrie(prompts), contexts: contexts)
      let dense = try model.dense.features(prompts, contexts: contexts)
      #expect(try trie.relativeDifference(from: dense) <= Self.featureTolerance)
      let rows = try (0..<names.count).map { try trie.sliced($0..<$0 + 1, axis: 1).floats() }
      for (first, name) in names.enumerated() {
        for second in names.indices where names[second] == name { #expect(rows[first] == rows[second]) }
      }
    }
  }

  @Test("1,000 classes", arguments: TextModel.Name.allCases)
  func thousandClasses(model: TextModel.Name) throws {
    let model = try model.model
    let nouns = ["dog", "cat", "house", "boat", "tree", "cup", "lamp", "fish", "hat", "drum"]
    let numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    let names = numbers.flatMap { a in numbers.flatMap { b in nouns.map { "\(a) \(b) \($0)" } } }
    let prompts = PromptLayout.zeroShot.prompts(names, model.clip.tokenizer)
    let trie = try PromptTrie(prompts)
    let beginnings = Set(prompts.flatMap { prompt in prompt.indices.map { Array(prompt[...$0]) } })
    // start a photo of a, 10 and 100 numbers, then noun, full stop and end for each class.
    #expect(beginnings.count == 5 + 10 + 100 + 3 * 1000)
    #expect(trie.nodes.count == beginnings.count)

    let features = try model.clip.textEncoder(trie)
    #expect(features.shape == [1, 1000, model.clip.embeddingWidth])
    #expect(try features.isFinite)
    let sample = [0, 123, 500, 501, 999]
    let some = try features.gathered(Tensor(sample, shape: [sample.count]), axis: 1)
    let dense = try model.dense.features(sample.map { prompts[$0] }, contexts: nil)
    #expect(try some.relativeDifference(from: dense) <= Self.featureTolerance)
  }

  @Test("a prompt over the limit, and contexts that don't fit, are refused")
  func refusals() throws {
    let clip = try TinyCLIP.clip
    let fits = try PromptTrie([[PromptSymbol](repeating: .token(5), count: 77)])
    #expect(try clip.textEncoder(fits).isFinite)
    let tooLong = try PromptTrie([[PromptSymbol](repeating: .token(5), count: 78)])
    #expect(
      message { try clip.textEncoder(tooLong) }
        == "A prompt has 78 tokens and context vectors, but the model reads 77. Shorten the class name or the context.")
    let two = try PromptTrie([[.token(1), .context(0), .context(1)]])
    #expect(
      message { try clip.textEncoder(two) } == "The contexts have shape [], but the prompts need [1, 2, 256].")
    #expect(
      message { try clip.textEncoder(two, contexts: .zeros([1, 3, 256])) }
        == "The contexts have shape [1, 3, 256], but the prompts need [1, 2, 256].")
  }

  @Test("a token outside the vocabulary is an error of libtorch, not a crash")
  func unknownToken() throws {
    let clip = try TinyCLIP.clip
    for id in [-1, 49408, Int.max] {
      #expect(throws: TorchError.self) { try clip.textEncoder(PromptTrie([[.token(id)]])) }
    }
  }
}

/// Contexts, and for conditional prompts a meta-network, with a loss that depends on all of them.
private struct Learned {
  let parameters: [Tensor]
  private let layout: PromptLayout
  private let imageFeatures: Tensor  // [3, E], unit rows
  private let labels: Tensor  // [3]

  init(_ layout: PromptLayout, _ clip: CLIPModel, contextCount: Int = 4) throws {
    self.layout = layout
    let (width, embedding) = (clip.textEncoder.width, clip.embeddingWidth)
    let images = TrieLawTests.images
    imageFeatures = try FormulaWeights.values("features", [images, embedding], scale: 1).unitRows()
    labels = try Tensor(Array(0..<images), shape: [images])
    let vectors = contextCount * (layout == .classSpecific ? TrieLawTests.names.count : 1)
    let context = try FormulaWeights.values("ctx", [vectors, width], scale: 0.05)
    let shapes = [
      ("meta_net.linear1.weight", [embedding / 16, embedding]), ("meta_net.linear1.bias", [embedding / 16]),
      ("meta_net.linear2.weight", [width, embedding / 16]), ("meta_net.linear2.bias", [width]),
    ]
    parameters =
      switch layout {
      case .zeroShot: []
      case .conditional: [context] + (try shapes.map { try FormulaWeights.weight($0, $1) })
      default: [context]
      }
  }

  func contexts() throws -> Tensor? { try contexts(parameters) }

  /// The contexts `[B, M, D]`: B is 3 where they depend on the image.
  func contexts(_ parameters: [Tensor]) throws -> Tensor? {
    guard let context = parameters.first else { return nil }
    guard layout == .conditional else { return try context.unsqueezed(at: 0) }
    let hidden = try Activation.relu(Linear(weight: parameters[1], bias: parameters[2])(imageFeatures))
    return try context + Linear(weight: parameters[3], bias: parameters[4])(hidden).unsqueezed(at: 1)
  }

  /// Mean cross-entropy of three images whose classes are the first three.
  func loss(_ features: Tensor) throws -> Tensor {
    let isShared = features.shape[0] == 1
    let cosines = try imageFeatures.unsqueezed(at: isShared ? 0 : 1).matmul(features.unitRows().permuted([0, 2, 1]))
    return try (cosines.reshaped([TrieLawTests.images, -1]) * 20).crossEntropy(labels)
  }
}
