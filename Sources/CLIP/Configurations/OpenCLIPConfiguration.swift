import Foundation
import Images
import Support
import Torch

/// Reads open_clip's configuration files, with the meaning and the defaults that open_clip 3.3.0 gives each key.
///
/// A key is either understood, or refused by name: nothing that changes the result is ignored. Keys that change nothing
/// in a forward pass (dropout, initial values, start of the training) are accepted.
///
/// Source: `CLIPVisionCfg`, `CLIPTextCfg` and the builders below them, in open_clip's `model.py`.
extension CLIPConfiguration {
  /// Reads `open_clip_config.json`.
  ///
  /// - Throws: ``CLIPError/configuration(file:key:expected:found:)`` and ``CLIPError/unsupported(file:option:)``.
  public init(openCLIP url: URL) throws {
    var file = try ConfigurationFile(contentsOf: url)
    var model = try file.section("model_cfg")
    try model.refuse(["multimodal_cfg"])  // CoCa
    let embeddingWidth = try model.positiveInteger("embed_dim")
    let activation: Activation = try model.flag("quick_gelu", default: false) ? .quickGELU : .gelu
    let text = try TextTower(&model, embeddingWidth: embeddingWidth)
    let (image, imageSize) = try ImageTower.read(&model, embeddingWidth: embeddingWidth)
    try model.refuse(["init_logit_bias", "nonscalar_logit_scale"])  // SigLIP's
    model.passOver(["custom_text", "init_logit_scale"])  // the tensors' location in the file; the start of training
    let (preprocessing, assumptions) = try Preprocessing.read(&file, size: imageSize)
    try model.finish()
    try file.finish()
    self.init(
      embeddingWidth: embeddingWidth, image: image, text: text, activation: activation, preprocessing: preprocessing,
      assumptions: assumptions)
  }

  /// The settings of a tower's transformer blocks besides width, heads and layers.
  fileprivate struct Blocks {
    let mlpWidth: Int
    let hasLayerScale: Bool
    let normEpsilon: Double

    init(_ section: inout ConfigurationFile, width: Int) throws {
      section.passOverNull(["ls_init_value", "norm_kwargs"])
      let ratio = try section.positiveNumber("mlp_ratio", upTo: 1000, default: 4)
      mlpWidth = Int(Double(width) * ratio)
      guard mlpWidth > 0 else {
        throw section.wrong("mlp_ratio", expected: "a ratio that gives a width", found: ratio)
      }
      hasLayerScale = section.has("ls_init_value")
      section.passOver(["ls_init_value"])  // the trained scales are in the file of weights
      normEpsilon = try Self.normEpsilon(&section)
      // Both names mean the same arithmetic as long as none of the additions below is requested.
      _ = try section.supported("block_type", ["default", "custom", ""], default: "")
      try section.refuse([
        "act_kwargs", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc",
      ])
      section.passOver(["output_tokens"])  // whether the hidden states are returned with the feature
    }

    private static func normEpsilon(_ section: inout ConfigurationFile) throws -> Double {
      guard section.has("norm_kwargs") else { return 1e-5 }
      var norm = try section.section("norm_kwargs")
      defer { section.passOver(["norm_kwargs"]) }
      let epsilon = try norm.positiveNumber("eps", upTo: 1, default: 1e-5)
      try norm.finish()
      return epsilon
    }
  }
}

extension CLIPConfiguration.TextTower {
  /// The end of text is the largest id of CLIP's vocabulary.
  private static let endOfText = 49407

