import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Runs
import Torch

/// Predicts the classes of images.
public struct Predictor: Sendable {
  private let classifier: any ImageClassifier
  private let budget: MemoryBudget
  /// How much of a photo is decoded unless something else is asked for: as the run has learned.
  public let photoDecoding: PhotoDecoding

  /// Makes a predictor from a run's result, over its own classes or over others.
  ///
  /// - Parameter isFast: whether to answer near the cost of zero-shot CLIP, approximately; ``FastMode`` describes the
  ///   accuracy.
  public init(
    run: LoadedRun, classNames: [String]?, isFast: Bool = false, within budget: MemoryBudget = .automatic
  ) throws {
    classifier =
      try isFast
      ? run.fastClassifier(for: classNames, within: budget)
      : run.classifier(for: classNames).settled(within: budget)
    photoDecoding = run.photoDecoding
    self.budget = budget
  }

  /// Makes a predictor from zero-shot CLIP.
  ///
  /// - Parameter templates: one sentence with {} for the class name, or several whose features are averaged.
  public init(
    zeroShot clip: CLIPModel, classNames: [String], templates: [String], within budget: MemoryBudget = .automatic
  ) throws {
    classifier = Classifier(
      clip, try ZeroShotPrompts(for: classNames, templates: templates.map(PromptTemplate.init), clip: clip))
    photoDecoding = .exact
    self.budget = budget
  }

  var clip: CLIPModel { classifier.clip }

  /// The names of the classes that it tells apart.
  public var classNames: [String] { classifier.classNames }

  /// How the pixels that the model sees are made.
  var preprocessing: Preprocessing { clip.configuration.preprocessing }

  /// The model's square input for a picture.
  public func square(_ image: Image) throws -> Image {
    try classifier.clip.configuration.preprocessing.square(image)
  }

  /// The most probable classes of each picture; probabilities are over all classes given.
  ///
  /// - Parameter squares: the results of ``square(_:)``.
  /// - Throws: `LearningError` where probabilities are not numbers, as after an overflow in float16.
  public func candidates(for squares: [Image], top: Int) throws -> [[Prediction.Candidate]] {
    try candidates(forEmbeddings: clip.imageEmbeddings(ofSquares: squares), top: top).enumerated().map { index, found in
      guard let found else { throw notNumbers(of: "picture \(index + 1) of \(squares.count)") }
      return found
    }
  }

  /// The same of what the image tower gives; `nil` for a picture whose probabilities are not numbers.
  ///
  /// - Parameter embeddings: `[B, E]`.
  func candidates(forEmbeddings embeddings: Tensor, top: Int) throws -> [[Prediction.Candidate]?] {
    guard embeddings.shape[0] > 0 else { return [] }
    return try classifier.probabilities(ofEmbeddings: embeddings, within: budget).map { row in
      row.map { Prediction.Candidate.ranked($0, names: classifier.classNames, top: top) }
    }
  }

  func notNumbers(of picture: String) -> LearningError {
    .notNumbers("The probabilities of \(picture)", in: clip.precision)
  }
}

/// The output of `predict` for one image.
public struct Prediction: Sendable, Codable, Equatable {
  public let file: String
  /// The most probable class first; none where the image could not be read.
  public let top: [Candidate]
  /// The reason why the image could not be read, and what to do; `nil` where it was read.
  public let error: String?

  public init(file: String, top: [Candidate], error: String? = nil) {
    self.file = file
    self.top = top
    self.error = error
  }

  public struct Candidate: Sendable, Codable, Equatable {
    public let `class`: String
    /// The probability, in 0…1, over all classes given.
    public let probability: Float

    public init(class name: String, probability: Float) {
      `class` = name
      self.probability = probability
    }

    /// The most probable of `names` first; of equally probable ones, the earlier name first.
    ///
    /// - Parameter probabilities: one for each name.
    package static func ranked(
      _ probabilities: some Sequence<Float>, names: [String], top: Int
    ) -> [Candidate] {
      zip(names, probabilities).enumerated().sorted { ($1.element.1, $0.offset) < ($0.element.1, $1.offset) }
        .prefix(top).map { Candidate(class: $0.element.0, probability: $0.element.1) }
    }
  }
}
