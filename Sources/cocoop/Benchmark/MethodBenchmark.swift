import CLIP
import Embedded
import Foundation
import Images
import PromptLearning
import Support
import Torch

/// The figures of `cocoop benchmark --method`: a training step of one method at its own batch size.
struct MethodBenchmark: Sendable, Encodable {
  let method: PromptLearning.Method
  let backbone: String
  let precision: Precision
  /// Where the model computed: `cpu`, or an accelerator with its name.
  let device: String
  let classes: Int
  /// The number of images in one step.
  let images: Int
  let threads: Int
  let libtorch: String
  /// The median of a few steps: both towers where prompts stand in both, with frozen CLIP's features of the same views
  /// where the loss compares with them; the text side alone for other methods. Photos are decoded already.
  let stepSeconds: Double
  /// The seconds of encoding the step's views, which a step with fresh views takes too; `nil` where the step has them.
  let encodingSeconds: Double?
  /// The same step with stored views, where frozen CLIP's features are known; `nil` where the loss asks for none.
  let storedViewStepSeconds: Double?
  /// The memory that the steps added to that of the loaded model; `nil` where the device does not tell.
  let stepMemoryMiB: Double?

  /// - Parameters:
  ///   - clip: the model, where it computes.
  ///   - images: the number of images in one step; `nil` takes the method's.
  ///   - photo: the file that views are made of.
  /// - Throws: ``UnsteppedMethod`` for a method without steps, and what making its learner throws.
  init(
    _ method: PromptLearning.Method, of clip: CLIPModel, classNames: [String], images: Int?, photo: URL,
    within budget: MemoryBudget
  ) throws {
    guard case .stepwise(let learning) = method.learning, let training = method.defaultTraining else {
      throw UnsteppedMethod(method: method)
    }
    let setup = MethodSetup(clip: clip, classNames: classNames)
    let count = images ?? training.batchSize
    var generator = SeededGenerator(seed: 1)
    let augmentation = try TrainingAugmentation(crop: RandomResizedCrop(size: clip.configuration.preprocessing.size))
    let views = try (0..<count).map { _ in try augmentation(Image(contentsOf: photo), using: &generator) }
    let labels = (0..<count).map { $0 % classNames.count }
    let recipe = try learning.recipe(setup)
    (self.method, self.images) = (method, count)
    (backbone, precision, device) = (clip.name, clip.precision, clip.device.title)
    (classes, threads, libtorch) = (classNames.count, Threads.count, Libtorch.version)

    func measured<Learner: TrainablePromptLearner>(
      _ learner: Learner
    ) throws -> (seconds: Double, encoding: Double?, stored: Double?, memory: Double?) {
      let count = MemoryCount(on: clip.device)
      var trainer = Trainer(
        Classifier(clip, learner), configuration: training, recipe: recipe, seed: 1, within: budget)
      let start = ContinuousClock.now
      let features = try learner.imagePrompts == nil ? clip.imageFeatures(ofSquares: views) : nil
      try clip.device.wait()
      let encoding = features.map { _ in (ContinuousClock.now - start).seconds }
      let pixels = try clip.pixels(ofSquares: views)
      let seconds = try SpeedBenchmark.median {
        let batch =
          try features.map { try Batch(imageFeatures: $0, labels: labels) }
          ?? Batch(
            pixels: pixels, frozenFeatures: recipe.comparesImages ? clip.imageFeatures(ofSquares: views) : nil,
            labels: labels)
        _ = try trainer.step(on: batch, learningRate: 1e-5)
      }
      let memory = count.addedMiB
      guard recipe.comparesImages else { return (seconds, encoding, nil, memory) }
      let known = try Batch(pixels: pixels, frozenFeatures: clip.imageFeatures(ofSquares: views), labels: labels)
      let stored = try SpeedBenchmark.median { _ = try trainer.step(on: known, learningRate: 1e-5) }
      return (seconds, encoding, stored, memory)
    }
    (stepSeconds, encodingSeconds, storedViewStepSeconds, stepMemoryMiB) = try measured(learning.start(setup))
  }

  var text: String {
    "\(method.title), \(backbone), \(classes) classes, \(images) image(s) a step, "
      + "\(SpeedBenchmark.place(device, threads: threads)), libtorch \(libtorch), \(precision.rawValue)\n"
      + String(format: "training step %8.1f ms", 1000 * stepSeconds)
      + (stepMemoryMiB.map { String(format: ", which adds %.0f MiB", $0) } ?? "")
      + (encodingSeconds.map { String(format: "; encoding its views %.1f ms", 1000 * $0) } ?? "")
      + (storedViewStepSeconds.map { String(format: "; with stored views %.1f ms", 1000 * $0) } ?? "")
  }
}

/// A method that no step can be measured of.
struct UnsteppedMethod: UserFacingError {
  let method: PromptLearning.Method

  var problem: String { "\(method.title) has no training steps to measure" }
  var remedy: String? {
    let names = PromptLearning.Method.all.filter { $0.defaultTraining != nil }.map(\.id)
    return "Give one of \(names.joined(separator: ", "))"
  }
}
