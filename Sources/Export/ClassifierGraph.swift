import CLIP
import PromptLearning
import Torch

extension Graph {
  /// The whole classifier, from `pixels` `[B, 3, H, W]` to `logits` and `probabilities` `[B, C]`.
  ///
  /// The tower is computed in the graph's precision. What follows it is of 32 bits: cosines are multiplied by 100, and
  /// so are their roundings.
  package init(
    of head: ClassifierHead, on configuration: CLIPConfiguration, logitScale: Float, classCount: Int,
    weights: Weights, precision: ElementType
  ) throws {
    self.init(precision: precision)
    let size = configuration.preprocessing.size
    let pixels = addInput("pixels", [.free("B"), .fixed(3), .fixed(size), .fixed(size)])
    let embedding = cast(
      imageTower(cast(pixels, to: precision, name: "pixels"), configuration, weights), to: .float32,
      name: "image/embedding")  // [B, E]
    let answers = try logits(of: head, embedding, configuration, logitScale: logitScale, weights)
    let logits = apply("Identity", answers, name: "logits")
    addOutput(logits, [.free("B"), .fixed(classCount)])
    let probabilities = apply("Softmax", logits, name: "probabilities", .integer("axis", -1))
    addOutput(probabilities, [.free("B"), .fixed(classCount)])
  }

  private mutating func imageTower(
    _ pixels: Value, _ configuration: CLIPConfiguration, _ weights: Weights
  ) -> Value {
    let width = configuration.embeddingWidth
    switch configuration.image {
    case .visionTransformer(let tower):
      return visionTransformer(
        pixels, tower, weights, embeddingWidth: width, activation: configuration.activation)
    case .modifiedResNet(let tower): return modifiedResNet(pixels, tower, weights, embeddingWidth: width)
    case .efficientNetLite(let tower):
      return efficientNetLite(
        pixels, tower, weights, embeddingWidth: width, size: configuration.preprocessing.size)
    }
  }

  /// - Parameter embedding: `[B, E]`, of 32 bits and any length.
  /// - Returns: `[B, C]`.
  private mutating func logits(
    of head: ClassifierHead, _ embedding: Value, _ configuration: CLIPConfiguration, logitScale: Float,
    _ weights: Weights
  ) throws -> Value {
    switch head {
    case .linear(let weight, let bias):
      return linear(embedding, LazyTensor(weight), bias: LazyTensor(bias), path: "probe")
    case .cosines(let classFeatures):
      return cosines(of: unitRows(embedding, path: "image"), classFeatures, scale: logitScale)
    case .cache(let classFeatures, let keys, let ballots, let strengths):
      let features = unitRows(embedding, path: "image")
      let plain = cosines(of: features, classFeatures, scale: logitScale)
      let votes = votes(of: features, keys: keys, ballots: ballots, beta: strengths.beta)
      let weighed = apply("Mul", votes, number(strengths.alpha, "cache/alpha"), name: "cache/weighed_votes")
      return apply("Add", plain, weighed, name: "cache/logits")
    case .conditionalPrompts(let prompts):
      let features = unitRows(embedding, path: "image")
      return try logits(of: prompts, features, configuration, logitScale: logitScale, weights)
    }
  }

  /// s · f Gᵀ: `[B, E]` → `[B, C]`.
  private mutating func cosines(of features: Value, _ classFeatures: Tensor, scale: Float) -> Value {
    let scaled = apply("Mul", features, number(scale, "classes/logit_scale"), name: "classes/scaled_image")
    return linear(scaled, LazyTensor(classFeatures), bias: nil, path: "classes")
  }

  /// A number with a name of its own, of 32 bits.
  private mutating func number(_ number: Float, _ name: String) -> Value {
    constant(name, LazyTensor([]) { try Tensor([number], shape: []) }, element: .float32)
  }

  /// exp(β f Qᵀ − β) V: `[B, E]` → `[B, C]`.
  private mutating func votes(of features: Value, keys: Tensor, ballots: Tensor, beta: Float) -> Value {
    let cosines = linear(features, LazyTensor(keys), bias: nil, path: "cache/keys")  // [B, N]
    let sharpness = number(beta, "cache/beta")
    let distance = apply(
      "Sub", apply("Mul", cosines, sharpness, name: "cache/sharpened"), sharpness, name: "cache/distance")
    let nearness = apply("Exp", distance, name: "cache/nearness")
    let matrix = constant("cache/ballots", LazyTensor(ballots), element: .float32)
    return apply("MatMul", nearness, matrix, name: "cache/votes")
  }

  /// CoCoOp: `[B, E]` → `[B, C]`.
  private mutating func logits(
    of prompts: ConditionalPromptValues, _ features: Value, _ configuration: CLIPConfiguration, logitScale: Float,
    _ weights: Weights
  ) throws -> Value {
    try Self.check(prompts.trie, configuration)
    let hidden = activation(
      linear(
        features, LazyTensor(prompts.hidden.weight), bias: prompts.hidden.bias.map { LazyTensor($0) },
        path: "meta_network/hidden"), .relu, path: "meta_network/hidden")
    let token = linear(
      hidden, LazyTensor(prompts.output.weight), bias: prompts.output.bias.map { LazyTensor($0) },
      path: "meta_network/output")  // [B, D]
    let classes = classFeatures(
      of: prompts.trie, contextVectors: prompts.contextVectors,
      token: cast(token, to: precision, name: "meta_network/token"), configuration, weights)  // [B, C, E]
    let scaled = apply("Mul", features, number(logitScale, "classes/logit_scale"), name: "classes/scaled_image")
    let rows = apply("Unsqueeze", scaled, integers([1]), name: "classes/image_row")  // [B, 1, E]
    let cosines = apply(
      "MatMul", rows, transpose(classes, [0, 2, 1], name: "classes/columns"), name: "classes/cosines")  // [B, 1, C]
    return apply("Squeeze", cosines, integers([1]), name: "classes/logits")
  }

  /// The most that one hidden layer of an image may take: a gigabyte, which a page or a telephone cannot give.
  static let mostBytes = 1 << 30

  /// - Throws: ``ExportError/tooManyPrompts(classes:bytes:limit:)``.
  private static func check(_ trie: PromptTrie, _ configuration: CLIPConfiguration) throws {
    let tower = configuration.text
    let (count, depth) = (trie.nodes.count, trie.depth)
    let attended = count <= AttentionForm.mostMasked ? tower.heads * count : depth * tower.width
    let bytes = count * max(tower.mlpWidth, attended) * MemoryLayout<Float>.size
    guard bytes <= mostBytes else {
      throw ExportError.tooManyPrompts(classes: trie.ends.count, bytes: bytes, limit: mostBytes)
    }
  }
}
