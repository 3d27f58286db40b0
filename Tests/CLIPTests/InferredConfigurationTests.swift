import CLIP
import Foundation
import Testing
import TestSupport

@Suite("An architecture is inferred from names and shapes, or the file is told for what it is")
struct InferredConfigurationTests {
  /// The tensors from which the sizes of one of OpenAI's models are inferred, as in its file.
  static func shapes(of model: OpenAIModel) -> [String: [Int]] {
    let configuration = CLIPConfiguration.openAI(model)
    let text = configuration.text
    var shapes: [String: [Int]] = [
      "text_projection": [text.width, configuration.embeddingWidth], "ln_final.weight": [text.width],
      "token_embedding.weight": [text.vocabularySize, text.width],
      "positional_embedding": [text.tokenLimit, text.width],
    ]
    for layer in 0..<text.layers {
      shapes["transformer.resblocks.\(layer).mlp.c_fc.weight"] = [4 * text.width, text.width]
    }
    switch configuration.image {
    case .visionTransformer(let tower):
      let edge = tower.imageSize / tower.patchSize
      shapes["visual.conv1.weight"] = [tower.width, 3, tower.patchSize, tower.patchSize]
      shapes["visual.positional_embedding"] = [1 + edge * edge, tower.width]
      shapes["visual.ln_pre.weight"] = [tower.width]
      for layer in 0..<tower.layers {
        shapes["visual.transformer.resblocks.\(layer).mlp.c_fc.weight"] = [4 * tower.width, tower.width]
      }
    case .modifiedResNet(let tower):
      let edge = tower.imageSize / 32
      shapes["visual.attnpool.positional_embedding"] = [1 + edge * edge, 32 * tower.width]
      for (stage, blocks) in tower.blocks.enumerated() {
        for block in 0..<blocks {
          shapes["visual.layer\(stage + 1).\(block).conv1.weight"] = [tower.width << stage, 1, 1, 1]
        }
      }
    case .efficientNetLite: break
    }
    return shapes
  }

  @Test("OpenAI's nine", arguments: OpenAIModel.allCases)
  func openAI(model: OpenAIModel) throws {
    var expected = CLIPConfiguration.openAI(model)
    #expect(expected.assumptions.isEmpty)
    expected.assumptions = [
      "no configuration: QuickGELU, attention heads of 64, and OpenAI's mean, deviation and bicubic resizing,"
        + " as in OpenAI's files"
    ]
    #expect(try CLIPConfiguration(inferredFrom: Self.shapes(of: model), file: "clip.pt") == expected)
  }

  static let open = "Give the folder that holds its open_clip_config.json."

