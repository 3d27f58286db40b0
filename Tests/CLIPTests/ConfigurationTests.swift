import CLIP
import Foundation
import Images
import Testing
import TestSupport
import Torch

@Suite("A configuration is understood to its last key, or refused")
struct ConfigurationTests {
  /// A ViT as open_clip writes it, with the keys that a case replaces.
  static func text(
    model: String = #""embed_dim": 8"#, vision: String = #""image_size": 32, "patch_size": 16"#,
    text: String = #""width": 8, "heads": 2"#,
    preprocessing: String? = #"""
    {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "shortest"}
    """#
  ) -> String {
    let preprocess = preprocessing.map { #", "preprocess_cfg": \#($0)"# } ?? ""
    return #"{"model_cfg": {\#(model), "vision_cfg": {\#(vision)}, "text_cfg": {\#(text)}}\#(preprocess)}"#
  }

  static func reading(_ text: String) throws -> (configuration: CLIPConfiguration?, message: String) {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "open_clip_config.json")
      try Data(text.utf8).write(to: file)
      var configuration: CLIPConfiguration?
      let text = message(in: folder) { configuration = try CLIPConfiguration(openCLIP: file) }
      return (configuration, text)
    }
  }

  @Test("tiny-clip's")
  func tinyCLIP() throws {
    let configuration = try Checkpoint(at: TinyCLIP.folder).configuration()
    #expect(
      configuration
        == CLIPConfiguration(
          embeddingWidth: 512, image: .efficientNetLite(.init()),
          text: .init(tokenLimit: 77, vocabularySize: 49408, width: 256, heads: 4, layers: 3), activation: .quickGELU,
          preprocessing: Preprocessing(size: 224, mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.5, 0.5])))
  }

  @Test("a ViT's, with open_clip's defaults for what it leaves out")
  func visionTransformer() throws {
    let read = try Self.reading(
      Self.text(vision: #""image_size": 224, "layers": 1, "width": 64"#, text: #""layers": 1"#))
    #expect(read.message == "no error")
    #expect(
      read.configuration
        == CLIPConfiguration(
          embeddingWidth: 8,
          image: .visionTransformer(.init(imageSize: 224, patchSize: 16, width: 64, layers: 1, heads: 1)),
          text: .init(tokenLimit: 77, vocabularySize: 49408, width: 512, heads: 8, layers: 1), activation: .gelu,
          preprocessing: Preprocessing(size: 224, mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.5, 0.5])))
  }

  @Test("bilinear and squash are read, not assumed away")
  func preprocessing() throws {
    let read = try Self.reading(
      Self.text(
        preprocessing: #"""
          {"mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "bilinear", "resize_mode": "squash"}
          """#))
    #expect(
      read.configuration?.preprocessing
        == Preprocessing(
          size: 32, mean: [0, 0, 0], standardDeviation: [1, 1, 1], interpolation: .bilinear, resizeMode: .squash))
  }

  static let file = "open_clip_config.json"
  static let correct = "Correct the file, or get another copy of it."
  static let without = "which this version cannot compute. Use a checkpoint without it."

  @Test(
    "keys that are missing, wrong or unknown",
    arguments: [
      ("{}", "\(file): 'model_cfg' must be an object, found nothing. \(correct)"),
      (
        text(model: #""embed_dim": 0"#),
        "\(file): 'model_cfg.embed_dim' must be a positive integer, found 0. \(correct)"
      ),
      (
        text(model: #""embed_dim": 99999999999"#),
        "\(file): 'model_cfg.embed_dim' must be a positive integer, found 99999999999. \(correct)"
      ),
      (
        text(model: #""embed_dim": 1.5"#),
        "\(file): 'model_cfg.embed_dim' must be a positive integer, found 1.5. \(correct)"
      ),
      (
        text(model: #""embed_dim": true"#),
        "\(file): 'model_cfg.embed_dim' must be a positive integer, found true. \(correct)"
      ),
      (
        text(model: #""embed_dim": 8, "quick_gelu": "yes""#),
        "\(file): 'model_cfg.quick_gelu' must be true or false, found yes. \(correct)"
      ),
      (
        text(model: #""embed_dim": 8, "quick_gelu": 1"#),
        "\(file): 'model_cfg.quick_gelu' must be true or false, found 1. \(correct)"
      ),
      (
        text(text: #""width": 8, "heads": 3"#),
        "\(file): 'model_cfg.text_cfg.heads' must be a divisor of width 8, found 3. \(correct)"
      ),
      (
        text(text: #""width": 8, "heads": 2, "pool_type": "last""#),
        "\(file) asks for model_cfg.text_cfg.pool_type = last, \(without)"
      ),
      (
        text(text: #""width": 8, "heads": 2, "pool_type": "eos""#),
        "\(file) asks for model_cfg.text_cfg.eos_id = 2, \(without)"
      ),
      (
        text(text: #""width": 8, "heads": 2, "no_causal_mask": true"#),
        "\(file) asks for model_cfg.text_cfg.no_causal_mask = true, \(without)"
      ),
      (
        text(text: #""width": 8, "heads": 2, "tokenizer_kwargs": {"clean": "canonicalize"}"#),
        "\(file) asks for model_cfg.text_cfg.tokenizer_kwargs = {clean}, \(without)"
      ),
      (
        text(text: #""width": 8, "heads": 2, "vocab_size": 32000"#),
        "\(file): 'model_cfg.text_cfg.vocab_size' must be at least 49408, as many as CLIP's tokenizer has, "
          + "found 32000. \(correct)"
      ),
      (
        text(text: #""width": 4, "heads": 2, "proj_type": "none""#),
        "\(file): 'model_cfg.text_cfg.proj_type' must be 'linear' from width 4 to 8, found none. \(correct)"
      ),
      (
        text(text: #""width": 8, "heads": 2, "mlp_ratio": 0"#),
        "\(file): 'model_cfg.text_cfg.mlp_ratio' must be a number above 0 and at most 1000.0, found 0. \(correct)"
      ),
      (
        text(vision: #""image_size": 15, "patch_size": 16"#),
        "\(file): 'model_cfg.vision_cfg.patch_size' must be at most image_size 15, found 16. \(correct)"
      ),
      (
        text(vision: #""image_size": [32, 64]"#),
        "\(file) asks for model_cfg.vision_cfg.image_size = [32, 64], \(without)"
      ),
      (
        text(vision: #""layers": [1, 2, 3]"#),
        "\(file): 'model_cfg.vision_cfg.layers' must be 4 positive integers, found [1, 2, 3]. \(correct)"
      ),
      (
        text(vision: #""pool_type": "none""#),
        "\(file) asks for model_cfg.vision_cfg.pool_type = none, \(without)"
      ),
      (
        text(vision: #""qk_norm": true"#),
        "\(file) asks for model_cfg.vision_cfg.qk_norm = true, \(without)"
      ),
      (
        text(vision: #""timm_model_name": "tf_efficientnet_lite0", "timm_pool": "map""#),
        "\(file) asks for model_cfg.vision_cfg.timm_pool = map, \(without)"
      ),
      (
        text(vision: #""timm_model_name": "tf_efficientnet_lite0", "timm_proj": "none""#),
        "\(file): 'model_cfg.vision_cfg.timm_proj' must be 'linear' from width 1280 to 8, found none. \(correct)"
      ),
      (
        text(vision: #""image_size": 32, "timm_model_name": "vit_base""#),
        "\(file) asks for model_cfg.vision_cfg.timm_model_name = vit_base, \(without)"
      ),
      (
        text(preprocessing: #"{"mean": [0.5], "std": [1, 1, 1]}"#),
        "\(file): 'preprocess_cfg.mean' must be three numbers, found [0.5]. \(correct)"
      ),
      (
        text(preprocessing: #"{"mean": [0, 0, 0], "std": [1, 0, 1]}"#),
        "\(file): 'preprocess_cfg.std' must be three positive numbers, found [1.0, 0.0, 1.0]. \(correct)"
      ),
      (
        text(preprocessing: #"{"mean": [0, 0, 0], "std": [1, 1, 1], "interpolation": "lanczos"}"#),
        "\(file): 'preprocess_cfg.interpolation' must be 'bicubic' or 'bilinear' or 'random', found lanczos. \(correct)"
      ),
      (
        text(preprocessing: #"{"mean": [0, 0, 0], "std": [1, 1, 1], "size": 64}"#),
        "\(file): 'preprocess_cfg.size' must be the image_size 32 of vision_cfg, found [64]. \(correct)"
      ),
      (
        text(preprocessing: #"{"mean": [0, 0, 0], "std": [1, 1, 1], "fill_color": 255}"#),
        "\(file) asks for preprocess_cfg.fill_color = 255, \(without)"
      ),
    ].excerptPairs())
  func keys(text: Excerpt, expected: String) throws {
    #expect(try Self.reading(text.text).message == expected)
  }

  @Test("other families of models: SigLIP, CoCa")
  func otherFamilies() throws {
    let sigLIP = Self.text(
      model: #""embed_dim": 768, "init_logit_bias": -10, "custom_text": true"#,
      vision: #""image_size": 224, "timm_model_name": "vit_base_patch16_siglip_224", "timm_pool": "map""#,
      text:
        #""context_length": 64, "vocab_size": 32000, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP", "pool_type": "last""#
    )
    #expect(
      try Self.reading(sigLIP).message
        == "open_clip_config.json asks for model_cfg.text_cfg.hf_tokenizer_name = timm/ViT-B-16-SigLIP, "
        + "which this version cannot compute. Use a checkpoint without it.")
    let coCa = Self.text(
      model: #""embed_dim": 512, "multimodal_cfg": {"width": 512, "context_length": 76}"#,
      vision: #""image_size": 224, "attentional_pool": true, "output_tokens": true"#)
    #expect(
      try Self.reading(coCa).message
        == "open_clip_config.json asks for model_cfg.multimodal_cfg = {context_length, width}, "
        + "which this version cannot compute. Use a checkpoint without it.")
  }

  @Test("no JSON, and no object", arguments: ["", "{", "[1, 2]", "3", "\u{FEFF}not JSON"])
  func noJSON(text: String) throws {
    #expect(
      try Self.reading(text).message
        == "FOLDER/open_clip_config.json is no CLIP checkpoint: the file is no JSON object. "
        + "Give an open_clip or Hugging Face folder, or a file of weights.")
  }
}
