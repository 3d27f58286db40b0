import Foundation
import Pickle
import Torch

// Checkpoints of programs that save both towers with what is learned between their weights.

extension ReferenceFormat.WholeModel {
  /// The learned tensors of a file, by our names, as 32-bit floats, and the element type of the first.
  ///
  /// The towers are passed over; every other tensor must be one that is learned.
  func parameters(
    in archive: TorchArchive, path: String
  ) throws -> (parameters: [String: Tensor], precision: Tensor.Kind) {
    func refused(_ reason: String) -> LearningError { .notReferencePrompts(path: path, reason: reason) }
    func finite(_ stored: String, _ name: String) throws -> Tensor {
      let tensor = try archive.tensor(stored).converted(to: .float32)
      guard try tensor.floats().allSatisfy(\.isFinite) else {
        throw refused("tensor '\(name)' holds a number that is not finite")
      }
      return tensor
    }
    let hasState = archive.root["state_dict"] != nil
    var stored: [String: String] = [:]  // by the name in the model
    for name in archive.names where !hasState || name.hasPrefix("state_dict.") {
      let own = ["state_dict.", "module."].reduce(name) { $0.hasPrefix($1) ? String($0.dropFirst($1.count)) : $0 }
      stored[own] = name
    }
    var parameters: [String: Tensor] = [:]
    for (name, theirs) in names.sorted(by: { $0.key < $1.key }) {
      guard let found = stored.removeValue(forKey: theirs) else {
        throw LearningError.parameterShape(path: path, name: theirs, expected: [], found: nil)
      }
      parameters[name] = try finite(found, theirs)
    }
    var counts: [Int] = []
    for stack in stacks {
      let pieces = stored.keys.compactMap { name in stack.number(in: name).map { (number: $0, name: name) } }
        .sorted { $0.number < $1.number }
      let shape =
        stack.pattern.map { parameters[$0]?.shape ?? [] }
        ?? pieces.first.flatMap { archive.shape(of: stored[$0.name] ?? "") }
      guard let shape else {
        throw LearningError.parameterShape(
          path: path, name: "\(stack.prefix)\(stack.first)\(stack.suffix)", expected: [], found: nil)
      }
      for (index, piece) in pieces.enumerated() {
        guard piece.number == stack.first + index else {
          throw refused("it has '\(piece.name)', but none of number \(stack.first + index)")
        }
        let found = archive.shape(of: stored[piece.name] ?? "") ?? []
        guard found == shape else {
          throw LearningError.parameterShape(path: path, name: piece.name, expected: shape, found: found)
        }
      }
      let tensors = try pieces.map { try finite(stored.removeValue(forKey: $0.name) ?? "", $0.name) }
      parameters[stack.name] = try tensors.isEmpty ? .zeros([0] + shape) : .stacked(tensors)
      counts.append(pieces.count)
    }
    if let uneven, let first = counts.first, let other = counts.first(where: { $0 != first }) {
      throw refused(uneven(first, other))
    }
    let unexpected = stored.keys.filter { !isPassedOver($0) }.sorted()
    guard unexpected.isEmpty else { throw LearningError.unexpectedTensors(path: path, names: unexpected) }
    let first = names["ctx"] ?? names["VPT"] ?? names["compound_rep_tokens"] ?? ""
    let kind = archive.names.first { $0.hasSuffix(first) }.flatMap(archive.kind)
    return (parameters, kind ?? .float32)
  }

  /// Writes the learned tensors alone: the originals' loaders take them and leave the towers as they are.
  func write(
    _ prompts: Artifact, _ training: ReferencePrompts.Training, precision: Tensor.Kind, to url: URL
  ) throws {
    let whole = try names.sorted { $0.key < $1.key }.map { name, theirs in
      (key: theirs, value: SavedValue.tensor(try prompts.parameter(name, path: url.path).converted(to: precision)))
    }
    let pieces = try stacks.flatMap { stack in
      let tensor = try prompts.parameter(stack.name, path: url.path)
      return try (0..<tensor.shape[0]).map { index in
        let piece = try tensor.sliced(index..<index + 1, axis: 0).reshaped(Array(tensor.shape[1...]))
        return (
          key: "\(stack.prefix)\(stack.first + index)\(stack.suffix)",
          value: SavedValue.tensor(try piece.converted(to: precision))
        )
      }
    }
    try TorchArchive.write(
      .dictionary([
        ("state_dict", .dictionary(whole + pieces)), ("epoch", .integer(training.epoch)),
        ("val_result", training.validationResult.map(SavedValue.double) ?? .none),
      ]), to: url)
  }
}
