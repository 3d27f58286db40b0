import Images
import Support
import Torch

/// Infers the architecture of a checkpoint without a configuration from the names and shapes of its tensors.
///
/// OpenAI's own loader does this for its published files (`build_model` in `clip/model.py`). Settings that tensors
/// don't show are those of these files, and are listed in ``assumptions``: QuickGELU, heads of 64, the pixels'
/// statistics.
extension CLIPConfiguration {
  /// - Parameters:
  ///   - shapes: the shapes of all tensors, by OpenAI's names: `visual.conv1.weight`,
  ///     `transformer.resblocks.0.ln_1.weight`, …
  ///   - file: the checkpoint's name in errors.
  /// - Throws: ``CLIPError/foreign(file:kind:remedy:)`` where the tensors are not a CLIP's,
  ///   ``CLIPError/ambiguous(file:reason:)`` where they are a CLIP's but do not determine its architecture.
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
      mlpWidth: try tensors.length(0, of: "transformer.resblocks.0.mlp.c_fc.weight", rank: 2),
      hasLayerScale: tensors.has("transformer.resblocks.0.ls_1.gamma"))
  }
}

extension VisionTransformer.Configuration {
  fileprivate init(inferredFrom tensors: TensorShapes) throws {
    let width = try tensors.length(0, of: "visual.conv1.weight", rank: 4)
    let patchSize = try tensors.length(3, of: "visual.conv1.weight", rank: 4)
    // The widths of open_clip's own models with heads of 80, 88, 104 and 112.
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
      mlpWidth: try tensors.length(0, of: "visual.transformer.resblocks.0.mlp.c_fc.weight", rank: 2),
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

/// The names and shapes of a file, with queries for single dimensions.
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
    // The bound keeps products of two such numbers far from overflow.
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

  /// The number of different integers that follow `prefix` in names.
  func count(under prefix: String) -> Int {
    Set(
      shapes.keys.filter { $0.hasPrefix(prefix) }.compactMap { $0.dropFirst(prefix.count).split(separator: ".").first }
    )
    .count
  }
}

/// The names of architectures that many checkpoints share.
///
/// OpenAI's nine are ``OpenAIModel``; these are open_clip's own, by the sizes in its `model_configs`.
struct KnownArchitecture {
  private let name: String
  private let embeddingWidth: Int
  private let vision: VisionTransformer.Configuration
  private let text: CLIPConfiguration.TextTower

  private init(
    _ name: String, embedding: Int, image: Int = 224, patch: Int, width: Int, layers: Int, headWidth: Int = 64,
    mlp: Int? = nil, text: (width: Int, layers: Int)
  ) {
    self.name = name
    embeddingWidth = embedding
    vision = .init(
      imageSize: image, patchSize: patch, width: width, layers: layers, heads: width / headWidth,
      mlpWidth: mlp)
    self.text = .init(width: text.width, heads: text.width / 64, layers: text.layers)
  }

  private static let openCLIP = [
    KnownArchitecture("ViT-S/32", embedding: 384, patch: 32, width: 384, layers: 12, text: (384, 12)),
    KnownArchitecture("ViT-S/16", embedding: 384, patch: 16, width: 384, layers: 12, text: (384, 12)),
    KnownArchitecture("ViT-M/32", embedding: 512, patch: 32, width: 512, layers: 12, text: (512, 12)),
    KnownArchitecture("ViT-M/16", embedding: 512, patch: 16, width: 512, layers: 12, text: (512, 12)),
    KnownArchitecture("ViT-B/32-256", embedding: 512, image: 256, patch: 32, width: 768, layers: 12, text: (512, 12)),
    KnownArchitecture("ViT-B/32+", embedding: 640, image: 256, patch: 32, width: 896, layers: 12, text: (640, 12)),
    KnownArchitecture("ViT-B/16+", embedding: 640, patch: 16, width: 896, layers: 12, text: (640, 12)),
    KnownArchitecture("ViT-B/16+ 240", embedding: 640, image: 240, patch: 16, width: 896, layers: 12, text: (640, 12)),
    KnownArchitecture("ViT-L/16", embedding: 768, patch: 16, width: 1024, layers: 24, text: (768, 12)),
    KnownArchitecture(
      "ViT-L/14@280px", embedding: 768, image: 280, patch: 14, width: 1024, layers: 24, text: (768, 12)),
    KnownArchitecture("ViT-H/16", embedding: 1024, patch: 16, width: 1280, layers: 32, headWidth: 80, text: (1024, 24)),
    KnownArchitecture("ViT-H/14", embedding: 1024, patch: 14, width: 1280, layers: 32, headWidth: 80, text: (1024, 24)),
    KnownArchitecture(
      "ViT-H/14@378px", embedding: 1024, image: 378, patch: 14, width: 1280, layers: 32, headWidth: 80,
      text: (1024, 24)),
    KnownArchitecture(
      "ViT-g/14", embedding: 1024, patch: 14, width: 1408, layers: 40, headWidth: 88, mlp: 6144,
      text: (1024, 24)),
    KnownArchitecture(
      "ViT-bigG/14", embedding: 1280, patch: 14, width: 1664, layers: 48, headWidth: 104, mlp: 8192,
      text: (1280, 32)),
  ]

