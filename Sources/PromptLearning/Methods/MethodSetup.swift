import CLIP
import Datasets
import Torch

/// The inputs for making a classifier: the model, the classes and the settings.
public struct MethodSetup: Sendable {
  public let clip: CLIPModel
  public let classNames: [String]
  /// The title of the dataset, which determines templates.
  public let dataset: String
  /// The seed of random initial values.
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

/// A method without steps.
package struct DirectLearning: Sendable {
  /// Makes the classifier, and what is saved of it.
  package let fit: @Sendable (MethodSetup, LabelledImages, FitProgress) throws -> Fitted
  /// Restores the classifier from a file, over the classes that it was made for.
  package let restore: @Sendable (Artifact, MethodSetup, _ path: String) throws -> any ImageClassifier
  /// Estimates the seconds of a fit to such embeddings.
  package let fitSeconds: @Sendable (MethodSetup, LabelledEmbeddings) throws -> Double

  package typealias FitProgress = (TrainingProgress) throws -> Void
}

/// A classifier from a direct fit, and what is saved of it in addition to the description.
package struct Fitted {
  package let classifier: any ImageClassifier
  /// The learned tensors, by the method's parameter names.
  package var parameters: [String: Tensor] = [:]
  /// Results of the fit, by name.
  package var search: [String: Double]?
}

/// A method whose parameters a ``Trainer`` improves step by step.
package struct StepwiseLearning: Sendable {
  /// Makes the learner with its initial values.
  package let start: @Sendable (MethodSetup) throws -> any TrainablePromptLearner
  /// Restores the learner from a file, over the classes of the setup.
  package let restore: @Sendable (Artifact, MethodSetup, _ path: String) throws -> any TrainablePromptLearner
  /// Makes the loss and the rules of a step.
  package var recipe: @Sendable (MethodSetup) throws -> TrainingRecipe = { _ in .crossEntropy }
}

/// The images for a direct fit: encoded when it requests them.
package struct LabelledImages {
  package let dataset: Dataset
  package let extractor: FeatureExtractor

  package init(dataset: Dataset, extractor: FeatureExtractor) {
    self.dataset = dataset
    self.extractor = extractor
  }
}
