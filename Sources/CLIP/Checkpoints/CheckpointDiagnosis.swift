import Support
import Torch

/// The oddities of a checkpoint's tensors, recorded while a model is built from them.
public struct CheckpointDiagnosis {
  /// One tensor, by the file's name, and the reason why it is in the list.
  public struct Oddity: Sendable, Equatable {
    public enum Reason: Sendable, Equatable {
      case missing
      case shape(expected: [Int], found: [Int])
      /// No layer of the architecture uses it.
      case unknown
      /// The file's reader refuses it.
      case unreadable
      case notFinite
      case allZero
      /// Every element has this value.
      case constant(Float)
    }

    public let tensor: String
    public let reason: Reason
  }

  public private(set) var oddities: [Oddity] = []
  /// The first fault for which loading would refuse the file.
  public private(set) var refusal: (any UserFacingError)?

  /// The number of elements that placeholders may have: a configuration may specify a billion layers, or one larger
  /// than any memory.
  private var budget = 1 << 29

  /// Records a tensor that cannot be used.
  ///
  /// - Returns: zeros in its place, which cost no memory until a layer lays them out.
  /// - Throws: `error` where there are too many faults to continue.
  mutating func standIn(for shape: [Int], because error: any UserFacingError, spelled name: String) throws -> Tensor {
    refusal = refusal ?? error
    let reason: Oddity.Reason =
      switch (error as? CLIPError)?.kind {
      case .missingTensor: .missing
      case .tensorShape(let expected, let found): .shape(expected: expected, found: found)
      case .notFinite: .notFinite
      default: .unreadable
      }
    oddities.append(Oddity(tensor: name, reason: reason))
    let count = shape.reduce(1.0) { $0 * Double($1) } + 1e5  // a layer itself is not free either
    guard count <= Double(budget) else { throw error }
    budget -= Int(count)
    return try Tensor.zeros([]).expanded(to: shape)
  }

  mutating func note(unread names: [String], because error: any UserFacingError) {
    refusal = refusal ?? error
    oddities += names.map { Oddity(tensor: $0, reason: .unknown) }
  }

  /// Records a tensor that cannot be read, or whose elements are all the same.
  mutating func note(spelled name: String, reading: () throws -> Tensor) throws {
    do {
      try note(reading(), spelled: name)
    } catch let error as any UserFacingError {
      refusal = refusal ?? error
      oddities.append(Oddity(tensor: name, reason: .unreadable))
    }
  }

  /// Records a tensor whose elements are all the same, unless it has one element or none.
  mutating func note(_ tensor: Tensor, spelled name: String) throws {
    guard tensor.count > 1 else { return }
    let elements = try tensor.floats()
    let first = elements[0]
    guard elements.allSatisfy({ $0 == first }) else { return }
    oddities.append(Oddity(tensor: name, reason: first == 0 ? .allZero : .constant(first)))
  }
}

/// A source that diagnoses a checkpoint's tensors while a model is built: faults are recorded and not thrown.
struct DiagnosingSource: WeightSource {
  private(set) var diagnosis = CheckpointDiagnosis()
  private var source: CheckpointSource

  init(_ source: CheckpointSource) { self.source = source }

  var precision: Precision { source.precision }

  /// - Returns: the tensor, or zeros in place of one that cannot be used.
  /// - Throws: the fault where there are too many to continue.
  mutating func take(_ name: String, _ shape: [Int]) throws -> Tensor {
    let spelled = source.tensors.spelled(name)
    do {
      let tensor = try source.take(name, shape)
      try diagnosis.note(tensor, spelled: spelled)
      return tensor
    } catch let error as any UserFacingError {
      source.giveUp(name)
      return try diagnosis.standIn(for: shape, because: error, spelled: spelled)
    }
  }

  mutating func finish() throws {
    do {
      try source.finish()
    } catch let error as CLIPError {
      guard case .unreadTensors(let names) = error.kind else { throw error }
      diagnosis.note(unread: names, because: error)
    }
  }
}
