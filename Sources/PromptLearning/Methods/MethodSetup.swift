import CLIP
import Datasets
import Torch

/// What a classifier is made for: the model, the classes and the settings.
public struct MethodSetup: Sendable {
  public let clip: CLIPModel
  public let classNames: [String]
  /// The title of the dataset, which decides sentences.
  public let dataset: String
  /// Of random initial values.
  public let seed: UInt64
  public let context: ContextSettings
  public let options: MethodOptions

  public init(
    clip: CLIPModel, classNames: [String], dataset: String = "", seed: UInt64 = 1,
    context: ContextSettings = ContextSettings(), options: MethodOptions = MethodOptions()
  ) {
    self.clip = clip
    self.classNames = classNames
    self.dataset = dataset
    self.seed = seed
    self.context = context
    self.options = options
  }
}

/// A method that needs no steps.
package struct DirectLearning: Sendable {
  /// Makes the classifier, and what is to be kept of it.
  package let fit: @Sendable (MethodSetup, LabelledImages, FitProgress) throws -> Fitted
  /// Makes the classifier of a file again, over the classes that it was made for.
  package let restore: @Sendable (Artifact, MethodSetup, _ path: String) throws -> any ImageClassifier
  /// Estimates the seconds of a fit to embeddings like these.
  package let fitSeconds: @Sendable (MethodSetup, LabelledEmbeddings) throws -> Double

  package typealias FitProgress = (TrainingProgress) throws -> Void
}

/// A classifier that was made at once, and what is kept of it besides the description.
package struct Fitted {
  package let classifier: any ImageClassifier
  /// By the method's parameter names.
  package var parameters: [String: Tensor] = [:]
  /// Numbers that the fit came to, by name.
  package var search: [String: Double]?
}

/// A method whose parameters a ``Trainer`` improves step by step.
package struct StepwiseLearning: Sendable {
  /// Makes the learner with its initial values.
  package let start: @Sendable (MethodSetup) throws -> any TrainablePromptLearner
  /// Makes the learner of a file again, over the classes of the setup.
  package let restore: @Sendable (Artifact, MethodSetup, _ path: String) throws -> any TrainablePromptLearner
  /// Makes the loss and the rules of a step.
  package var recipe: @Sendable (MethodSetup) throws -> TrainingRecipe = { _ in .crossEntropy }
}

/// The images that a method learns from at once: encoded when it asks for them.
package struct LabelledImages {
  package let dataset: Dataset
  package let extractor: FeatureExtractor

  package init(dataset: Dataset, extractor: FeatureExtractor) {
    self.dataset = dataset
    self.extractor = extractor
  }
}
