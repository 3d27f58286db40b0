/// Prompts of methods that learn otherwise than CoOp and CoCoOp, told by the names and shapes in their authors' files.
///
/// The methods that come after CoOp grew in its program: their files lie in folders like its own and have the same name,
/// so that people give them by mistake. ProGrad's are not among them: they are prompts of CoOp, learned otherwise. Nor are those of a ``Method``.
///
/// Source: the parameter names in each author's repository, at the commits that `docs/checkpoints.md` names.
struct OtherPrompts: Equatable {
  /// As its paper calls it.
  let method: String

  /// Folders that the methods name after their model, in the output folder of a training.
  static let folderNames = [
    "MultiModalPromptLearner", "VLPromptLearner", "MultiModalRepresentationLearner", "clip_adapter", "adapter",
  ]

  /// `nil` where the tensors are of none of these methods.
  ///
  /// - Parameter shapes: of all tensors of the file, by its names; `nil` for one that cannot be read.
  init?(_ shapes: [String: [Int]?]) {
    func hasPart(_ part: String) -> Bool { shapes.keys.contains { $0.contains(part) } }
    func shape(ofEnding end: String) -> [Int]? {
      shapes.first { $0.key == end || $0.key.hasSuffix(".\(end)") }?.value
    }
    if hasPart("compound_rep_tokens") || hasPart("representation_learner.") {
      method = "MMRL"
    } else if hasPart("compound_prompts_text") {
      method = hasPart("adapter_image.") || hasPart("adapter_text.") ? "CoPrompt" : "MaPLe"
    } else if hasPart("VPT") {
      let hasTexts = hasPart("prompt_learner.ctx") || hasPart("text_encoder.transformer.resblocks.1.VPT_shallow")
      method = hasPart("ZS_image_encoder") ? "PromptSRC" : hasTexts ? "IVLP or PromptSRC" : "VPT"
    } else if shape(ofEnding: "fc.0.weight") != nil, shape(ofEnding: "fc.2.weight") != nil, !hasPart("ctx") {
      method = "CLIP-Adapter"
    } else {
      return nil
    }
  }
}
