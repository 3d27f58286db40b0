import CLIP
import Datasets
import Support
import Torch

/// MMRL: tokens in a space of their own, from which linear layers make rows in the upper blocks of both towers, and a
/// second image feature of what the image tower makes of them (Guo, Gu: *MMRL: Multi-Modal Representation Learning for
/// Vision-Language Models*, CVPR 2025, §3).
public struct RepresentationTokens: TrainablePromptLearner {
  public static let parameterNames = specs.map(\.name)
  /// In the order of ``parameterNames``.
  public let parameters: [Tensor]
  public let classNames: [String]
  /// The classes that were learned; empty where nobody knows them.
  let learnedNames: [String]
  /// The sentence of a class.
  let template: PromptTemplate
  /// How the two image features answer.
  let answering: Answering
  private let trie: ExtendedTrie
  private let encoder: TextEncoder
  private let image: PromptedVisionTransformer
  private let textRows: DeepPrompts
  /// Whether both heads answer about ``classNames``.
  private let answersByBoth: Bool

  /// How the logits of the class token's feature, l_c, and of the tokens' own, l_r, become an answer.
  public struct Answering: Sendable, Equatable {
    /// α of α · l_c + (1 − α) · l_r.
    public let share: Float
    public let heads: Heads

    public enum Heads: Int, Sendable, CaseIterable {
      /// Both where all classes were learned, and the class token's alone where one was not.
      case byClasses
      /// The class token's alone.
      case classToken
      case both
    }

    public init(share: Float = 0.7, heads: Heads = .byClasses) { (self.share, self.heads) = (share, heads) }
  }

  /// - Parameters:
  ///   - learnedNames: the classes that were learned, which decide about the heads.
  ///   - parameters: tokens R `[K, d]`, for each of the upper J blocks A `[J, Dv, d]` and a `[J, Dv]` for images, B
  ///     `[J, D, d]` and b `[J, D]` for texts, and the projection of the second image feature `[Dv, E]`.
  /// - Throws: ``LearningError``, `CLIPError` where the image tower is no ViT or a tower has fewer blocks.
  public init(
    for classNames: [String], learned learnedNames: [String], parameters: [Tensor], template: PromptTemplate = .photo,
    answering: Answering = Answering(), clip: CLIPModel
  ) throws {
    let block = try Self.firstBlock(of: parameters[1].shape[0], in: clip)
    let wording = PromptWording(clip)
    let names = try classNames.checkedAsClassNames()
    let trie = try PromptTrie(names.map { try wording.symbols(of: template.filled(with: $0)) })
    let asked: Bool? =
      switch answering.heads {
      case .byClasses: nil
      case .classToken: false
      case .both: true
      }
    try self.init(
      classNames: names, learnedNames: learnedNames, template: template, answering: answering,
      trie: clip.textEncoder.prepared(trie, inserting: parameters[0].shape[0], before: block),
      encoder: clip.textEncoder, tower: clip.visionTransformer, parameters: parameters.on(clip.device),
      answersByBoth: asked ?? Set(names).isSubset(of: learnedNames))
  }

  private init(
    classNames: [String], learnedNames: [String], template: PromptTemplate, answering: Answering, trie: ExtendedTrie,
    encoder: TextEncoder, tower: VisionTransformer, parameters: [Tensor], answersByBoth: Bool
  ) throws {
    (self.classNames, self.learnedNames, self.template, self.answering) =
      (classNames, learnedNames, template, answering)
    (self.trie, self.encoder, self.parameters, self.answersByBoth) = (trie, encoder, parameters, answersByBoth)
    func rows(_ weight: Tensor, _ bias: Tensor) throws -> DeepPrompts {
      // [1, K, d] · [J, d, width] → [J, K, width]
      try DeepPrompts(
        blocks: parameters[0].unsqueezed(at: 0).matmul(weight.permuted([0, 2, 1])) + bias.unsqueezed(at: 1))
    }
    textRows = try rows(parameters[3], parameters[4])
    image = try PromptedVisionTransformer(
      tower, rows(parameters[1], parameters[2]), .init(before: trie.block, projection: parameters[5]))
  }

