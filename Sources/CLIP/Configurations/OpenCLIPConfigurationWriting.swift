import Foundation

extension CLIPConfiguration {
  /// `open_clip_config.json`, which ``init(openCLIP:)`` reads as this configuration.
  ///
  /// - Throws: ``CLIPError/noCounterpart(form:architecture:part:)`` for what open_clip 3 has no key for.
  package func openCLIPFile() throws -> Data {
    var model: [String: Any] = ["embed_dim": embeddingWidth, "text_cfg": text.openCLIP]
    if activation == .quickGELU { model["quick_gelu"] = true }
    switch image {
    case .visionTransformer(let tower):
      guard tower.pooling != .averageOfTokens else {
        throw CLIPError.noCounterpart(form: "open_clip", architecture: architecture, part: "the mean over all tokens")
      }
      model["vision_cfg"] = tower.openCLIP
    case .modifiedResNet(let tower):
      model["vision_cfg"] =
        [
          "image_size": tower.imageSize, "layers": tower.blocks, "width": tower.width,
          "head_width": 32 * tower.width / tower.heads,
        ] as [String: Any]
    case .efficientNetLite(let tower): model["vision_cfg"] = tower.openCLIP(imageSize: preprocessing.size)
    }
    let pixels: [String: Any] = [
      "mean": preprocessing.mean.map(Double.init(shortest:)),
      "std": preprocessing.standardDeviation.map(Double.init(shortest:)),
      "interpolation": preprocessing.interpolation.rawValue, "resize_mode": preprocessing.resizeMode.rawValue,
    ]
    return try JSON.file(["model_cfg": model, "preprocess_cfg": pixels])
  }
}

extension VisionTransformer.Configuration {
  fileprivate var openCLIP: [String: Any] {
    var section: [String: Any] = ["image_size": imageSize, "patch_size": patchSize, "head_width": width / heads]
    section.addBlocks(
      width: width, layers: layers, perceptron: perceptronWidth, layerScale: hasLayerScale, epsilon: normEpsilon)
    if !hasInputNorm { section["no_ln_pre"] = true }
    if pooling == .averageOfPatches { section["pool_type"] = "avg" }
    if normalizesAfterPooling { section["final_ln_after_pool"] = true }
    return section
  }
}

extension CLIPConfiguration.TextTower {
  fileprivate var openCLIP: [String: Any] {
    var section: [String: Any] = ["context_length": tokenLimit, "vocab_size": vocabularySize, "heads": heads]
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
  fileprivate func openCLIP(imageSize: Int) -> [String: Any] {
    var section: [String: Any] = [
      "image_size": imageSize, "timm_model_name": "tf_efficientnet_lite\(variant.rawValue)", "timm_pool": "avg",
      "timm_model_pretrained": false,
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

extension [String: Any] {
  fileprivate mutating func addBlocks(width: Int, layers: Int, perceptron: Int, layerScale: Bool, epsilon: Double) {
    self["width"] = width
    self["layers"] = layers
    if perceptron != 4 * width {
      let ratio = Double(perceptron) / Double(width)
      self["mlp_ratio"] = Int(Double(width) * ratio) == perceptron ? ratio : ratio.nextUp  // the reader rounds down
    }
    if layerScale { self["ls_init_value"] = 1.0 }  // the trained scales are in the file of weights
    if epsilon != 1e-5 { self["norm_kwargs"] = ["eps": epsilon] }
  }
}