  @Test(
    "what leaves the architecture open",
    arguments: [
      (
        ["visual.conv1.weight": [1280, 3, 14, 14]],
        "a vision transformer of width 1280 is none of OpenAI's, and its tensors don't tell its heads"
      ),
      (["visual.conv1.weight": [100, 3, 16, 16]], "its image tower has width 100, which heads of 64 don't divide"),
      (
        ["visual.positional_embedding": [100, 768]],
        "tensor 'visual.positional_embedding' has 100 rows, which is no square of patches and one more"
      ),
      (["ln_final.weight": [500]], "its text tower has width 500, which heads of 64 don't divide"),
      (
        ["token_embedding.weight": [32000, 512]],
        "its vocabulary has 32000 entries, and CLIP's tokenizer 49408"
      ),
      (["ln_final.weight": [0]], "tensor 'ln_final.weight' has shape [0], which gives no size"),
      (["visual.conv1.weight": [768]], "tensor 'visual.conv1.weight' has shape [768], which gives no size"),
      (["visual.attn_pool.query": [256, 768]], "its image tower pools by attention, as CoCa's"),
    ])
  func ambiguous(changes: [String: [Int]], reason: String) throws {
    let shapes = Self.shapes(of: .viTB16).merging(changes) { _, changed in changed }
    #expect(
      message { try CLIPConfiguration(inferredFrom: shapes, file: "clip.pt") }
        == "The architecture of clip.pt cannot be told from its tensors: \(reason). \(Self.open)")
  }

  private static let folder = "Give the folder that has its open_clip_config.json"
  private static let clip = "Give the checkpoint of a CLIP"

  private static let others: [(names: [String], kind: String, remedy: String)] = [
    ([], "nothing: it has no tensors", clip),
    (
      ["logit_bias", "visual.trunk.norm.weight"],
      "a SigLIP (it has a 'logit_bias'), whose text tower reads other tokens", clip
    ),
    (["text_decoder.ln", "visual.proj"], "a CoCa (it has a 'text_decoder'), which is a captioning model", clip),
    (
      ["vision_model.encoder.layers.0.layer_norm1.weight"],
      "one tower of a CLIP in Hugging Face's spelling, without the other", clip
    ),
    (
      ["visual.trunk.conv_stem.weight", "token_embedding.weight"], "an open_clip model with a timm image tower",
      folder
    ),
    (
      ["visual.proj", "text.transformer.layer.0.weight"],
      "an open_clip model with another text tower than CLIP's", folder
    ),
    (
      ["ctx", "token_prefix"], "learned prompts, which need the CLIP that they were learned on",
      "Give that CLIP here, and the prompts to 'cocoop prompts import' or as --run"
    ),
    (["bert.encoder.layer.0.attention.self.query.weight"], "a text model of BERT's kind", clip),
    (["model.layers.0.self_attn.q_proj.weight"], "a language model", clip),
    (["h.0.attn.c_attn.weight"], "a language model", clip),
    (["cls_token", "patch_embed.proj.weight"], "a vision transformer without a text tower", clip),
    (
      ["conv1.weight", "layer1.0.conv1.weight", "fc.weight"],
      "a residual network that classifies images, without a text tower", clip
    ),
    (
      ["model.diffusion_model.out.weight", "text_model.encoder.layers.0.mlp.fc1.weight"],
      "a Stable Diffusion, of which only the text tower is a CLIP's", clip
    ),
    (["text_decoder.bert.x", "visual_encoder.blocks.0.norm"], "a BLIP, no CLIP", clip),
    (["query_tokens", "qformer.layernorm.weight"], "a BLIP-2, which answers with a language model", clip),
    (
      ["multi_modal_projector.linear_1.weight", "vision_tower.vision_model.encoder.layers.0.x"],
      "a LLaVA, which answers with a language model", clip
    ),
    (
      ["text_model.encoder.layer.0.attention.self.query.weight"],
      "a Chinese-CLIP or AltCLIP, whose text tower is a BERT", clip
    ),
    (["box_head.dense0.weight", "visual.proj"], "an OWL-ViT (it has a 'box_head'), which detects objects", clip),
    (["visual.conv1.weight"], "the image tower of a CLIP, without its text tower", clip),
    (["token_embedding.weight"], "the text tower of a CLIP, without its image tower", clip),
    (["weight"], "nothing that this package knows", clip),
  ]

  @Test("what is no CLIP is named")
  func foreign() {
    for (names, kind, remedy) in Self.others {
      let shapes = Dictionary(uniqueKeysWithValues: names.map { ($0, [1]) })
      #expect(
        message { try CLIPConfiguration(inferredFrom: shapes, file: "file.pt") }
          == "file.pt holds no CLIP that can be loaded: it looks like \(kind). \(remedy).")
    }
  }

  @Test("a tensor that is missing is named")
  func missing() {
    var shapes = Self.shapes(of: .rn50)
    shapes["text_projection"] = nil
    #expect(
      message { try CLIPConfiguration(inferredFrom: shapes, file: "clip.pt") }
        .hasPrefix("clip.pt has no tensor 'text_projection'."))
  }
}