  /// - Parameters:
  ///   - tokens: K.
  ///   - width: d.
  ///   - depth: J, how many blocks have tokens, up to the last one of the tower with fewer; `nil` is the upper half and
  ///     one, 7 of 12.
  ///   - seed: of the initial values. Tokens are drawn from N(0, 0.02²), layers as PyTorch draws them, one for all
  ///     blocks of a tower, and the projection from N(0, 1 / Dv).
  public init(
    for classNames: [String], tokens: Int = 5, width: Int = 512, depth: Int? = nil, template: PromptTemplate = .photo,
    answering: Answering = Answering(), clip: CLIPModel, seed: UInt64 = 1
  ) throws {
    let tower = try clip.visionTransformer
    let blocks = min(clip.textEncoder.layerCount, tower.layerCount)
    let depth = depth ?? blocks - max(1, blocks / 2) + 1
    _ = try Self.firstBlock(of: depth, in: clip)
    var generator = SeededGenerator(seed: seed)
    let start = try Tensor.normal([tokens, width], deviation: DeepPrompts.deviation, using: &generator)
    func layers(to output: Int) throws -> [Tensor] {
      let bound = 1 / Float(width).squareRoot()
      let one: [Tensor] = [
        try .uniform([output, width], bound: bound, using: &generator),
        try .uniform([output], bound: bound, using: &generator),
      ]
      return try one.map { try $0.unsqueezed(at: 0).expanded(to: [depth] + $0.shape) * 1 }
    }
    let (images, texts) = (try layers(to: tower.width), try layers(to: clip.textEncoder.width))
    let projection = try Tensor.normal(
      [tower.width, clip.embeddingWidth], deviation: 1 / Float(tower.width).squareRoot(), using: &generator)
    try self.init(
      for: classNames, learned: classNames, parameters: [start] + images + texts + [projection], template: template,
      answering: answering, clip: clip)
  }

  /// The block, from 0, in front of which the tokens first stand: they end with the last block of the tower with fewer.
  private static func firstBlock(of depth: Int, in clip: CLIPModel) throws -> Int {
    let (text, image) = (clip.textEncoder.layerCount, try clip.visionTransformer.layerCount)
    guard depth <= min(text, image) else {
      throw CLIPError.depth(depth, tower: text <= image ? "text" : "image", blocks: min(text, image))
    }
    return min(text, image) - depth
  }

  public var imagePrompts: PromptedVisionTransformer? { image }
  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int {
    encoder.microbatchBytes(of: trie, inserting: textRows.length, isTraining: isTraining)
  }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> RepresentationTokens {
    try RepresentationTokens(
      for: classNames, learned: learnedNames, parameters: parameters, template: template, answering: answering,
      clip: clip)
  }

  public func restricted(to classes: Range<Int>) throws -> RepresentationTokens {
    try RepresentationTokens(
      classNames: Array(classNames[classes]), learnedNames: learnedNames, template: template, answering: answering,
      trie: encoder.prepared(
        trie.trie.restricted(to: classes), inserting: textRows.length, before: trie.block),
      encoder: encoder, tower: image.tower, parameters: parameters, answersByBoth: answersByBoth)
  }

  public func replacing(_ parameters: [Tensor]) throws -> RepresentationTokens {
    try RepresentationTokens(
      classNames: classNames, learnedNames: learnedNames, template: template, answering: answering, trie: trie,
      encoder: encoder, tower: image.tower, parameters: parameters, answersByBoth: answersByBoth)
  }

  /// Text features of the current tokens, whatever the image.
  public func classFeatures(for imageFeatures: Tensor) throws -> Tensor {
    try encoder(trie, inserting: textRows).unitRows()
  }

  /// - Parameter images: `[B, 2E]`: the class token's feature and the tokens' own, one after the other.
  /// - Returns: the class token's feature, and the logits of both heads.
  public func features(of images: Tensor, _ classes: Tensor, scale: Float) throws -> Features {
    let two = try images.split(into: 2).map { try $0.unitRows() }  // 2 of [B, E]
    let features = try Features(images: two[0], classes: classes, scale: scale)
    let own = try Features(images: two[1], classes: classes, scale: scale).logits
    let answer = try answersByBoth ? fused(features.logits, own) : features.logits
    return features.with(logits: answer, of: [features.logits, own])
  }

  /// α · l_c + (1 − α) · l_r.
  private func fused(_ classToken: Tensor, _ own: Tensor) throws -> Tensor {
    try (classToken * answering.share).adding(own, scaledBy: 1 - answering.share)
  }

  static let specs = [
    ParameterSpec("compound_rep_tokens", [.any(usual: 5), .any(usual: 512)]),
    ParameterSpec("compound_rep_tokens_r2vproj.weight", [.layers(usual: 7), .imageWidth, .any(usual: 512)]),
    ParameterSpec("compound_rep_tokens_r2vproj.bias", [.layers(usual: 7), .imageWidth]),
    ParameterSpec("compound_rep_tokens_r2tproj.weight", [.layers(usual: 7), .textWidth, .any(usual: 512)]),
    ParameterSpec("compound_rep_tokens_r2tproj.bias", [.layers(usual: 7), .textWidth]),
    ParameterSpec("proj_rep", [.imageWidth, .embeddingWidth]),
  ]

  /// Checks that the tensors of a file are of one width and for equally many blocks.
  ///
  /// - Throws: ``LearningError/parameterShape(path:name:expected:found:)``.
  static func check(_ parameters: [Tensor], path: String) throws {
    let (width, depth) = (parameters[0].shape[1], parameters[1].shape[0])
    for (name, tensor) in zip(parameterNames, parameters).dropFirst().dropLast() {
      var expected = tensor.shape
      expected[0] = depth
      if expected.count == 3 { expected[2] = width }
      guard tensor.shape == expected else {
        throw LearningError.parameterShape(path: path, name: name, expected: expected, found: tensor.shape)
      }
    }
  }
}
