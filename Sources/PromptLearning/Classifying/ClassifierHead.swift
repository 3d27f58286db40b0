import CLIP
import Torch

/// What a classifier computes from the embedding of CLIP's own image tower, as values: enough to compute it elsewhere.
///
/// f is the embedding divided by its length, s CLIP's logit scale.
public enum ClassifierHead: Sendable {
  /// s · f Gᵀ, with class features G `[C, E]`, unit rows.
  case cosines(classFeatures: Tensor)
  /// W x + b of the embedding x as it is, with W `[C, E]` and b `[C]`.
  case linear(weight: Tensor, bias: Tensor)
  /// s · f Gᵀ + α · exp(−β (1 − f Qᵀ)) V, with keys Q `[N, E]` and their classes V `[N, C]`, one-hot.
  case cache(classFeatures: Tensor, keys: Tensor, ballots: Tensor, strengths: CacheModel.Strengths)
  /// s · cos(f, g_c(x)), with prompts that a network makes of the image.
  case conditionalPrompts(ConditionalPromptValues)
}

/// The values of CoCoOp's prompts.
public struct ConditionalPromptValues: Sendable {
  /// `[M, D]`, before the conditional token is added.
  public let contextVectors: Tensor
  /// The network's first layer, E → E/16, which ReLU follows, and its second, E/16 → D.
  public let hidden, output: Linear
  /// The prompts of all classes.
  public let trie: PromptTrie

  package init(contextVectors: Tensor, hidden: Linear, output: Linear, trie: PromptTrie) {
    self.contextVectors = contextVectors
    self.hidden = hidden
    self.output = output
    self.trie = trie
  }
}

/// A classifier that states its head, so that it can be exported.
public protocol HeadStating: ImageClassifier {
  func head() throws -> ClassifierHead
}

/// A prompt learner whose classifier states its head. One whose prompts reach into the image tower has none to state.
public protocol HeadStatingLearner: PromptLearner {
  func head() throws -> ClassifierHead
}

extension Classifier: HeadStating where Learner: HeadStatingLearner {
  public func head() throws -> ClassifierHead { try learner.head() }
}

extension LinearProbe: HeadStating {
  public func head() -> ClassifierHead { .linear(weight: weight, bias: bias) }
}

extension ClassifierHead {
  /// The head with class features that are the same for every image.
  ///
  /// - Parameter features: `[1, C, E]`, unit rows.
  static func cosines(with features: Tensor) throws -> ClassifierHead {
    .cosines(classFeatures: try features.reshaped(Array(features.shape.dropFirst())))
  }
}
