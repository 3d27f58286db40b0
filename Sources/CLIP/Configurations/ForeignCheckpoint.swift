/// The kind of a file whose tensors do not form a loadable CLIP, recognized by their names and element types.
struct ForeignCheckpoint: Equatable {
  /// A description to be read after "it looks like".
  let kind: String
  let remedy: String

  private init(_ kind: String, remedy: String = "Give the checkpoint of a CLIP") {
    self.kind = kind
    self.remedy = remedy
  }

  func error(in file: String) -> CLIPError { .foreign(file: file, kind: kind, remedy: remedy) }

  // MARK: A CLIP in a state in which it cannot be loaded

  /// A CLIP whose weights are quantized, or whose adapter or prompts are not part of its weights.
  ///
  /// - Parameters:
  ///   - types: the element types of the tensors in the modules of the model, by the file's names.
  ///   - isWhole: whether the file has both towers.
  ///   - base: the base model of an adapter, where its files state it, and the adapter's kind.
  init?(alteredCLIP types: [String: String], isWhole: Bool, base: (model: String?, kind: String?)) {
    let names = Array(types.keys)
    if let quantization = Self.quantization(types, isWhole: isWhole) {
      self.init(
        "a CLIP with quantized weights: \(quantization)",
        remedy: "Give the weights of 16 or 32 bits that they were made from")
    } else if names.contains(where: Self.isLoRA), isWhole {
      self.init(
        "a CLIP with a LoRA adapter that is not merged into its weights",
        remedy: "Merge it in Python, with merge_and_unload() of peft, and give what save_pretrained writes then")
    } else if let kind = base.kind ?? Self.adapter(names) {
      let model = base.model.map { " of '\($0)'" } ?? ""
      self.init(
        "\(kind)\(model), which is no model by itself",
        remedy: "Load its base model and the adapter in Python with peft, merge them with merge_and_unload(), and give"
          + " the folder that save_pretrained writes then")
    } else if names.contains(where: { $0.contains("VPT") || $0.contains("compound_rep_tokens") }) {
      self.init(
        "a CLIP with prompts in its towers, as MaPLe, PromptSRC, VPT, IVLP and MMRL train them",
        remedy: "Give the CLIP that they were trained on")
    } else {
      return nil
    }
  }

  private static func isLoRA(_ name: String) -> Bool { name.contains("lora_") }

  private static func adapter(_ names: [String]) -> String? {
    let signs = [
      ("lora_", "a LoRA adapter"), (".hada_w", "a LoHa adapter"), (".lokr_w", "a LoKr adapter"),
      ("oft_", "an OFT adapter"), ("ia3_l", "an IA3 adapter"), ("vera_lambda", "a VeRA adapter"),
    ]
    return signs.first { sign in names.contains { $0.contains(sign.0) } }?.1
  }

  /// The kind of quantization that names and element types imply.
  private static func quantization(_ types: [String: String], isWhole: Bool) -> String? {
    func hasName(_ part: String) -> Bool { types.keys.contains { $0.contains(part) } }
    func hasEnding(_ end: String) -> Bool { types.keys.contains { $0.hasSuffix(end) } }
    // In a model's modules everything is a weight; elsewhere bytes may be anything, such as the state of a random
    // generator.
    let found = Set(types.filter { isWhole || $0.key.hasSuffix("weight") || $0.value.hasPrefix("q") }.values).sorted()
    if let type = found.first(where: { $0.hasPrefix("qint") || $0.hasPrefix("quint") }) {
      return hasName("_packed_params") ? "\(type), packed by torch" : "\(type) of torch"
    }
    if hasName("_packed_params") { return "packed by torch" }
    if hasName("quant_state.bitsandbytes") || hasEnding(".absmax") { return "4 bits, by bitsandbytes" }
    if hasEnding(".SCB") { return "8 bits, by bitsandbytes" }
    if hasEnding(".qweight") { return hasEnding(".g_idx") ? "by GPTQ" : "by AWQ or GPTQ" }
    if hasEnding(".weight_packed") { return "packed, by compressed-tensors" }
    if hasEnding(".W_q") { return "by HQQ" }
    if hasEnding(".weight._data"), hasEnding(".weight._scale") { return "by optimum-quanto" }
    if found.contains("_rebuild_wrapper_subclass") { return "tensors of a class of their own, as torchao makes them" }
    if let type = found.first(where: { $0.uppercased().hasPrefix("F8_") || $0.hasPrefix("float8") }) {
      return "floats of 8 bits (\(type))"
    }
    return found.first { ["I8", "U8", "I4", "U4", "F4", "F6_E2M3", "F6_E3M2"].contains($0) }
      .map { "numbers of few bits (\($0))" }
  }

