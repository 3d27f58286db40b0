import CLIP
import PromptLearning
import TestSupport
import Torch

/// A training with something to save: one epoch of one step was made, so that velocities exist.
enum SavedTraining {
  static let identity = ModelIdentity(name: "tiny-clip", sha256: String(repeating: "ab", count: 32))
  static let names = ["dog", "grand piano"]
  /// Two images' features, `[2, E]`, unit rows.
  static var images: Tensor {
    get throws { try FormulaWeights.values("features", [2, TinyCLIP.clip.embeddingWidth], scale: 1).unitRows() }
  }

  static func trained<Learner: TrainablePromptLearner>(_ learner: Learner) throws -> Trainer<Learner> {
    let configuration = try TrainingConfiguration(epochs: 7, batchSize: 2, learningRate: 0.01, views: .stored(3))
    var trainer = Trainer(Classifier(try TinyCLIP.clip, learner), configuration: configuration, seed: .max)
    _ = try trainer.step(on: Batch(imageFeatures: images, labels: [0, 1]), learningRate: 0.01)
    let state = TrainingState(
      completedEpochs: 1, optimizer: trainer.state.optimizer, generator: trainer.state.generator)
    return Trainer(trainer.classifier, configuration: configuration, seed: .max, state: state)
  }
}
