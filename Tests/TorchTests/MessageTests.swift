import Testing
import Torch

@Suite("Shape errors name the operation and both shapes")
struct MessageTests {
  @Test("Operands that do not fit together")
  func operands() throws {
    let (a, b) = try (Tensor.zeros([2, 3]), Tensor.zeros([4, 5]))
    let labels = try Tensor([0, 1, 2] as [Int], shape: [3])
    let vector = try Tensor.zeros([5])
    let volume = try Tensor.zeros([1, 4, 6])
    let image = try Tensor.zeros([1, 3, 8, 8])
    expect("add: shapes [2, 3] and [4, 5] do not fit together.") { try a + b }
    expect("add: shapes [2, 3] and [4, 5] do not fit together.") { try a - b }
    expect("multiply: shapes [2, 3] and [5] do not fit together.") { try a * vector }
    expect("divide: shapes [2, 3] and [4, 5] do not fit together.") { try a / b }
    expect("matmul: shapes [2, 3] and [4, 5] do not fit together.") { try a.matmul(b) }
    expect("matmul: shapes [2, 3] and [5] do not fit together.") { try a.matmul(vector) }
    expect("compare: shapes [2, 3] and [4, 5] do not fit together.") { try a.largestDifference(from: b) }
    expect("cross-entropy: shapes [2, 3] and [3] do not fit together.") { try a.crossEntropy(labels) }
    expect("linear: shapes [2, 3] and [4, 5] do not fit together.") { try Linear(weight: b, bias: nil)(a) }
    expect("linear layer: shapes [4, 5] and [5] do not fit together.") { try Linear(weight: b, bias: vector) }
    expect("layer norm: shapes [2, 3] and [5] do not fit together.") { try LayerNorm(weight: vector, bias: vector)(a) }
    expect("layer norm: shapes [5] and [2, 3] do not fit together.") { try LayerNorm(weight: vector, bias: a) }
    expect("convolution: shapes [1, 3, 8, 8] and [2, 4, 3, 3] do not fit together.") {
      try Convolution(weight: Tensor.zeros([2, 4, 3, 3]), bias: nil)(image)
    }
    expect("convolution layer: shapes [4, 5] and [] do not fit together.") { try Convolution(weight: b, bias: nil) }
    expect("attention with 4 heads: shapes [1, 4, 6] and [1, 4, 6] do not fit together.") {
      try volume.attending(to: volume, values: volume, heads: 4, pattern: .full)
    }
    expect("attention with 2 heads: shapes [1, 4, 6] and [2, 3] do not fit together.") {
      try volume.attending(to: a, values: a, heads: 2, pattern: .full)
    }
  }

  @Test("One operand of the wrong shape")
  func operand() throws {
    let vector = try Tensor.zeros([5])
    expect("transpose: expected a matrix, found [5].") { try vector.transposed() }
    expect("unsqueeze at 3: expected an axis in 0...1, found [5].") { try vector.unsqueezed(at: 3) }
    expect("scalar: expected one element, found [5].") { try vector.scalar() }
    expect("gradient: expected the value to be a scalar, found [5].") { try valueWithGradient(at: [vector]) { $0[0] } }
    expect("sparse pattern: expected at least one key for each query, found [1, 0].") { try SparsePattern([[0], []]) }
    expect("zeros: expected lengths that give a count, found [2, -1].") { try Tensor.zeros([2, -1]) }
  }

  @Test("Elements that do not fill a shape")
  func elements() throws {
    expect("A tensor of shape [2, 3] cannot be made of 5 elements.") {
      try Tensor([1, 2, 3, 4, 5] as [Float], shape: [2, 3])
    }
    expect("A tensor of shape [-1, -4] cannot be made of 4 elements.") {
      try Tensor([1, 2, 3, 4] as [Float], shape: [-1, -4])
    }
    expect("A tensor of shape [4611686018427387904, 4] cannot be made of 0 elements.") {
      try Tensor([] as [Float], shape: [1 << 62, 4])
    }
    expect("integers: expected I64 elements, found F32.") { try Tensor.zeros([2]).integers() }
  }

  @Test("What libtorch refuses is told in its words, after ours")
  func libtorch() throws {
    let a = try Tensor.zeros([2, 3])
    expect("reshape [2, 3] to [4] failed: shape '[4]' is invalid for input of size 6.") { try a.reshaped([4]) }
    expect(
      "gather along axis 1 of [2, 3] failed: INDICES element is out of DATA bounds, id=3 axis_dim=3."
    ) { try a.gathered(Tensor([3] as [Int], shape: [1]), axis: 1) }
    expect("sparse attention failed: key 4 is not one of 4.") {
      let x = try Tensor.zeros([1, 4, 6])
      return try x.attending(
        to: x, values: x, heads: 2, pattern: .sparse(SparsePattern([[0], [1], [2], [4]])))
    }
    expect("sparse attention failed: there are 2 offsets for 4 queries.") {
      let x = try Tensor.zeros([1, 4, 6])
      return try x.attending(to: x, values: x, heads: 2, pattern: .sparse(SparsePattern([[0]])))
    }
  }

  private func expect(
    _ text: String, _ location: SourceLocation = #_sourceLocation, _ body: () throws -> some Any
  ) {
    #expect(refused(location, body) == text, sourceLocation: location)
  }
}