  // MARK: Something else

  /// Fails with `nil` where the names are those of a CLIP and imply its architecture.
  ///
  /// - Parameter names: the names of all tensors, without their common prefix: open_clip's where they have one, and the
  ///   file's.
  init?(_ names: Set<String>) {
    func hasPrefix(_ prefix: String) -> Bool { names.contains { $0.hasPrefix(prefix) } }
    // The more specific sign comes first: a SigLIP of open_clip has a timm tower as well.
    if names.isEmpty {
      self.init("nothing: it has no tensors")
    } else if names.contains("logit_bias") || hasPrefix("vision_model.head.") {
      self.init("a SigLIP (it has a 'logit_bias'), whose text tower reads other tokens")
    } else if hasPrefix("box_head.") {
      self.init("an OWL-ViT (it has a 'box_head'), which detects objects")
    } else if hasPrefix("text_decoder."), hasPrefix("visual.") {
      self.init("a CoCa (it has a 'text_decoder'), which is a captioning model")
    } else if hasPrefix("visual.trunk.") {
      self.init("an open_clip model with a timm image tower", remedy: Self.openCLIPFolder)
    } else if names.contains("token_embedding.weight"), hasPrefix("visual.") {
      return nil
    } else if let kind = Self.otherModel(names) {
      self.init(kind)
    } else if hasPrefix("visual."), hasPrefix("text.") {
      self.init("an open_clip model with another text tower than CLIP's", remedy: Self.openCLIPFolder)
    } else if names.contains(where: { $0.contains("token_prefix") || $0.hasPrefix("prompt_learner.") || $0 == "ctx" }) {
      self.init(
        "learned prompts, which need the CLIP that they were learned on",
        remedy: "Give that CLIP here, and the prompts to 'cocoop prompts import' or as --run")
    } else if hasPrefix("visual.") {
      self.init("the image tower of a CLIP, without its text tower")
    } else if names.contains("token_embedding.weight") {
      self.init("the text tower of a CLIP, without its image tower")
    } else {
      self.init("nothing that this package knows")
    }
  }

  private static let openCLIPFolder = "Give the folder that has its open_clip_config.json"

  /// Parts of names, any of which indicates another model; the more specific come first.
  private static let otherModels: [(parts: [String], kind: String)] = [
    (["model.diffusion_model.", "first_stage_model."], "a Stable Diffusion, of which only the text tower is a CLIP's"),
    (["qformer.", "query_tokens"], "a BLIP-2, which answers with a language model"),
    (["text_decoder.bert.", "text_encoder.encoder.layer.", "visual_encoder.blocks."], "a BLIP, no CLIP"),
    (["multi_modal_projector.", "mm_projector."], "a LLaVA, which answers with a language model"),
    (["text_model.encoder.layer."], "a Chinese-CLIP or AltCLIP, whose text tower is a BERT"),
    (["audio_branch.", "audio_model.", "audio_projection."], "a CLAP, which listens to sound"),
    (["modality_trunks."], "an ImageBind"),
    (["multimodal_model.", "image_codebook."], "a FLAVA"),
    (["image_encoder.model.patch_embed", "image_encoder.model.stages"], "a MobileCLIP"),
    ([".attention.self.query.", "embeddings.word_embeddings."], "a text model of BERT's kind"),
    (["model.layers.0.self_attn.q_proj.", ".attn.c_attn.", "model.embed_tokens."], "a language model"),
    (["mask_token", "register_tokens"], "a DINO, a vision transformer without a text tower"),
    (["patch_embed.", "vit.embeddings.cls_token"], "a vision transformer without a text tower"),
  ]

  private static func otherModel(_ names: Set<String>) -> String? {
    if let row = otherModels.first(where: { row in names.contains { name in row.parts.contains(where: name.contains) } }
    ) {
      return row.kind
    }
    if names.contains("cls_token") { return "a vision transformer without a text tower" }
    if names.contains("conv1.weight"), names.contains(where: { $0.hasPrefix("layer1.0.") }) {
      return "a residual network that classifies images, without a text tower"
    }
    let towers = ["vision_model.encoder.layers.", "text_model.encoder.layers."]
    let found = towers.filter { tower in names.contains { $0.contains(tower) } }
    switch found.count {
    case 2: return "the towers of a CLIP in Hugging Face's spelling, without its embeddings"
    case 1: return "one tower of a CLIP in Hugging Face's spelling, without the other"
    default: return names.contains { $0.contains(".self_attn.q_proj.") } ? "a language model" : nil
    }
  }
}
