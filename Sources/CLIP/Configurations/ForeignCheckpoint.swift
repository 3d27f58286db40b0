/// What a checkpoint is that is no CLIP in OpenAI's spelling, told by the names of its tensors.
enum ForeignCheckpoint: String, CustomStringConvertible {
  case empty = "nothing: it has no tensors"
  case sigLIP = "a SigLIP (it has a 'logit_bias'), whose text tower reads other tokens"
  case coCa = "a CoCa (it has a 'text_decoder'), which is a captioning model"
  case huggingFaceCLIP = "a CLIP in Hugging Face's spelling; give the folder that has its config.json"
  case timmTower = "an open_clip model with a timm image tower; give the folder that has its open_clip_config.json"
  case otherTextTower =
    "an open_clip model with its text tower under 'text.'; give the folder that has its open_clip_config.json"
  case prompts = "learned prompts, which need the CLIP that they were learned on"
  case bert = "a text model of BERT's kind"
  case languageModel = "a language model"
  case timmTransformer = "a vision transformer without a text tower"
  case residualNetwork = "a residual network that classifies images, without a text tower"
  case imageTowerAlone = "the image tower of a CLIP, without its text tower"
  case textTowerAlone = "the text tower of a CLIP, without its image tower"
  case unknown = "nothing that this package knows"

  /// `nil` where the names are those of a CLIP.
  init?(_ shapes: [String: [Int]]) {
    let names = Set(shapes.keys)
    func has(_ name: String) -> Bool { names.contains(name) }
    func hasPrefix(_ prefix: String) -> Bool { names.contains { $0.hasPrefix(prefix) } }
    func hasPart(_ part: String) -> Bool { names.contains { $0.contains(part) } }

    // The more telling sign comes first: a SigLIP of open_clip has a timm tower as well.
    if names.isEmpty {
      self = .empty
    } else if has("logit_bias") || hasPrefix("vision_model.head.") {
      self = .sigLIP
    } else if hasPrefix("text_decoder.") {
      self = .coCa
    } else if hasPart("vision_model.encoder.layers.") || hasPart("text_model.encoder.layers.") {
      self = .huggingFaceCLIP
    } else if hasPrefix("visual.trunk.") {
      self = .timmTower
    } else if hasPrefix("visual."), hasPrefix("text.") {
      self = .otherTextTower
    } else if hasPart("token_prefix") || hasPrefix("prompt_learner.") || has("ctx") {
      self = .prompts
    } else if hasPart(".attention.self.query.") || hasPart("embeddings.word_embeddings.") {
      self = .bert
    } else if hasPart(".self_attn.q_proj.") || hasPart(".attn.c_attn.") {
      self = .languageModel
    } else if hasPart("patch_embed.") || has("cls_token") {
      self = .timmTransformer
    } else if has("conv1.weight"), hasPrefix("layer1.0.") {
      self = .residualNetwork
    } else if hasPrefix("visual."), !has("token_embedding.weight") {
      self = .imageTowerAlone
    } else if has("token_embedding.weight"), !hasPrefix("visual.") {
      self = .textTowerAlone
    } else if has("token_embedding.weight") {
      return nil
    } else {
      self = .unknown
    }
  }

  var description: String { rawValue }
}
