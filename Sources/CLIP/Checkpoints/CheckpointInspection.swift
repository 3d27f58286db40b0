import Explanations
import Foundation
import Torch

/// What can be said of a checkpoint, whether or not it would load.
public struct CheckpointInspection {
  public let checkpoint: Checkpoint
  /// What the checkpoint states, or else what its tensors tell; `nil` where neither can be understood.
  public let configuration: CLIPConfiguration?
  /// Why the checkpoint does not load; `nil` where it does.
  public let refusal: (any Explained)?
  public let oddities: [CheckpointDiagnosis.Oddity]
  /// The factor of cosines, already exponentiated.
  public let logitScale: Float?

  /// - Throws: what ``Checkpoint/init(at:)`` throws: without tensors there is nothing to inspect.
  public init(_ checkpoint: Checkpoint) throws {
    self.checkpoint = checkpoint
    let (configuration, refused) = try Self.configuration(of: checkpoint)
    self.configuration = configuration
    logitScale = (try? checkpoint.tensors.tensor("logit_scale").scalar()).map { exp($0) }
    var diagnosis = CheckpointDiagnosis()
    var failure: (any Explained)?
    if let configuration {
      (diagnosis, failure) = try CLIPModel.diagnosis(of: checkpoint, as: configuration)
    } else {
      for name in checkpoint.tensors.names {
        try diagnosis.note(spelled: checkpoint.tensors.spelled(name)) { try checkpoint.tensors.tensor(name) }
      }
    }
    oddities = diagnosis.oddities
    let error = diagnosis.refusal ?? failure
    refusal =
      refused ?? (error as? CLIPError).flatMap { error in
        configuration.map { checkpoint.explanation(of: error, in: $0) }
      } ?? error
  }

  private static func configuration(
    of checkpoint: Checkpoint
  ) throws -> (CLIPConfiguration?, refused: (any Explained)?) {
    do {
      return (try checkpoint.configuration(), nil)
    } catch let error as any Explained {
      return (try? checkpoint.inferredConfiguration(), error)
    }
  }
}
