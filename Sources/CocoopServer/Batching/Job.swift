import Images
import Prediction
import Synchronization

/// The prompts that predict an image.
package enum ModelChoice: String, Sendable, CaseIterable {
  /// The run's own prompts.
  case run
  /// CLIP with "a photo of a {}.", for comparison.
  case zeroShot = "zero-shot"
}

/// The accuracy of an answer's probabilities.
package enum AnswerMode: String, Sendable, CaseIterable {
  case exact
  /// CoCoOp near the cost of zero-shot CLIP: the best classes exactly, the others approximately.
  case fast
}

/// A model and a mode with a list of classes: requests with the same one share a pass of the text side.
package struct ClassifierChoice: Hashable, Sendable {
  package let model: ModelChoice
  package let mode: AnswerMode
  package let classNames: [String]

  /// Zero-shot CLIP has the same prompts for every image, so that its exact answer is already the fastest.
  package init(model: ModelChoice, mode: AnswerMode, classNames: [String]) {
    self.model = model
    self.mode = model == .zeroShot ? .exact : mode
    self.classNames = classNames
  }

  /// The same choice, answered exactly.
  var exact: ClassifierChoice { ClassifierChoice(model: model, mode: .exact, classNames: classNames) }
}

/// All pixels of a square, compared exactly, so that different images are never confused; their hash is computed once,
/// where the image is decoded.
struct PixelKey: Hashable, Sendable {
  private let bytes: [UInt8]
  private let hash: Int

  init(_ square: Image) {
    bytes = square.pixels
    var hasher = Hasher()
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    hash = hasher.finalize()
  }

  static func == (left: PixelKey, right: PixelKey) -> Bool { left.hash == right.hash && left.bytes == right.bytes }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// One image on its way through the model.
///
/// A task that waits for a job is resumed: by its answer, or at the latest when the job is released.
package final class Job: Sendable {
  package typealias Answer = [Prediction.Candidate]

  let square: Image
  /// The key by which the square is recognised when it is sent again.
  let pixels: PixelKey
  let choice: ClassifierChoice
  let top: Int
  /// The time after which nothing waits for the answer any more.
  let deadline: ContinuousClock.Instant
  private let state = Mutex(State.new)

  private enum State {
    case new
    case awaited(CheckedContinuation<Answer, any Error>)
    case finished(Result<Answer, any Error>)
  }

  package init(square: Image, choice: ClassifierChoice, top: Int, deadline: ContinuousClock.Instant) {
    self.square = square
    pixels = PixelKey(square)
    self.choice = choice
    self.top = top
    self.deadline = deadline
  }

  deinit { finish(.failure(APIError.internalFailure)) }

  package var isFinished: Bool {
    state.withLock { if case .finished = $0 { true } else { false } }
  }

  /// Resumes the continuation with the answer; at once, if there is one already.
  package func await(_ continuation: CheckedContinuation<Answer, any Error>) {
    let result: Result<Answer, any Error>? = state.withLock { state in
      if case .finished(let result) = state { return result }
      state = .awaited(continuation)
      return nil
    }
    if let result { continuation.resume(with: result) }
  }

  /// Gives the answer. Only the first one counts.
  package func finish(_ result: Result<Answer, any Error>) {
    let continuation: CheckedContinuation<Answer, any Error>? = state.withLock { state in
      switch state {
      case .finished: return nil
      case .new:
        state = .finished(result)
        return nil
      case .awaited(let continuation):
        state = .finished(result)
        return continuation
      }
    }
    continuation?.resume(with: result)
  }
}
