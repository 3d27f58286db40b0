import Explanations
import Foundation

extension CLIPConfiguration {
  /// `open_clip_config.json`, which ``init(openCLIP:)`` reads as this configuration.
  ///
  /// - Throws: ``CLIPError/noCounterpart(form:architecture:part:)`` for what open_clip 3 has no key for.
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
      width: width, layers: layers, perceptron: perceptronWidth, layerScale: hasLayerScale, epsilon: normEpsilon)
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
      width: width, layers: layers, perceptron: perceptronWidth, layerScale: hasLayerScale, epsilon: normEpsilon)
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
  fileprivate mutating func addBlocks(width: Int, layers: Int, perceptron: Int, layerScale: Bool, epsilon: Double) {
    self["width"] = .integer(width)
    self["layers"] = .integer(layers)
    if perceptron != 4 * width {
      let ratio = Double(perceptron) / Double(width)
      // The reader rounds down.
      self["mlp_ratio"] = .number(Int(Double(width) * ratio) == perceptron ? ratio : ratio.nextUp)
    }
    if layerScale { self["ls_init_value"] = 1.0 }  // the trained scales are in the file of weights
    if epsilon != 1e-5 { self["norm_kwargs"] = ["eps": .number(epsilon)] }
  }
}

extension JSONValue {
  /// The number that has the shortest spelling among those that round to `value`, so that 0.48145466 stays so.
  init(shortest value: Float) { self = .number(Double(value.description) ?? Double(value)) }
}