  fileprivate init(_ model: inout ConfigurationFile, embeddingWidth: Int) throws {
    var section = try model.section("text_cfg")
    // Another transformer, another tokenizer, non-causal attention, a feature that is not read at the end.
    try section.refuse([
      "hf_model_name", "hf_tokenizer_name", "no_causal_mask", "embed_cls", "tokenizer_mode", "tokenizer_kwargs",
    ])
    if try section.supported("pool_type", ["argmax", "eos"], default: "argmax") == "eos" {
      let id = try section.positiveInteger("eos_id", default: 2)
      guard id == Self.endOfText else { throw section.unsupported("eos_id", id) }
    }
    // Without padding masks, padding is not attended to; pooling comes last, and a norm of each row commutes with it.
    section.passOver([
      "pad_id", "eos_id", "final_ln_after_pool", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type",
    ])
    let width = try section.positiveInteger("width", default: 512)
    let heads = try section.positiveInteger("heads", default: 8)
    guard width % heads == 0 else {
      throw section.wrong("heads", expected: "a divisor of width \(width)", found: heads)
    }
    let vocabularySize = try section.positiveInteger("vocab_size", default: Self.endOfText + 1)
    guard vocabularySize > Self.endOfText else {
      throw section.wrong(
        "vocab_size", expected: "at least \(Self.endOfText + 1), as many as CLIP's tokenizer has", found: vocabularySize
      )
    }
    let blocks = try CLIPConfiguration.Blocks(&section, width: width)
    self.init(
      tokenLimit: try section.positiveInteger("context_length", default: 77), vocabularySize: vocabularySize,
      width: width, heads: heads, layers: try section.positiveInteger("layers", default: 12),
      mlpWidth: blocks.mlpWidth, hasLayerScale: blocks.hasLayerScale, normEpsilon: blocks.normEpsilon,
      projection: try Self.projection(&section, width: width, embeddingWidth: embeddingWidth))
    try section.finish()
  }

  private static func projection(
    _ section: inout ConfigurationFile, width: Int, embeddingWidth: Int
  ) throws -> Projection {
    let isBiased = try section.flag("proj_bias", default: false)
    guard try section.supported("proj_type", ["linear", "none"], default: "linear") == "none" else {
      return isBiased ? .biased : .matrix
    }
    guard width == embeddingWidth else {
      throw section.wrong("proj_type", expected: "'linear' from width \(width) to \(embeddingWidth)", found: "none")
    }
    return .none
  }
}

extension CLIPConfiguration.ImageTower {
  /// The tower and the edge of its square input, in pixels.
  fileprivate static func read(
    _ model: inout ConfigurationFile, embeddingWidth: Int
  ) throws -> (Self, imageSize: Int) {
    var section = try model.section("vision_cfg")
    section.passOverNull(["timm_model_name"])
    let imageSize = try imageSize(&section)
    let tower: Self =
      if section.has("timm_model_name") {
        .efficientNetLite(try .init(&section, embeddingWidth: embeddingWidth))
      } else if section.isList("layers") {
        .modifiedResNet(try .init(&section, imageSize: imageSize))
      } else {
        .visionTransformer(try .init(&section, imageSize: imageSize))
      }
    // Settings of training alone, or of another kind of tower.
    section.passOver([
      "patch_dropout", "timm_model_pretrained", "timm_drop", "timm_drop_path", "timm_pool", "timm_proj",
      "timm_proj_bias",
    ])
    try section.finish()
    return (tower, imageSize)
  }

  private static func imageSize(_ section: inout ConfigurationFile) throws -> Int {
    guard section.isList("image_size") else { return try section.positiveInteger("image_size", default: 224) }
    let edges = try section.positiveIntegers("image_size", count: 2)
    guard edges[0] == edges[1] else { throw section.unsupported("image_size", edges) }
    return edges[0]
  }
}

