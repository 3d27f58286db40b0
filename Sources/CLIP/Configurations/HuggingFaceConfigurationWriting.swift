import Explanations
import Foundation

extension CLIPConfiguration {
  /// `config.json` and `preprocessor_config.json`, which ``init(huggingFace:)`` reads as this configuration.
  ///
  /// - Throws: ``CLIPError/noCounterpart(form:architecture:part:)`` for what `transformers.CLIPModel` cannot compute.
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
      width: tower.width, heads: tower.heads, layers: tower.layers, perceptron: tower.perceptronWidth,
      epsilon: tower.normEpsilon, act: act, embedding: embeddingWidth)
    vision.merge(
      [
        "model_type": "clip_vision_model", "image_size": .integer(tower.imageSize),
        "patch_size": .integer(tower.patchSize), "num_channels": 3,
      ]
    ) { $1 }
    var texts = Self.huggingFace(
      width: text.width, heads: text.heads, layers: text.layers, perceptron: text.perceptronWidth,
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
    width: Int, heads: Int, layers: Int, perceptron: Int, epsilon: Double, act: String, embedding: Int
  ) -> [String: JSONValue] {
    [
      "hidden_size": .integer(width), "num_attention_heads": .integer(heads), "num_hidden_layers": .integer(layers),
      "intermediate_size": .integer(perceptron), "layer_norm_eps": .number(epsilon), "hidden_act": .string(act),
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
