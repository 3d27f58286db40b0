import Support
import Testing
import TestSupport
import Torch

@Suite("Sparse attention, by its kernel and along paths, equals dense attention under a mask")
struct AttentionTests {
  static let tolerance: Float = 1e-5

  /// A pattern, and the arrangement of the operands with which it is tested.
  struct Arrangement: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var images = 1
    var heads = 1
    var width = 8
    var keyCount = 7
    let keysOfQuery: [[Int]]
  }

  static let arrangements = [
    Arrangement(testDescription: "causal", keysOfQuery: (0..<7).map { Array(0...$0) }),
    Arrangement(
      testDescription: "causal, three images, four heads", images: 3, heads: 4,
      keysOfQuery: (0..<7).map { Array(0...$0) }),
    Arrangement(
      testDescription: "two branches of a trie", images: 2, heads: 2, keyCount: 5,
      keysOfQuery: [[0], [0, 1], [0, 1, 2], [0, 3], [0, 3, 4]]),
    Arrangement(
      testDescription: "fewer queries than keys, in any order", images: 2, heads: 2,
      keysOfQuery: [[6, 0, 3], [2]]),
    Arrangement(
      testDescription: "more queries than keys", heads: 2, keyCount: 2,
      keysOfQuery: [[0], [1], [0, 1], [1, 0], [1]]),
    Arrangement(
      testDescription: "heads of one column", images: 2, heads: 6, width: 6,
      keysOfQuery: (0..<7).map { Array($0..<7) }),
    Arrangement(
      testDescription: "heads of 67 columns", heads: 2, width: 134,
      keysOfQuery: (0..<7).map { Array(0...$0) }),
  ]

  @Test("Values and gradients agree", arguments: arrangements)
  func equalsDense(_ arrangement: Arrangement) throws {
    var generator = SplitMix64(state: 1)
    let (images, width) = (arrangement.images, arrangement.width)
    let queries = try Tensor.random([images, arrangement.keysOfQuery.count, width], &generator)
    let keys = try Tensor.random([images, arrangement.keyCount, width], &generator)
    let values = try Tensor.random([images, arrangement.keyCount, width], &generator)
    try compare(at: [queries, keys, values], arrangement) { $0 }
  }

  @Test("Operands may be slices of one fused projection")
  func fusedProjection() throws {
    var generator = SplitMix64(state: 2)
    let arrangement = Arrangement(testDescription: "", images: 2, heads: 2, keysOfQuery: (0..<7).map { Array(0...$0) })
    try compare(at: [Tensor.random([2, 7, 24], &generator)], arrangement) { fused in
      try [0..<8, 8..<16, 16..<24].map { try fused[0].sliced($0, axis: 2) }
    }
  }

  @Test("Operands may be permuted, repeated over images, and a subset of the queries")
  func otherStrides() throws {
    var generator = SplitMix64(state: 3)
    let arrangement = Arrangement(
      testDescription: "", images: 3, heads: 2, keysOfQuery: [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]])
    let parameters = try [[8, 7, 3], [7, 3, 8], [1, 7, 8]].map { try Tensor.random($0, &generator) }
    try compare(at: parameters, arrangement) {
      let queries = try $0[0].permuted([2, 1, 0]).sliced(4..<6, axis: 1)
      return try [queries, $0[1].permuted([1, 0, 2]), $0[2].expanded(to: [3, 7, 8])]
    }
  }

  @Test("Full attention equals the pattern that lists every key")
  func full() throws {
    var generator = SplitMix64(state: 4)
    let operands = try (0..<3).map { _ in try Tensor.random([2, 5, 8], &generator) }
    let pattern = try SparsePattern([[Int]](repeating: Array(0..<5), count: 5))
    let sparse = try operands[0].attending(to: operands[1], values: operands[2], heads: 2, pattern: .sparse(pattern))
    let full = try operands[0].attending(to: operands[1], values: operands[2], heads: 2, pattern: .full)
    #expect(try sparse.isClose(to: full, within: Self.tolerance))
  }

  @Test("Scores far apart do not overflow")
  func largeScores() throws {
    let queries = try Tensor([300, 300] as [Float], shape: [1, 1, 2])
    let keys = try Tensor([300, 300, -300, -300] as [Float], shape: [1, 2, 2])
    let values = try Tensor([1, 2, 3, 4] as [Float], shape: [1, 2, 2])
    let result = try queries.attending(
      to: keys, values: values, heads: 1, pattern: .sparse(SparsePattern([[1, 0]])))
    #expect(try result.floats() == [1, 2])
  }

  /// Compares both formulations, as functions of `parameters`, from which `operands` makes queries, keys and values.
  private func compare(
    at parameters: [Tensor], _ arrangement: Arrangement, operands: @escaping ([Tensor]) throws -> [Tensor]
  ) throws {
    var generator = SplitMix64(state: 5)
    let pattern = try SparsePattern(arrangement.keysOfQuery)
    let weight = try Tensor.random([arrangement.images, pattern.queryCount, arrangement.width], &generator)
    let sparse: ([Tensor]) throws -> Tensor = {
      let operands = try operands($0)
      return try operands[0].attending(
        to: operands[1], values: operands[2], heads: arrangement.heads, pattern: .sparse(pattern))
    }
    let alongPaths: ([Tensor]) throws -> Tensor = {
      let operands = try operands($0)
      return try operands[0].attendingAlongPaths(
        to: operands[1], values: operands[2], heads: arrangement.heads, pattern: pattern)
    }
    for attention in [sparse, alongPaths] { try compare(attention, at: parameters, weight, arrangement, operands) }
  }

  private func compare(
    _ sparse: ([Tensor]) throws -> Tensor, at parameters: [Tensor], _ weight: Tensor, _ arrangement: Arrangement,
    _ operands: @escaping ([Tensor]) throws -> [Tensor]
  ) throws {
    let dense: ([Tensor]) throws -> Tensor = { try maskedAttention(operands($0), arrangement) }
    #expect(try sparse(parameters).isClose(to: dense(parameters), within: Self.tolerance))

    // The weights are scaled up, so that the tolerance is one of the gradients of a sum.
    let scale = Float(weight.count)
    let expected = try valueWithGradient(at: parameters) { try dense($0).weightedMean(weight) * scale }
    let found = try valueWithGradient(at: parameters) { try sparse($0).weightedMean(weight) * scale }
    for (index, (found, expected)) in zip(found.gradients, expected.gradients).enumerated() {
      #expect(try found.isClose(to: expected, within: Self.tolerance), "gradient \(index)")
    }
  }
}

/// Attention by its formula: softmax(q kᵀ / √width + mask) v, with a mask of -10⁹ where nothing is attended to.
private func maskedAttention(_ operands: [Tensor], _ arrangement: AttentionTests.Arrangement) throws -> Tensor {
  let (heads, width) = (arrangement.heads, arrangement.width / arrangement.heads)
  let split = try operands.map { operand in
    try operand.reshaped([operand.shape[0], operand.shape[1], heads, width]).permuted([0, 2, 1, 3])
  }
  let mask = arrangement.keysOfQuery.flatMap { keys in
    (0..<arrangement.keyCount).map { keys.contains($0) ? Float(0) : -1e9 }
  }
  let scores = try split[0].matmul(split[1].permuted([0, 1, 3, 2])) * (1 / Float(width).squareRoot())
  let masked = try scores + Tensor(mask, shape: [arrangement.keysOfQuery.count, arrangement.keyCount])
  return try masked.softmax().matmul(split[2]).permuted([0, 2, 1, 3]).reshaped(operands[0].shape)
}
