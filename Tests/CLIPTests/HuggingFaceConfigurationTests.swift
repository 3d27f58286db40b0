import CLIP
import Foundation
import Images
import Testing
import TestSupport
import Torch

@Suite("Hugging Face's configuration is read for what it computes, or refused by name")
struct HuggingFaceConfigurationTests {
  private func reading(
    _ config: String, _ preprocessing: String? = nil, in file: String = "preprocessor_config.json"
  ) throws -> (configuration: CLIPConfiguration?, message: String) {
    try withTemporaryFolder { folder in
      try Data(config.utf8).write(to: folder.appending(path: "config.json"))
      if let preprocessing { try Data(preprocessing.utf8).write(to: folder.appending(path: file)) }
      var configuration: CLIPConfiguration?
      let text = message(in: folder) { configuration = try CLIPConfiguration(huggingFace: folder) }
      return (configuration, text)
    }
  }

  static let told = ["no preprocessor_config.json: OpenAI's mean, deviation and bicubic resizing"]

  @Test("what is left out has the library's defaults, which are those of ViT-B/32")
  func defaults() throws {
    var expected = CLIPConfiguration.openAI(.viTB32)
    expected.assumptions = Self.told
    #expect(try reading(#"{"model_type": "clip"}"#).configuration == expected)
    // The form of old folders: everything twice, the second time as null; a wrong end of text; settings of generation.
    let old = #"""
      {"model_type": "clip", "text_config": {"eos_token_id": 2, "num_beams": 1}, "text_config_dict": null,
       "vision_config": {"hidden_act": "quick_gelu"}, "vision_config_dict": null, "torch_dtype": "float32"}
      """#
    #expect(try reading(old).configuration == expected)
  }

  @Test("sizes, activation and what ends in _dict, which counts")
  func sizes() throws {
    let text = #"""
      {"model_type": "clip", "projection_dim": 1024,
       "text_config": {"hidden_size": 7},
       "text_config_dict": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
         "num_hidden_layers": 24, "hidden_act": "gelu", "layer_norm_eps": 1e-6},
       "vision_config": {"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 16,
         "num_hidden_layers": 32, "patch_size": [14, 14], "hidden_act": "gelu"}}
      """#
    let read = try #require(try reading(text).configuration)
    #expect(read.text.normEpsilon == 1e-6)
    #expect(read.activation == .gelu && read.embeddingWidth == 1024)
    var named = read
    named.text.normEpsilon = 1e-5
    #expect(named.architecture == "ViT-H/14")
  }

  @Test(
    "preprocessing",
    arguments: [
      (#"{"size": 224, "crop_size": 224, "resample": 3}"#, Preprocessing.openAI(size: 224)),
      (
        #"{"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, "resample": 2,"#
          + #" "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.25, 1], "feature_extractor_type": "CLIPFeatureExtractor"}"#,
        Preprocessing(
          size: 224, mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.25, 1], interpolation: .bilinear)
      ),
      (
        #"{"size": {"height": 224, "width": 224}, "do_center_crop": false, "rescale_factor": 0.00392156862745098}"#,
        Preprocessing(
          size: 224, mean: [0.48145466, 0.4578275, 0.40821073],
          standardDeviation: [0.26862954, 0.26130258, 0.27577711], resizeMode: .squash)
      ),
    ].excerptPairs())
  func preprocessing(text: Excerpt, expected: Preprocessing) throws {
    let read = try reading(#"{"model_type": "clip"}"#, text.text)
    #expect(read.message == "no error")
    #expect(read.configuration?.preprocessing == expected && read.configuration?.assumptions == [])
    let section = try reading(
      #"{"model_type": "clip"}"#, #"{"image_processor": \#(text.text), "processor_class": "CLIPProcessor"}"#,
      in: "processor_config.json")
    #expect(section.configuration?.preprocessing == expected)
  }

  static let without = "which this version cannot compute. Use a checkpoint without it."

  @Test(
    "what cannot be computed",
    arguments: [
      (#"{"model_type": "siglip"}"#, "config.json asks for model_type = siglip, \(without)"),
      ("{}", "config.json asks for model_type = , \(without)"),
      (
        #"{"model_type": "clip", "text_config": {"hidden_act": "gelu"}}"#,
        "config.json asks for text_config.hidden_act = another than the images', \(without)"
      ),
      (
        #"{"model_type": "clip", "vision_config": {"hidden_act": "silu"}}"#,
        "config.json asks for vision_config.hidden_act = silu, \(without)"
      ),
      (
        #"{"model_type": "clip", "text_config": {"eos_token_id": 50000}}"#,
        "config.json asks for text_config.eos_token_id = 50000, \(without)"
      ),
      (
        #"{"model_type": "clip", "vision_config": {"num_channels": 1}}"#,
        "config.json asks for vision_config.num_channels = 1, \(without)"
      ),
      (
        #"{"model_type": "clip", "vision_config": {"num_attention_heads": 7}}"#,
        "config.json: 'vision_config.num_attention_heads' must be a divisor of hidden_size 768, found 7. "
          + "Correct the file, or get another copy of it."
      ),
      (
        #"{"model_type": "clip", "text_config": 3}"#,
        "config.json: 'text_config' must be an object, found 3. Correct the file, or get another copy of it."
      ),
    ].excerptPairs())
  func refused(config: Excerpt, message: String) throws {
    #expect(try reading(config.text).message == message)
  }

  @Test(
    "preprocessing that gives no square of the tower's size",
    arguments: [
      (#"{"crop_size": 336}"#, "crop_size = 336"), (#"{"size": 256}"#, "size = 256"),
      (#"{"size": {"shortest_edge": 256}}"#, "size.shortest_edge = 256"),
      (#"{"do_center_crop": false}"#, "do_center_crop = false"), (#"{"do_resize": false}"#, "do_resize = false"),
      (#"{"resample": 1}"#, "resample = 1"), (#"{"rescale_factor": 0.5}"#, "rescale_factor = 0.5"),
      (#"{"size": {"height": 224, "width": 200}}"#, "size = [224, 200]"),
      (#"{"image_processor_type": "SiglipImageProcessor"}"#, "image_processor_type = SiglipImageProcessor"),
    ])
  func refusedPreprocessing(text: String, option: String) throws {
    #expect(
      try reading(#"{"model_type": "clip"}"#, text).message
        == "preprocessor_config.json asks for \(option), \(Self.without)")
  }
}
