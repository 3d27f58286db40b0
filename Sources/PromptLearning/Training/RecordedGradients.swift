import CLIP
import Synchronization
import Torch

/// The gradients of a training's steps, which an accelerator records and plays back (``RecordedFunction``).
///
/// Parameters, the batch and its teacher are inputs. All else of a step stays as it is, but for the factor of the losses,
/// and an epoch's last batch is smaller: each has a recording of its own.
final class RecordedGradients<Learner: TrainablePromptLearner>: Sendable {
  /// What one recording is of.
  private struct Key: Hashable {
    let shapes: [[Int]]
    let lossScale: Float?
  }

  /// A recorded step, and how its outputs are to be read, which is known when it has run.
  private final class Step: Sendable {
    let function: RecordedFunction
    private let layout: @Sendable () -> BegunGradient.Layout?

    init(
      on device: Device, _ gradient: @escaping @Sendable ([Tensor]) throws -> BegunGradient
    ) throws {
      let layout = Layout()
      function = try RecordedFunction(on: device) { inputs in
        let begun = try gradient(inputs)
        layout.known.withLock { $0 = begun.layout }
        return begun.tensors
      }
      self.layout = { layout.known.withLock { $0 } }
    }

    func gradient(of inputs: [Tensor]) throws -> BegunGradient? {
      let outputs = try function(inputs)
      return layout().map { BegunGradient(layout: $0, tensors: outputs) }
    }

    private final class Layout: Sendable {
      let known = Mutex<BegunGradient.Layout?>(nil)
    }
  }

  /// The most recordings at once, each of which holds the memory of a pass.
  private static var limit: Int { 2 }

  private let steps = Mutex<[Key: Step]>([:])

  /// Why steps are not recorded, where that was tried and failed.
  var failure: String? { steps.withLock { $0.values.lazy.compactMap(\.function.failure).first } }

  /// Whether a step has been recorded.
  var isRecorded: Bool { steps.withLock { $0.values.contains { $0.function.isRecorded } } }

  /// The gradient of the loss on a batch, begun on the device.
  ///
  /// - Parameters:
  ///   - batch: on the classifier's device.
  ///   - recipe: in each call the same but for the factor of its losses.
  ///   - plan: in each call the same.
  func gradient(
    of classifier: Classifier<Learner>, on batch: Batch, by recipe: TrainingRecipe, _ plan: MicrobatchPlan<Learner>
  ) throws -> BegunGradient {
    let (clip, learner) = (classifier.clip, classifier.learner)
    let teacher = try recipe.drawnTeacher(batch.teacher)
    let inputs =
      learner.parameters + [batch.imageFeatures, batch.labels] + [batch.pixels, teacher].compactMap(\.self)
    let key = Key(shapes: inputs.map(\.shape), lossScale: recipe.lossScale)
    let (count, hasPixels, hasTeacher) = (learner.parameters.count, batch.pixels != nil, teacher != nil)
    let step = try steps.withLock { steps -> Step? in
      if let step = steps[key] { return step }
      steps = steps.filter { $0.key.lossScale == key.lossScale }
      guard steps.count < Self.limit else { return nil }
      let step = try Step(on: clip.device) { inputs in
        let others = Array(inputs[count...])
        let batch = Batch(imageFeatures: others[0], pixels: hasPixels ? others[2] : nil, labels: others[1])
        return try Classifier(clip, learner.replacing(Array(inputs[..<count])))
          .unreadGradient(on: batch, by: hasTeacher ? recipe.teaching(others[others.count - 1]) : recipe, plan)
          .begun()
      }
      steps[key] = step
      return step
    }
    return try step?.gradient(of: inputs) ?? classifier.unreadGradient(on: batch, by: recipe, plan).begun()
  }
}
