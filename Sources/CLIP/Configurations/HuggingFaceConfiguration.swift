import Foundation
import Images
import Support
import Torch

/// Reads `config.json` and `preprocessor_config.json` of a CLIP that `transformers` has saved.
///
/// These files repeat every setting of generation, training and tokenisation that the library has ever had, so a key
/// that changes no feature is ignored; each key that could is read or compared. Defaults are those of `CLIPConfig`.
enum HuggingFaceConfiguration {
  /// The files that may state the preprocessing; newer folders have it as a section of the second.
  static let preprocessing = ["preprocessor_config.json", "processor_config.json"]
  /// Pillow's numbers for its filters.
  static let filters: [(number: Int, interpolation: Interpolation)] = [(2, .bilinear), (3, .bicubic)]

  /// The ids that mean the end of a text: CLIP's own, and the 2 in files from before 2023, by which `transformers`
  /// means the highest id, which is the same.
  fileprivate static let endOfText = [49407, 2]
}

extension CLIPConfiguration {
  /// Reads a folder that `transformers.CLIPModel` has saved.
  ///
  /// - Throws: ``CLIPError/configuration(file:key:expected:found:)``, ``CLIPError/unsupported(file:option:)``.
  public init(huggingFace folder: URL) throws {
    var file = try ConfigurationFile(contentsOf: folder.appending(path: CheckpointFiles.huggingFaceConfiguration))
    _ = try file.supported("model_type", ["clip"], default: "")
    var vision = try file.tower("vision_config")
    var text = try file.tower("text_config")
    let activation = try vision.activation()
    guard try text.activation() == activation else { throw text.unsupported("hidden_act", "another than the images'") }
    let tower = try VisionTransformer.Configuration(&vision)
    let (preprocessing, assumptions) = try Preprocessing.read(huggingFace: folder, size: tower.imageSize)
    self.init(
      embeddingWidth: try file.positiveInteger("projection_dim", default: 512), image: .visionTransformer(tower),
      text: try TextTower(&text), activation: activation, preprocessing: preprocessing, assumptions: assumptions)
  }
}

extension ConfigurationFile {
  /// The settings of one tower. Old files have them twice; then the keys that end in `_dict` count, as in
  /// `transformers`.
  fileprivate mutating func tower(_ key: String) throws -> ConfigurationFile {
    passOverNull([key, "\(key)_dict"])
    return try sectionOrEmpty(has("\(key)_dict") ? "\(key)_dict" : key)
  }

  fileprivate mutating func activation() throws -> Activation {
    try supported("hidden_act", ["quick_gelu", "gelu"], default: "quick_gelu") == "gelu" ? .gelu : .quickGELU
  }

  fileprivate mutating func heads(_ standard: Int, dividing width: Int) throws -> Int {
    let heads = try positiveInteger("num_attention_heads", default: standard)
    guard width % heads == 0 else {
      throw wrong("num_attention_heads", expected: "a divisor of hidden_size \(width)", found: heads)
    }
    return heads
  }

  fileprivate mutating func normEpsilon() throws -> Double {
    passOverNull(["layer_norm_eps"])
    return try positiveNumber("layer_norm_eps", upTo: 1, default: 1e-5)
  }
}

extension CLIPConfiguration.TextTower {
  fileprivate init(_ section: inout ConfigurationFile) throws {
    let end = try section.positiveInteger("eos_token_id", default: 49407)
    guard HuggingFaceConfiguration.endOfText.contains(end) else { throw section.unsupported("eos_token_id", end) }
    let width = try section.positiveInteger("hidden_size", default: 512)
    let vocabularySize = try section.positiveInteger("vocab_size", default: 49408)
    guard vocabularySize >= 49408 else {
      throw section.wrong("vocab_size", expected: "at least 49408, as CLIP's tokenizer has", found: vocabularySize)
    }
    self.init(
      tokenLimit: try section.positiveInteger("max_position_embeddings", default: 77), vocabularySize: vocabularySize,
      width: width, heads: try section.heads(8, dividing: width),
      layers: try section.positiveInteger("num_hidden_layers", default: 12),
      mlpWidth: try section.positiveInteger("intermediate_size", default: 2048),
      normEpsilon: try section.normEpsilon())
  }
}

