import CLIP
import Synchronization
import Torch

/// The gradients of a training's steps, which an accelerator records and plays back (``RecordedFunction``).
///
/// Parameters, the batch and its teacher are inputs. All else of a step stays as it is, but for the factor of the losses,
/// with which it is recorded anew. An epoch's last batch, which may be smaller, is not recorded: a recording holds the
/// memory of a pass, so there is one.
final class RecordedGradients<Learner: TrainablePromptLearner>: Sendable {
  /// What the recording is of.
  private struct Key: Hashable {
    let images: Int
    let shapes: [[Int]]
    let lossScale: Float?
  }

  /// A recorded step, and how its outputs are to be read, which is known when it has run.
  private final class Step: Sendable {
    let function: RecordedFunction
    private let layout: Layout

    init(on device: Device, _ gradient: @escaping @Sendable ([Tensor]) throws -> BegunGradient) throws {
      let layout = Layout()
      self.layout = layout
      function = try RecordedFunction(on: device) { inputs in
        let begun = try gradient(inputs)
        layout.known.withLock { $0 = begun.layout }
        return begun.tensors
      }
    }

    func gradient(of inputs: [Tensor]) throws -> BegunGradient? {
      let outputs = try function(inputs)
      return layout.known.withLock { $0 }.map { BegunGradient(layout: $0, tensors: outputs) }
    }

    private final class Layout: Sendable {
      let known = Mutex<BegunGradient.Layout?>(nil)
    }
  }

  private struct State {
    var step: (key: Key, step: Step)?
    var failure: String?
  }

  private let state = Mutex(State())

  /// Why steps are not recorded, where that was tried and failed.
  var failure: String? { state.withLock(\.failure) }

  /// Whether a step has been recorded.
  var isRecorded: Bool { state.withLock { $0.step?.step.function.isRecorded ?? false } }

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
    let key = Key(images: batch.labels.shape[0], shapes: inputs.map(\.shape), lossScale: recipe.lossScale)
    let (count, hasPixels, hasTeacher) = (learner.parameters.count, batch.pixels != nil, teacher != nil)
    func newStep() throws -> Step {
      try Step(on: clip.device) { inputs in
        let others = Array(inputs[count...])
        let batch = Batch(imageFeatures: others[0], pixels: hasPixels ? others[2] : nil, labels: others[1])
        return try Classifier(clip, learner.replacing(Array(inputs[..<count])))
          .unreadGradient(on: batch, by: hasTeacher ? recipe.teaching(others[others.count - 1]) : recipe, plan)
          .begun()
      }
    }
    let step = state.withLock { state -> Step? in
      if state.failure != nil { return nil }
      if let (known, step) = state.step {
        if known == key { return step }
        if key.images < known.images { return nil }
        state.step = nil  // before the next one needs the memory
      }
      do {
        let step = try newStep()
        state.step = (key, step)
        return step
      } catch {
        state.failure = "\(error)"
        return nil
      }
    }
    let begun = try step?.gradient(of: inputs)
    if let reason = step?.function.failure { state.withLock { $0 = State(step: nil, failure: reason) } }
    return try begun ?? classifier.unreadGradient(on: batch, by: recipe, plan).begun()
  }
}
