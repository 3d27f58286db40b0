import Torch

/// Infers the architecture of a checkpoint without a configuration from the names and shapes of its tensors.
///
/// This is what OpenAI's own loader does for its published files (`build_model` in `clip/model.py`). What tensors
/// don't show is taken from those files, and told among ``assumptions``: QuickGELU, heads of 64, the pixels' statistics.
extension CLIPConfiguration {
  /// - Parameters:
  ///   - shapes: of all tensors, by OpenAI's names: `visual.conv1.weight`, `transformer.resblocks.0.ln_1.weight`, …
  ///   - file: what errors call the checkpoint.
  /// - Throws: ``CLIPError/foreign(file:kind:remedy:)`` where the tensors are of something else,
  ///   ``CLIPError/ambiguous(file:reason:)`` where they are of a CLIP but leave its architecture open.
  public init(inferredFrom shapes: [String: [Int]], file: String) throws {
    if let foreign = ForeignCheckpoint(Set(shapes.keys)) { throw foreign.error(in: file) }
    let tensors = TensorShapes(shapes, file: file)
    let embeddingWidth = try tensors.length(1, of: "text_projection", rank: 2)
    let text = try TextTower(inferredFrom: tensors)
    let image: ImageTower =
      tensors.has("visual.layer1.0.conv1.weight")
      ? .modifiedResNet(try .init(inferredFrom: tensors)) : .visionTransformer(try .init(inferredFrom: tensors))
    self.init(
      embeddingWidth: embeddingWidth, image: image, text: text, activation: .quickGELU,
      preprocessing: .openAI(size: image.imageSize ?? 224),
      assumptions: [
        "no configuration: QuickGELU, attention heads of 64, and OpenAI's mean, deviation and bicubic resizing,"
          + " as in OpenAI's files"
      ])
  }
}

extension CLIPConfiguration.TextTower {
  fileprivate init(inferredFrom tensors: TensorShapes) throws {
    let width = try tensors.length(0, of: "ln_final.weight", rank: 1)
    let vocabularySize = try tensors.length(0, of: "token_embedding.weight", rank: 2)
    guard vocabularySize >= 49408 else {
      throw tensors.ambiguous("its vocabulary has \(vocabularySize) entries, and CLIP's tokenizer 49408")
    }
    self.init(
      tokenLimit: try tensors.length(0, of: "positional_embedding", rank: 2), vocabularySize: vocabularySize,
      width: width, heads: try tensors.heads(ofWidth: width, in: "text"),
      layers: tensors.count(under: "transformer.resblocks."),
      perceptronWidth: try tensors.length(0, of: "transformer.resblocks.0.mlp.c_fc.weight", rank: 2),
      hasLayerScale: tensors.has("transformer.resblocks.0.ls_1.gamma"))
  }
}

extension VisionTransformer.Configuration {
  fileprivate init(inferredFrom tensors: TensorShapes) throws {
    let width = try tensors.length(0, of: "visual.conv1.weight", rank: 4)
    let patchSize = try tensors.length(3, of: "visual.conv1.weight", rank: 4)
    // The widths that open_clip's own models have with heads of 80, 88, 104 and 112.
    guard ![1280, 1408, 1664, 1792].contains(width) else {
      throw tensors.ambiguous(
        "a vision transformer of width \(width) is none of OpenAI's, and its tensors don't tell its heads")
    }
    guard !tensors.has("visual.attn_pool.query") else {
      throw tensors.ambiguous("its image tower pools by attention, as CoCa's")
    }
    self.init(
      imageSize: patchSize * (try tensors.edge(of: "visual.positional_embedding")), patchSize: patchSize, width: width,
      layers: tensors.count(under: "visual.transformer.resblocks."),
      heads: try tensors.heads(ofWidth: width, in: "image"),
      perceptronWidth: try tensors.length(0, of: "visual.transformer.resblocks.0.mlp.c_fc.weight", rank: 2),
      hasLayerScale: tensors.has("visual.transformer.resblocks.0.ls_1.gamma"),
      hasInputNorm: tensors.has("visual.ln_pre.weight"))
  }
}

extension ModifiedResNet.Configuration {
  fileprivate init(inferredFrom tensors: TensorShapes) throws {
    let width = try tensors.length(0, of: "visual.layer1.0.conv1.weight", rank: 4)
    guard width > 0, width % 2 == 0 else { throw tensors.ambiguous("its residual network has width \(width)") }
    self.init(
      imageSize: 32 * (try tensors.edge(of: "visual.attnpool.positional_embedding")), width: width,
      blocks: (1...4).map { tensors.count(under: "visual.layer\($0).") })
  }
}

/// The names and shapes of a file, asked one by one.
private struct TensorShapes {
  private let shapes: [String: [Int]]
  private let file: String

  init(_ shapes: [String: [Int]], file: String) {
    self.shapes = shapes
    self.file = file
  }

  func has(_ name: String) -> Bool { shapes[name] != nil }

  func ambiguous(_ reason: String) -> CLIPError { .ambiguous(file: file, reason: reason) }

  /// The length of one axis of a tensor that must have `rank` of them.
  func length(_ axis: Int, of name: String, rank: Int) throws -> Int {
    guard let shape = shapes[name] else {
      throw CLIPError.missingTensor(name: name, file: file, nearest: name.nearest(among: shapes.keys.sorted()))
    }
    // The bound keeps what is computed from two such numbers far from overflow.
    guard shape.count == rank, (1...1_000_000_000).contains(shape[axis]) else {
      throw ambiguous("tensor '\(name)' has shape \(shape), which gives no size")
    }
    return shape[axis]
  }

  /// E of a positional embedding `[1 + E², width]`.
  func edge(of name: String) throws -> Int {
    let rows = try length(0, of: name, rank: 2)
    let edge = Int(Double(rows - 1).squareRoot().rounded())
    guard edge > 0, edge * edge == rows - 1 else {
      throw ambiguous("tensor '\(name)' has \(rows) rows, which is no square of patches and one more")
    }
    return edge
  }

  func heads(ofWidth width: Int, in tower: String) throws -> Int {
    guard width % 64 == 0 else {
      throw ambiguous("its \(tower) tower has width \(width), which heads of 64 don't divide")
    }
    return width / 64
  }

  /// How many different numbers follow `prefix` in names.
  func count(under prefix: String) -> Int {
    Set(
      shapes.keys.filter { $0.hasPrefix(prefix) }.compactMap { $0.dropFirst(prefix.count).split(separator: ".").first }
    )
    .count
  }
}