  fileprivate static func name(of configuration: CLIPConfiguration) -> String? {
    let openAI = OpenAIModel.allCases.first { model in
      let known = CLIPConfiguration.openAI(model)
      return known.embeddingWidth == configuration.embeddingWidth && known.image == configuration.image
        && known.text == configuration.text
    }
    guard openAI == nil else { return openAI?.rawValue }
    return openCLIP.first {
      $0.embeddingWidth == configuration.embeddingWidth && .visionTransformer($0.vision) == configuration.image
        && $0.text == configuration.text
    }?.name
  }
}

extension CLIPConfiguration {
  /// The architecture's name, such as "ViT-B/16", or its sizes, where it has no name.
  public var architecture: String {
    KnownArchitecture.name(of: self)
      ?? "\(image.description), beside a text tower of width \(text.width) and \(text.layers) layers"
  }
}

/// The nine models that OpenAI published, by the names of `clip.available_models()`.
///
/// Source: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021, tables 19 and
/// 20.
public enum OpenAIModel: String, Sendable, CaseIterable {
  case rn50 = "RN50"
  case rn101 = "RN101"
  case rn50x4 = "RN50x4"
  case rn50x16 = "RN50x16"
  case rn50x64 = "RN50x64"
  case viTB32 = "ViT-B/32"
  case viTB16 = "ViT-B/16"
  case viTL14 = "ViT-L/14"
  case viTL14At336 = "ViT-L/14@336px"

  fileprivate var embeddingWidth: Int {
    switch self {
    case .rn50, .rn50x64: 1024
    case .rn50x4: 640
    case .rn50x16, .viTL14, .viTL14At336: 768
    case .rn101, .viTB32, .viTB16: 512
    }
  }

  /// D, the width of the text tower; its heads are 64 wide.
  fileprivate var textWidth: Int {
    switch self {
    case .rn50x4: 640
    case .rn50x16, .viTL14, .viTL14At336: 768
    case .rn50x64: 1024
    case .rn50, .rn101, .viTB32, .viTB16: 512
    }
  }

  fileprivate var imageTower: CLIPConfiguration.ImageTower {
    switch self {
    case .rn50: .modifiedResNet(.init(imageSize: 224, width: 64, blocks: [3, 4, 6, 3]))
    case .rn101: .modifiedResNet(.init(imageSize: 224, width: 64, blocks: [3, 4, 23, 3]))
    case .rn50x4: .modifiedResNet(.init(imageSize: 288, width: 80, blocks: [4, 6, 10, 6]))
    case .rn50x16: .modifiedResNet(.init(imageSize: 384, width: 96, blocks: [6, 8, 18, 8]))
    case .rn50x64: .modifiedResNet(.init(imageSize: 448, width: 128, blocks: [3, 15, 36, 10]))
    case .viTB32: .visionTransformer(.init(imageSize: 224, patchSize: 32, width: 768, layers: 12, heads: 12))
    case .viTB16: .visionTransformer(.init(imageSize: 224, patchSize: 16, width: 768, layers: 12, heads: 12))
    case .viTL14: .visionTransformer(.init(imageSize: 224, patchSize: 14, width: 1024, layers: 24, heads: 16))
    case .viTL14At336: .visionTransformer(.init(imageSize: 336, patchSize: 14, width: 1024, layers: 24, heads: 16))
    }
  }
}

extension CLIPConfiguration {
  /// The architecture and the pixels of a model that OpenAI published.
  public static func openAI(_ model: OpenAIModel) -> CLIPConfiguration {
    CLIPConfiguration(
      embeddingWidth: model.embeddingWidth, image: model.imageTower,
      text: TextTower(width: model.textWidth, heads: model.textWidth / 64), activation: .quickGELU,
      preprocessing: .openAI(size: model.imageTower.imageSize ?? 224))
  }
}

extension CLIPConfiguration.ImageTower {
  /// The edge of the square input of the tower, in pixels; `nil` where any size is possible.
  var imageSize: Int? {
    switch self {
    case .visionTransformer(let tower): tower.imageSize
    case .modifiedResNet(let tower): tower.imageSize
    case .efficientNetLite: nil
    }
  }
}

extension Preprocessing {
  /// The preprocessing of OpenAI's models: the smaller edge resized by cubic convolution, and their data's statistics.
  public static func openAI(size: Int) -> Preprocessing {
    Preprocessing(
      size: size, mean: [0.48145466, 0.4578275, 0.40821073], standardDeviation: [0.26862954, 0.26130258, 0.27577711])
  }
}
