import CLIP
import Dispatch
import Foundation
import Support
import Torch

/// Weights from a formula, as Scripts/oracle/formula_weights.py defines it: a random model without a file.
public enum FormulaWeights {
  /// The state from which splitmix64 starts: FNV-1a, 64 bits, of the name.
  public static func state(of name: String) -> UInt64 {
    name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  /// Output `index`, from 0, of splitmix64.
  @inline(__always)
  public static func word(_ index: Int, from state: UInt64) -> UInt64 {
    var words = SplitMix64(state: state &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)  // its state grows by a constant
    return words.next()
  }

  /// Values uniform in offset ± scale.
  public static func values(_ name: String, _ shape: [Int], scale: Double, offset: Double = 0) throws -> Tensor {
    let state = state(of: name)
    let count = shape.reduce(1, *)
    let part = 1 << 20
    let elements = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      nonisolated(unsafe) let buffer = buffer  // each iteration writes a range of its own
      DispatchQueue.concurrentPerform(iterations: (count + part - 1) / part) { index in
        for i in index * part..<min(count, (index + 1) * part) {
          buffer[i] = Float(offset + scale * (Double(word(i, from: state) >> 40) / 0x1p23 - 1))
        }
      }
      initialized = count
    }
    return try Tensor(elements, shape: shape)
  }

  /// The weight of a layer, in a range that follows from its name and shape.
  public static func weight(_ name: String, _ shape: [Int]) throws -> Tensor {
    let parts = name.split(separator: ".")
    let last = String(parts.last ?? "")
    let lastTwo = parts.suffix(2).joined(separator: ".")
    if shape.count == 1, last == "weight" { return try values(name, shape, scale: 0.1, offset: 1) }  // of a norm
    if last == "running_var" { return try values(name, shape, scale: 0.5, offset: 1) }
    if last == "gamma" { return try values(name, shape, scale: 0.2, offset: 0.5) }
    if name == "logit_scale" { return try values(name, shape, scale: 0, offset: log(100)) }
    if lastTwo == "token_embedding.weight" || ["positional_embedding", "class_embedding"].contains(last) {
      return try values(name, shape, scale: 0.05)
    }
    guard shape.count >= 2 else { return try values(name, shape, scale: 0.05) }
    let multipliesFromTheRight = ["proj", "text_projection"].contains(last)
    let inputs = multipliesFromTheRight ? shape[0] : shape[1...].reduce(1, *)
    return try values(name, shape, scale: (3 / Double(inputs)).squareRoot() * 0.8)
  }
}

extension FormulaWeights {
  /// Every tensor of a CLIP with a vision transformer, by open_clip's names.
  public static func tensors(
    _ vision: VisionTransformer.Configuration, _ text: CLIPConfiguration.TextTower, embeddingWidth: Int
  ) throws -> [String: Tensor] {
    let patchesPerEdge = vision.imageSize / vision.patchSize
    var shapes: [String: [Int]] = [
      "visual.conv1.weight": [vision.width, 3, vision.patchSize, vision.patchSize],
      "visual.class_embedding": [vision.width],
      "visual.positional_embedding": [1 + patchesPerEdge * patchesPerEdge, vision.width],
      "visual.proj": [vision.width, embeddingWidth],
      "token_embedding.weight": [text.vocabularySize, text.width],
      "positional_embedding": [text.tokenLimit, text.width],
      "text_projection": [text.width, embeddingWidth],
      "logit_scale": [],
    ]
    func addNorm(_ path: String, _ width: Int) {
      shapes["\(path).weight"] = [width]
      shapes["\(path).bias"] = [width]
    }
    func addBlocks(_ path: String, layers: Int, width: Int) {
      for block in (0..<layers).map({ "\(path).resblocks.\($0)" }) {
        for norm in ["ln_1", "ln_2"] { addNorm("\(block).\(norm)", width) }
        shapes["\(block).attn.in_proj_weight"] = [3 * width, width]
        shapes["\(block).attn.in_proj_bias"] = [3 * width]
        let linears = [
          ("attn.out_proj", width, width), ("mlp.c_fc", 4 * width, width), ("mlp.c_proj", width, 4 * width),
        ]
        for (layer, output, input) in linears {
          shapes["\(block).\(layer).weight"] = [output, input]
          shapes["\(block).\(layer).bias"] = [output]
        }
      }
    }
    for norm in ["ln_pre", "ln_post"] { addNorm("visual.\(norm)", vision.width) }
    addNorm("ln_final", text.width)
    addBlocks("visual.transformer", layers: vision.layers, width: vision.width)
    addBlocks("transformer", layers: text.layers, width: text.width)
    return try Dictionary(uniqueKeysWithValues: shapes.map { ($0, try weight($0, $1)) })
  }

  /// OpenAI's preprocessing at 224 × 224, or at another size.
  public static func preprocessing(size: Int = 224) -> Preprocessing {
    Preprocessing(
      size: size, mean: [0.48145466, 0.4578275, 0.40821073], standardDeviation: [0.26862954, 0.26130258, 0.27577711])
  }

  /// A CLIP like OpenAI's ViT-B models, with weights from the formula.
  ///
  /// - Parameter vision: another image tower, where only the text tower matters.
  public static func viTB(
    patchSize: Int, vision: VisionTransformer.Configuration? = nil
  ) throws -> (clip: CLIPModel, tensors: [String: Tensor]) {
    let vision = vision ?? .init(imageSize: 224, patchSize: patchSize, width: 768, layers: 12, heads: 12)
    let text = CLIPConfiguration.TextTower()
    let tensors = try tensors(vision, text, embeddingWidth: 512)
    let configuration = CLIPConfiguration(
      embeddingWidth: 512, image: .visionTransformer(vision), text: text, activation: .quickGELU,
      preprocessing: preprocessing(size: vision.imageSize))
    let name = "vit-b\(patchSize)"
    return (
      try CLIPModel(name: name, configuration: configuration, weights: CheckpointSource(tensors, name: name)), tensors
    )
  }

  /// Writes a small CLIP of two transformers as an open_clip folder.
  public static func writeTransformers(to folder: URL, imageSize: Int = 32, layers: Int = 3) throws {
    let vision = VisionTransformer.Configuration(
      imageSize: imageSize, patchSize: imageSize / 4, width: 64, layers: layers, heads: 1)
    let text = CLIPConfiguration.TextTower(width: 64, heads: 1, layers: layers)
    let configuration = CLIPConfiguration(
      embeddingWidth: 64, image: .visionTransformer(vision), text: text, activation: .quickGELU,
      preprocessing: preprocessing(size: imageSize))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try configuration.openCLIPFile().write(to: folder.appending(path: "open_clip_config.json"))
    try SafetensorsFile.write(
      tensors(vision, text, embeddingWidth: 64), to: folder.appending(path: "open_clip_model.safetensors"))
  }

  /// The text tower of ViT-B/16 at full size, with an image tower that costs nothing.
  public static func textTowerOfViTB16() throws -> (clip: CLIPModel, tensors: [String: Tensor]) {
    try viTB(patchSize: 16, vision: .init(imageSize: 16, patchSize: 16, width: 64, layers: 1, heads: 1))
  }
}