extension VisionTransformer.Configuration {
  fileprivate init(_ section: inout ConfigurationFile, imageSize: Int) throws {
    try section.refuse(["attentional_pool", "input_patchnorm"])  // CoCa's, and one that open_clip dropped
    section.passOver(["attn_pooler_queries", "attn_pooler_heads"])
    // The initial embeddings; the trained ones are in the file of weights.
    _ = try section.supported("pos_embed_type", ["learnable", "sin_cos_2d"], default: "learnable")
    let width = try section.positiveInteger("width", default: 768)
    let headWidth = try section.positiveInteger("head_width", default: 64)
    let patchSize = try section.positiveInteger("patch_size", default: 16)
    guard headWidth <= width, width % (width / headWidth) == 0 else {
      throw section.wrong("head_width", expected: "a divisor of width \(width)", found: headWidth)
    }
    guard patchSize <= imageSize else {
      throw section.wrong("patch_size", expected: "at most image_size \(imageSize)", found: patchSize)
    }
    let blocks = try CLIPConfiguration.Blocks(&section, width: width)
    let (pooling, normalizesAfterPooling) = try Self.readPooling(&section)
    self.init(
      imageSize: imageSize, patchSize: patchSize, width: width,
      layers: try section.positiveInteger("layers", default: 12), heads: width / headWidth,
      mlpWidth: blocks.mlpWidth, hasLayerScale: blocks.hasLayerScale, normEpsilon: blocks.normEpsilon,
      hasInputNorm: try !section.flag("no_ln_pre", default: false), pooling: pooling,
      normalizesAfterPooling: normalizesAfterPooling)
  }

  private static func readPooling(_ section: inout ConfigurationFile) throws -> (VisionTransformer.Pooling, Bool) {
    let normalizesAfterPooling = try section.flag("final_ln_after_pool", default: false)
    let pool = try section.supported("pool_type", ["tok", "avg"], default: "tok")
    // The key of open_clip 2 before `pool_type`: it averages the class token too, and normalises afterwards.
    guard try !section.flag("global_average_pool", default: false) else { return (.averageOfTokens, true) }
    return (pool == "avg" ? .averageOfPatches : .classToken, normalizesAfterPooling)
  }
}

extension ModifiedResNet.Configuration {
  fileprivate init(_ section: inout ConfigurationFile, imageSize: Int) throws {
    section.passOverNull(["patch_size"])
    let blocks = try section.positiveIntegers("layers", count: 4)
    let width = try section.positiveInteger("width", default: 64)
    let headWidth = try section.positiveInteger("head_width", default: 64)
    let heads = 32 * width / headWidth
    guard width % 2 == 0 else { throw section.wrong("width", expected: "an even number", found: width) }
    guard heads > 0, 32 * width % heads == 0 else {
      throw section.wrong("head_width", expected: "a divisor of \(32 * width)", found: headWidth)
    }
    guard imageSize >= 32 else { throw section.wrong("image_size", expected: "at least 32", found: imageSize) }
    self.init(imageSize: imageSize, width: width, blocks: blocks, heads: heads)
  }
}

extension EfficientNetLite.Configuration {
  fileprivate init(_ section: inout ConfigurationFile, embeddingWidth: Int) throws {
    let names = EfficientNetLite.Variant.allCases.map { "tf_efficientnet_lite\($0.rawValue)" }
    let name = try section.supported("timm_model_name", names, default: "")
    let isBiased = try section.flag("timm_proj_bias", default: false)
    let projection = try section.supported("timm_proj", ["linear", "none", ""], default: "linear")
    // Without a pool of its own, a linear projection follows timm's pool, which averages; nothing else does.
    _ = try section.supported("timm_pool", projection == "linear" ? ["avg", ""] : ["avg"], default: "avg")
    guard projection != "none" || embeddingWidth == EfficientNetLite.featureWidth else {
      throw section.wrong(
        "timm_proj", expected: "'linear' from width \(EfficientNetLite.featureWidth) to \(embeddingWidth)",
        found: "none")
    }
    self.init(
      variant: EfficientNetLite.Variant.allCases[names.firstIndex(of: name) ?? 0],
      projection: projection == "linear" ? .linear(hasBias: isBiased) : projection == "none" ? .none : .classifier)
  }
}

