import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("Prompts of other methods are named")
struct OtherPromptsTests {
  /// The names and shapes that each author's program saves, of small widths.
  private static let files: [(method: String, folder: String, tensors: [String: [Int]])] = [
    (
      "MaPLe", "MultiModalPromptLearner",
      [
        "prompt_learner.ctx": [2, 8], "prompt_learner.proj.weight": [12, 8],
        "prompt_learner.compound_prompts_text.0": [2, 8],
        "prompt_learner.compound_prompt_projections.0.weight": [12, 8], "image_encoder.proj": [12, 8],
        "logit_scale": [],
      ]
    ),
    (
      "CoPrompt", "MultiModalPromptLearner",
      [
        "prompt_learner.ctx": [2, 8], "prompt_learner.compound_prompts_text.0": [2, 8],
        "adapter_image.fc.0.weight": [2, 8], "model_distill.proj": [2, 2],
      ]
    ),
    (
      "PromptSRC", "VLPromptLearner",
      [
        "prompt_learner.ctx": [4, 8], "text_encoder.transformer.resblocks.1.VPT_shallow": [4, 8],
        "image_encoder.VPT": [4, 12], "prompt_learner.ZS_image_encoder.proj": [12, 8],
      ]
    ),
    (
      "IVLP or PromptSRC", "VLPromptLearner",
      ["prompt_learner.ctx": [2, 8], "image_encoder.VPT": [2, 12], "text_encoder.ln_final.weight": [8]]
    ),
    ("VPT", "prompt_learner", ["image_encoder.VPT": [8, 12], "image_encoder.proj": [12, 8]]),
    (
      "MMRL", "MultiModalRepresentationLearner",
      [
        "representation_learner.compound_rep_tokens": [5, 8],
        "representation_learner.compound_rep_tokens_r2vproj.0.weight": [12, 8],
      ]
    ),
    ("CLIP-Adapter", "clip_adapter", ["fc.0.weight": [2, 8], "fc.2.weight": [8, 2]]),
  ]

  @Test("by file, by folder and by output folder, whatever DataParallel put before the names", arguments: 0..<7)
  func named(index: Int) throws {
    let (method, inner, shapes) = Self.files[index]
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let file = output.appending(path: "\(inner)/model.pth.tar-5")
      try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      for wrapper in ["", "module."] {
        let state = try shapes.map { ("\(wrapper)\($0.key)", SavedValue.tensor(try .zeros($0.value))) }
        try TorchArchive.write(.dictionary([("state_dict", .dictionary(state)), ("epoch", .integer(5))]), to: file)
        for url in [file, file.deletingLastPathComponent(), output] {
          #expect(ReferencePrompts.mayStand(at: url))
          #expect(
            message(in: folder) { try ReferencePrompts(at: url) }
              == "FOLDER/out/\(inner)/model.pth.tar-5 holds prompts of \(method), which this version does not read. "
              + "Give prompts of CoOp or CoCoOp, or train one of this program's methods on the same photos.")
        }
      }
    }
  }
}
