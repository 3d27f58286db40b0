import Support
import Torch

/// The processes that divide each step of a training, and what they have agreed on.
///
/// A step is divided at the features: classes over the threads of all processes, and the images of an image tower with
/// prompts. Each process computes its own parts, gets the others' features, differentiates the same loss, and pulls back
/// its own slice. Gradients are added in the order of the parts by every process, so that all have the same bits: those
/// of one process with as many threads.
public struct TrainingTeam: Sendable {
  public let communicator: any Communicator
  /// The threads that each process uses for its parts.
  public let threads: Int
  /// The most memory that a step may take in any of the processes; `nil` where each may use its own.
  public let memory: MemoryBudget?

  /// This process alone, with all its threads.
  public static var alone: TrainingTeam { TrainingTeam(Alone(), threads: Threads.count, memory: nil) }

  /// - Parameters:
  ///   - threads: the same number for each process.
  ///   - memory: the same for each process.
  public init(_ communicator: any Communicator, threads: Int, memory: MemoryBudget?) {
    (self.communicator, self.threads, self.memory) = (communicator, threads, memory)
  }

  public var isAlone: Bool { communicator.isAlone }

  /// The number of parts that a step is divided into.
  public var parts: Int { communicator.size * threads }

  /// The consecutive parts, of `count`, that process `rank` computes.
  func share(of count: Int, rank: Int) -> Range<Int> {
    count.part(rank, of: communicator.size)
  }

  /// The consecutive parts, of `count`, that this process computes.
  func share(of count: Int) -> Range<Int> { share(of: count, rank: communicator.rank) }

  /// The values of all parts, in their order.
  ///
  /// - Parameters:
  ///   - own: the values of this process's share.
  ///   - leading: of all parts' values, every axis but the last: that is as long for each, but perhaps not known here.
  func gathered(_ own: [Tensor], leading: [[Int]]) throws -> [Tensor] {
    guard !isAlone, !leading.isEmpty else { return own }
    let all = try communicator.gathered(own.flatMap { try $0.floats() }.withUnsafeBytes { Array($0) })
    return try all.enumerated().flatMap { rank, bytes in
      let leading = leading[share(of: leading.count, rank: rank)]
      let rows = leading.map { $0.reduce(1, *) }
      let width = bytes.count / 4 / max(1, rows.reduce(0, +))
      var start = 0
      return try zip(leading, rows).map { leading, rows in
        let range = start..<start + rows * width * 4
        start = range.upperBound
        return try bytes[range].withUnsafeBytes { try Tensor(bytes: $0, kind: .float32, shape: leading + [width]) }
      }
    }
  }

  /// The gradients of all parts, in their order: of each part, by term and parameter.
  ///
  /// - Parameters:
  ///   - own: the gradients of this process's share.
  ///   - shapes: of the parameters.
  ///   - terms: how many gradients each part has of each parameter.
  ///   - parts: the number of all parts.
  func gathered(_ own: [[[Tensor]]], shapes: [[Int]], terms: Int, of parts: Int) throws -> [[[Tensor]]] {
    guard !isAlone else { return own }
    let rows = try own.map { part in
      try Tensor.concatenated(part.flatMap { try $0.map { try $0.reshaped([-1]) } }, axis: 0)
    }
    return try gathered(rows, leading: [[Int]](repeating: [], count: parts)).map { values in
      var start = 0
      return try (0..<terms).map { _ in
        try shapes.map { shape in
          let range = start..<start + shape.reduce(1, *)
          start = range.upperBound
          return try values.sliced(range, axis: 0).reshaped(shape)
        }
      }
    }
  }
}
