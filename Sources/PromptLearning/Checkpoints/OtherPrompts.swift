/// Prompts of other methods than CoOp and CoCoOp, recognized by the names and shapes in their authors' files.
///
/// The methods after CoOp were developed in its program: their files are in folders like CoOp's and have the same name,
/// so that users give them by mistake. ProGrad's are not among them: they are prompts of CoOp, learned in another way.
/// Nor are those of a ``Method``.
///
/// Source: the parameter names in each author's repository, at the commits listed in `docs/checkpoints.md`.
struct OtherPrompts: Equatable {
  /// The method's name in its paper.
  let method: String

  /// The folders that the methods create for their model, in the output folder of a training.
  static let folderNames = ["clip_adapter", "adapter"]

  /// Recognizes a method; `nil` where the tensors belong to none of these methods.
  ///
  /// - Parameter shapes: the shapes of all tensors of the file, by its names; `nil` for one that cannot be read.
  init?(_ shapes: [String: [Int]?]) {
    func hasPart(_ part: String) -> Bool { shapes.keys.contains { $0.contains(part) } }
    func shape(ofEnding end: String) -> [Int]? {
      shapes.first { $0.key == end || $0.key.hasSuffix(".\(end)") }?.value
    }
    if hasPart("representation_learner.srra_") {
      method = "MMRL++"
    } else if hasPart("VPT_shallow"), !hasPart("image_encoder.VPT") {
      method = "IVLP in the text tower alone"
    } else if shape(ofEnding: "fc.0.weight") != nil, shape(ofEnding: "fc.2.weight") != nil, !hasPart("ctx") {
      method = "CLIP-Adapter"
    } else {
      return nil
    }
  }
}
