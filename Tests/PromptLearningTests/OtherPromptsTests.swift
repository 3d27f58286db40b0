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
      "IVLP in the text tower alone", "VLPromptLearner",
      ["prompt_learner.ctx": [4, 8], "text_encoder.transformer.resblocks.1.VPT_shallow": [4, 8]]
    ),
    (
      "MMRL++", "MultiModalRepresentationLearner",
      [
        "representation_learner.compound_rep_tokens": [5, 8],
        "representation_learner.srra_r2vproj.weight": [12, 8],
        "representation_learner.srra_r2vproj.srra.0.A": [12, 4],
      ]
    ),
    ("CLIP-Adapter", "clip_adapter", ["fc.0.weight": [2, 8], "fc.2.weight": [8, 2]]),
  ]

  @Test("by file, by folder and by output folder, whatever DataParallel put before the names", arguments: 0..<3)
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
