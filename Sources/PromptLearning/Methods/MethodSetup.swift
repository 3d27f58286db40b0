import CLIP
import Datasets
import Images
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
  /// Sentences about each class, for a method that learns from such; `nil` takes sentences of its own.
  public let sentences: ClassSentences?

  public init(
    clip: CLIPModel, classNames: [String], dataset: String = "", seed: UInt64 = 1,
    context: ContextSettings = ContextSettings(), options: MethodOptions = MethodOptions(),
    sentences: ClassSentences? = nil
  ) {
    self.clip = clip
    self.classNames = classNames
    self.dataset = dataset
    self.seed = seed
    self.context = context
    self.options = options
    self.sentences = sentences
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
  /// How many views of each training image a fit encodes; 0 for the image as it is tested.
  package var viewsOfTraining = 0

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
  /// Makes the learner from the images that it will learn from; `nil` where they do not matter to its initial values.
  package var startFromImages:
    (@Sendable (MethodSetup, LabelledImages, DirectLearning.FitProgress) throws -> any TrainablePromptLearner)?
  /// How many views of each image that encodes.
  package var viewsToStart = 0
  /// Makes the final learner of one whose training has ended; `nil` leaves it as it is.
  package var finish:
    (
      @Sendable (any TrainablePromptLearner, MethodSetup, LabelledImages, DirectLearning.FitProgress) throws -> Finished
    )?

  /// A learner after its training, and the numbers that were chosen at its end.
  package typealias Finished = (learner: any TrainablePromptLearner, search: [String: Double])

  /// The learner before the first step.
  package func begin(
    _ setup: MethodSetup, from images: LabelledImages, _ progress: DirectLearning.FitProgress
  ) throws -> any TrainablePromptLearner {
    try startFromImages?(setup, images, progress) ?? start(setup)
  }
}

/// The images for a direct fit: encoded when it requests them.
package struct LabelledImages {
  package let dataset: Dataset
  package let extractor: FeatureExtractor
  /// Of the images' features.
  package let cache: FeatureCache?
  /// How the images are read.
  package let reading: PhotoReading

  package init(
    dataset: Dataset, extractor: FeatureExtractor, cache: FeatureCache? = nil, reading: PhotoReading = PhotoReading()
  ) {
    self.dataset = dataset
    self.extractor = extractor
    self.cache = cache
    self.reading = reading
  }
}