extension CLIPConfiguration {
  /// The file `open_clip_config.json`, which ``init(openCLIP:)`` reads as this configuration.
  ///
  /// - Throws: ``CLIPError/noCounterpart(form:architecture:part:)`` for a part that open_clip 3 has no key for.
  package func openCLIPFile() throws -> Data {
    var model: [String: JSONValue] = ["embed_dim": .integer(embeddingWidth), "text_cfg": .object(text.openCLIP)]
    if activation == .quickGELU { model["quick_gelu"] = true }
    switch image {
    case .visionTransformer(let tower):
      guard tower.pooling != .averageOfTokens else {
        throw CLIPError.noCounterpart(form: "open_clip", architecture: architecture, part: "the mean over all tokens")
      }
      model["vision_cfg"] = .object(tower.openCLIP)
    case .modifiedResNet(let tower):
      model["vision_cfg"] = [
        "image_size": .integer(tower.imageSize), "layers": .array(tower.blocks.map(JSONValue.integer)),
        "width": .integer(tower.width), "head_width": .integer(32 * tower.width / tower.heads),
      ]
    case .efficientNetLite(let tower): model["vision_cfg"] = .object(tower.openCLIP(imageSize: preprocessing.size))
    }
    let pixels: JSONValue = [
      "mean": .array(preprocessing.mean.map(JSONValue.init(shortest:))),
      "std": .array(preprocessing.standardDeviation.map(JSONValue.init(shortest:))),
      "interpolation": .string(preprocessing.interpolation.rawValue),
      "resize_mode": .string(preprocessing.resizeMode.rawValue),
    ]
    return try JSONValue.object(["model_cfg": .object(model), "preprocess_cfg": pixels]).document()
  }
}

extension VisionTransformer.Configuration {
  fileprivate var openCLIP: [String: JSONValue] {
    var section: [String: JSONValue] = [
      "image_size": .integer(imageSize), "patch_size": .integer(patchSize), "head_width": .integer(width / heads),
    ]
    section.addBlocks(
      width: width, layers: layers, mlp: mlpWidth, layerScale: hasLayerScale, epsilon: normEpsilon)
    if !hasInputNorm { section["no_ln_pre"] = true }
    if pooling == .averageOfPatches { section["pool_type"] = "avg" }
    if normalizesAfterPooling { section["final_ln_after_pool"] = true }
    return section
  }
}

extension CLIPConfiguration.TextTower {
  fileprivate var openCLIP: [String: JSONValue] {
    var section: [String: JSONValue] = [
      "context_length": .integer(tokenLimit), "vocab_size": .integer(vocabularySize), "heads": .integer(heads),
    ]
    section.addBlocks(
      width: width, layers: layers, mlp: mlpWidth, layerScale: hasLayerScale, epsilon: normEpsilon)
    switch projection {
    case .matrix: break
    case .biased: section["proj_bias"] = true
    case .none: section["proj_type"] = "none"
    }
    return section
  }
}

extension EfficientNetLite.Configuration {
  fileprivate func openCLIP(imageSize: Int) -> [String: JSONValue] {
    var section: [String: JSONValue] = [
      "image_size": .integer(imageSize), "timm_model_name": .string("tf_efficientnet_lite\(variant.rawValue)"),
      "timm_pool": "avg", "timm_model_pretrained": false,
    ]
    switch projection {
    case .linear(let hasBias):
      section["timm_proj"] = "linear"
      if hasBias { section["timm_proj_bias"] = true }
    case .classifier: section["timm_proj"] = ""
    case .none: section["timm_proj"] = "none"
    }
    return section
  }
}

extension [String: JSONValue] {
  fileprivate mutating func addBlocks(width: Int, layers: Int, mlp: Int, layerScale: Bool, epsilon: Double) {
    self["width"] = .integer(width)
    self["layers"] = .integer(layers)
    if mlp != 4 * width {
      let ratio = Double(mlp) / Double(width)
      // The reader rounds down.
      self["mlp_ratio"] = .number(Int(Double(width) * ratio) == mlp ? ratio : ratio.nextUp)
    }
    if layerScale { self["ls_init_value"] = 1.0 }  // the trained scales are in the file of weights
    if epsilon != 1e-5 { self["norm_kwargs"] = ["eps": .number(epsilon)] }
  }
}

extension JSONValue {
  /// The number that has the shortest spelling among those that round to `value`, so that 0.48145466 stays so.
  init(shortest value: Float) { self = .number(Double(value.description) ?? Double(value)) }
}