extension VisionTransformer.Configuration {
  fileprivate init(_ section: inout ConfigurationFile) throws {
    let channels = try section.positiveInteger("num_channels", default: 3)
    guard channels == 3 else { throw section.unsupported("num_channels", channels) }
    let width = try section.positiveInteger("hidden_size", default: 768)
    let imageSize = try section.edge("image_size", default: 224)
    let patchSize = try section.edge("patch_size", default: 32)
    guard patchSize <= imageSize else {
      throw section.wrong("patch_size", expected: "at most image_size \(imageSize)", found: patchSize)
    }
    self.init(
      imageSize: imageSize, patchSize: patchSize, width: width,
      layers: try section.positiveInteger("num_hidden_layers", default: 12),
      heads: try section.heads(12, dividing: width),
      mlpWidth: try section.positiveInteger("intermediate_size", default: 3072),
      normEpsilon: try section.normEpsilon())
  }
}

extension ConfigurationFile {
  /// The edge of a square, given as one number, as two equal ones, or as an object of `height` and `width`.
  fileprivate mutating func edge(_ key: String, default standard: Int? = nil) throws -> Int {
    var edges: [Int]
    if isList(key) {
      edges = try positiveIntegers(key, count: 2)
    } else if isObject(key) {
      var sides = try section(key)
      edges = [try sides.positiveInteger("height"), try sides.positiveInteger("width")]
    } else {
      edges = [try positiveInteger(key, default: standard)]
    }
    guard let edge = edges.first, edges.allSatisfy({ $0 == edge }) else { throw unsupported(key, edges) }
    return edge
  }
}

extension Preprocessing {
  /// Reads the folder's preprocessing; the default is OpenAI's, which all descendants of OpenAI's models keep.
  fileprivate static func read(
    huggingFace folder: URL, size: Int
  ) throws -> (preprocessing: Preprocessing, assumptions: [String]) {
    let files = HuggingFaceConfiguration.preprocessing.map { folder.appending(path: $0) }
    guard let url = files.first(where: RegularFile.exists) else {
      return (.openAI(size: size), ["no preprocessor_config.json: OpenAI's mean, deviation and bicubic resizing"])
    }
    var file = try ConfigurationFile(contentsOf: url)
    if file.isObject("image_processor") { file = try file.section("image_processor") }
    return (try Preprocessing(&file, size: size), [])
  }

  private init(_ file: inout ConfigurationFile, size: Int) throws {
    let types = ["CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor"]
    for key in ["image_processor_type", "feature_extractor_type"] where file.has(key) {
      _ = try file.supported(key, types, default: "")
    }
    try file.refuse(["use_square_size", "do_pad"])
    for step in ["do_resize", "do_rescale", "do_normalize"] where try !file.flag(step, default: true) {
      throw file.unsupported(step, "false")
    }
    self = .openAI(size: size)
    let factor = try file.positiveNumber("rescale_factor", upTo: 1, default: 1.0 / 255)
    guard abs(factor * 255 - 1) < 1e-6 else { throw file.unsupported("rescale_factor", factor) }
    if file.has("image_mean") { mean = try file.channels("image_mean") }
    if file.has("image_std") { standardDeviation = try file.channels("image_std") }
    guard standardDeviation.allSatisfy({ $0 > 0 }) else {
      throw file.wrong("image_std", expected: "three positive numbers", found: standardDeviation)
    }
    let filter = try file.positiveInteger("resample", default: 3)
    guard let known = HuggingFaceConfiguration.filters.first(where: { $0.number == filter }) else {
      throw file.unsupported("resample", filter)
    }
    interpolation = known.interpolation
    resizeMode = try Self.resizeMode(&file, size: size)
  }

