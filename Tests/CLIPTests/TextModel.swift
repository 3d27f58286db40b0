import CLIP
import TestSupport
import Torch

/// A text tower, and the dense encoder over the same weights.
struct TextModel: Sendable {
  enum Name: String, CaseIterable {
    case tinyCLIP, randomViTB16

    var model: TextModel { get throws { try (self == .tinyCLIP ? tiny : random).get() } }
  }

  let clip: CLIPModel
  let tensors: [String: Tensor]

  var dense: DenseTextEncoder { get throws { try DenseTextEncoder(tensors, clip.configuration) } }

  /// Unit features from the trie, `[B, C, E]`.
  func features(_ prompts: [[PromptSymbol]], contexts: Tensor? = nil) throws -> Tensor {
    try clip.textEncoder(PromptTrie(prompts), contexts: contexts).unitRows()
  }

  /// Unit features of zero-shot prompts, one row for each name.
  func features(of names: [String]) throws -> Tensor {
    try features(PromptLayout.zeroShot.prompts(names, clip.tokenizer)).reshaped([names.count, clip.embeddingWidth])
  }
}

// Made once: the random tower alone has 63 million weights.
private let tiny = Result { TextModel(clip: try TinyCLIP.clip, tensors: try TinyCLIP.tensors()) }
private let random = Result {
  let (clip, tensors) = try FormulaWeights.textTowerOfViTB16()
  return TextModel(clip: clip, tensors: tensors)
}
