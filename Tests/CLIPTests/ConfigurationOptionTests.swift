import CLIP
import Testing
import Torch

@Suite("Options of an open_clip configuration become what they mean")
struct ConfigurationOptionTests {
  @Test("every option of a ViT and of its text tower")
  func options() throws {
    let read = try ConfigurationTests.reading(
      ConfigurationTests.text(
        model: #""embed_dim": 32, "quick_gelu": true, "custom_text": true, "init_logit_bias": null"#,
        vision: #"""
          "image_size": [40, 40], "patch_size": 16, "width": 96, "head_width": 48, "layers": 2, "mlp_ratio": 2.3,
          "ls_init_value": 0.1, "no_ln_pre": true, "pool_type": "avg", "final_ln_after_pool": true,
          "patch_dropout": 0.5, "attentional_pool": false, "attn_pooler_queries": 256, "output_tokens": true,
          "pos_embed_type": "sin_cos_2d", "norm_kwargs": {"eps": 1e-6}, "act_kwargs": null, "block_type": "custom",
          "qk_norm": false, "timm_model_name": null, "timm_drop": 0.0
          """#,
        text: #"""
          "width": 32, "heads": 2, "layers": 3, "context_length": 20, "vocab_size": 49409, "mlp_ratio": 3,
          "ls_init_value": 1, "pad_id": 1, "pool_type": "eos", "eos_id": 49407, "proj_type": "none",
          "embed_cls": false, "hf_tokenizer_name": "", "tokenizer_kwargs": {}, "norm_kwargs": {}
          """#))
    #expect(read.message == "no error")
    #expect(
      read.configuration
        == CLIPConfiguration(
          embeddingWidth: 32,
          image: .visionTransformer(
            .init(
              imageSize: 40, patchSize: 16, width: 96, layers: 2, heads: 2, mlpWidth: 220, hasLayerScale: true,
              normEpsilon: 1e-6, hasInputNorm: false, pooling: .averageOfPatches, normalizesAfterPooling: true)),
          text: .init(
            tokenLimit: 20, vocabularySize: 49409, width: 32, heads: 2, layers: 3, mlpWidth: 96,
            hasLayerScale: true, projection: .none),
          activation: .quickGELU,
          preprocessing: Preprocessing(size: 40, mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.5, 0.5])))
  }

  @Test("a residual network's, and EfficientNet-Lite's")
  func otherTowers() throws {
    let resNet = ConfigurationTests.text(
      vision: #""image_size": 64, "layers": [1, 2, 3, 4], "width": 32, "head_width": 16, "patch_size": null"#)
    #expect(
      try ConfigurationTests.reading(resNet).configuration?.image
        == .modifiedResNet(.init(imageSize: 64, width: 32, blocks: [1, 2, 3, 4], heads: 64)))
    for (keys, projection) in [
      (#""timm_proj_bias": true"#, EfficientNetLite.Projection.linear(hasBias: true)),
      (#""timm_proj": null"#, .classifier), (#""timm_pool": """#, .linear(hasBias: false)),
    ] {
      let lite = ConfigurationTests.text(vision: #""timm_model_name": "tf_efficientnet_lite3", \#(keys)"#)
      #expect(
        try ConfigurationTests.reading(lite).configuration?.image
          == .efficientNetLite(.init(variant: .lite3, projection: projection)))
    }
  }

  @Test("what older files leave out is taken as open_clip takes it, and told")
  func assumptions() throws {
    let bare = try ConfigurationTests.reading(ConfigurationTests.text(preprocessing: nil)).configuration
    #expect(bare?.preprocessing == .openAI(size: 32))
    #expect(
      bare?.assumptions == [
        "no preprocess_cfg: OpenAI's mean and deviation, bicubic, shortest edge, as open_clip takes them"
      ])
    let statistics = try ConfigurationTests.reading(
      ConfigurationTests.text(preprocessing: #"{"mean": [0, 0, 0], "std": [1, 1, 1]}"#)
    ).configuration
    #expect(
      statistics?.preprocessing == Preprocessing(size: 32, mean: [0, 0, 0], standardDeviation: [1, 1, 1]))
    #expect(
      statistics?.assumptions == [
        "no interpolation: bicubic, as open_clip takes it", "no resize_mode: shortest, as open_clip takes it",
      ])
  }
}