  /// - Throws: ``CLIPError/unsupported(file:option:)`` where the result is not a square of the tower's size.
  private static func resizeMode(_ file: inout ConfigurationFile, size: Int) throws -> ResizeMode {
    let crops = try file.flag("do_center_crop", default: true)
    let crop = try file.edge("crop_size", default: 224)
    guard !crops || crop == size else { throw file.unsupported("crop_size", crop) }
    if file.isObject("size") {
      var edges = try file.section("size")
      if edges.has("height") {
        let (height, width) = (try edges.positiveInteger("height"), try edges.positiveInteger("width"))
        guard height == size, width == size else { throw file.unsupported("size", [height, width]) }
        return .squash
      }
      let edge = try edges.positiveInteger("shortest_edge")
      guard edge == size else { throw file.unsupported("size.shortest_edge", edge) }
    } else {
      let edge = try file.positiveInteger("size", default: 224)
      guard edge == size else { throw file.unsupported("size", edge) }
    }
    guard crops else { throw file.unsupported("do_center_crop", "false") }
    return .shortest
  }
}

extension CLIPConfiguration {
  /// The files `config.json` and `preprocessor_config.json`, which ``init(huggingFace:)`` reads as this configuration.
  ///
  /// - Throws: ``CLIPError/noCounterpart(form:architecture:part:)`` for a part that `transformers.CLIPModel` cannot
  ///   compute.
  package func huggingFaceFiles() throws -> (model: Data, preprocessing: Data) {
    func refused(_ part: String) -> CLIPError {
      .noCounterpart(form: "Hugging Face's CLIPModel", architecture: architecture, part: part)
    }
    guard case .visionTransformer(let tower) = image else { throw refused("its image tower, which is no transformer") }
    if !tower.hasInputNorm { throw refused("an image tower without its first norm") }
    if tower.hasLayerScale || text.hasLayerScale { throw refused("layer scale") }
    if tower.pooling != .classToken { throw refused("features that are a mean over tokens") }
    if text.projection != .matrix { throw refused("its projection of texts") }
    if preprocessing.resizeMode == .longest { throw refused("resizing by the longest edge") }
    let act = activation == .quickGELU ? "quick_gelu" : "gelu"
    var vision = Self.huggingFace(
      width: tower.width, heads: tower.heads, layers: tower.layers, mlp: tower.mlpWidth,
      epsilon: tower.normEpsilon, act: act, embedding: embeddingWidth)
    vision.merge(
      [
        "model_type": "clip_vision_model", "image_size": .integer(tower.imageSize),
        "patch_size": .integer(tower.patchSize), "num_channels": 3,
      ]
    ) { $1 }
    var texts = Self.huggingFace(
      width: text.width, heads: text.heads, layers: text.layers, mlp: text.mlpWidth,
      epsilon: text.normEpsilon, act: act, embedding: embeddingWidth)
    texts.merge(
      [
        "model_type": "clip_text_model", "max_position_embeddings": .integer(text.tokenLimit),
        "vocab_size": .integer(text.vocabularySize), "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 1,
      ]
    ) { $1 }
    let model: JSONValue = [
      "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": .integer(embeddingWidth),
      "text_config": .object(texts), "vision_config": .object(vision),
    ]
    return (try model.document(), try preprocessing.huggingFace.document())
  }

  private static func huggingFace(
    width: Int, heads: Int, layers: Int, mlp: Int, epsilon: Double, act: String, embedding: Int
  ) -> [String: JSONValue] {
    [
      "hidden_size": .integer(width), "num_attention_heads": .integer(heads), "num_hidden_layers": .integer(layers),
      "intermediate_size": .integer(mlp), "layer_norm_eps": .number(epsilon), "hidden_act": .string(act),
      "projection_dim": .integer(embedding),
    ]
  }
}

extension Preprocessing {
  fileprivate var huggingFace: JSONValue {
    let square: JSONValue = ["height": .integer(size), "width": .integer(size)]
    let filter = HuggingFaceConfiguration.filters.first { $0.interpolation == interpolation }?.number ?? 3
    return [
      "image_processor_type": "CLIPImageProcessor", "do_convert_rgb": true, "do_rescale": true,
      "rescale_factor": .number(1.0 / 255), "do_normalize": true,
      "image_mean": .array(mean.map(JSONValue.init(shortest:))),
      "image_std": .array(standardDeviation.map(JSONValue.init(shortest:))), "do_resize": true,
      "resample": .integer(filter), "size": resizeMode == .squash ? square : ["shortest_edge": .integer(size)],
      "do_center_crop": .bool(resizeMode == .shortest),
      "crop_size": square,
    ]
  }
}
