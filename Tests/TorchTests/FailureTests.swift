import Testing
import Torch

@Suite("No exception of libtorch crosses into Swift")
struct FailureTests {
  /// Ways to make libtorch throw, each of which must be returned as an error of one line.
  static let provocations: [String: @Sendable () throws -> Any] = [
    "reshape to another count": { try matrix().reshaped([4, 2]) },
    "reshape with two unknown lengths": { try matrix().reshaped([-1, -1]) },
    "reshape to a negative length": { try matrix().reshaped([-2, -3]) },
    "permute with too few axes": { try matrix().permuted([0]) },
    "permute with an axis twice": { try matrix().permuted([0, 0]) },
    "permute with an unknown axis": { try matrix().permuted([0, 5]) },
    "expand an axis longer than 1": { try matrix().expanded(to: [2, 4]) },
    "expand to fewer axes": { try matrix().expanded(to: [3]) },
    "slice of an unknown axis": { try matrix().sliced(0..<1, axis: 2) },
    "slice beyond the end": { try matrix().sliced(1..<9, axis: 0) },
    "slice before the start": { try matrix().sliced(-5..<1, axis: 0) },
    "split into parts that are not equal": { try matrix().split(into: 2) },
    "split into no parts": { try matrix().split(into: 0) },
    "split of a scalar": { try Tensor.zeros([]).split(into: 1) },
    "split of nothing": { try Tensor.zeros([2, 0]).split(into: 2) },
    "gather beyond the end": { try matrix().gathered(Tensor([2] as [Int], shape: [1]), axis: 0) },
    "gather before the start": { try matrix().gathered(Tensor([-1] as [Int], shape: [1]), axis: 0) },
    "gather along an unknown axis": { try matrix().gathered(integers(), axis: 7) },
    "gather by floats": { try matrix().gathered(Tensor([0] as [Float], shape: [1]), axis: 0) },
    "gather by a matrix": { try matrix().gathered(Tensor([0, 0] as [Int], shape: [1, 2]), axis: 0) },
    "concatenate nothing": { try Tensor.concatenated([], axis: 0) },
    "concatenate what does not fit": { try Tensor.concatenated([matrix(), Tensor.zeros([2, 4])], axis: 0) },
    "concatenate along an unknown axis": { try Tensor.concatenated([matrix(), matrix()], axis: 2) },
    "stack what differs": { try Tensor.stacked([matrix(), Tensor.zeros([3, 2])]) },
    "pad a vector in two directions": {
      try Tensor.zeros([3]).zeroPadded(left: 1, right: 1, top: 1, bottom: 1)
    },
    "pad by less than there is": { try matrix().zeroPadded(left: -4, right: 0, top: 0, bottom: 0) },
    "mean over an unknown axis": { try matrix().mean(over: [2]) },
    "mean over an axis twice": { try matrix().mean(over: [0, 0]) },
    "mean of integers": { try integers().mean(over: [0]) },
    "softmax of integers": { try integers().softmax() },
    "unit rows of integers": { try integers().unitRows() },
    "matmul of batches that differ": { try Tensor.zeros([2, 3, 4]).matmul(Tensor.zeros([3, 4, 5])) },
    "matmul of a float and an integer matrix": {
      try matrix().matmul(Tensor([0, 0, 0] as [Int], shape: [3, 1]))
    },
    "cross-entropy of a class that is not there": { try matrix().crossEntropy(Tensor([0, 3] as [Int], shape: [2])) },
    "cross-entropy of a negative class": { try matrix().crossEntropy(Tensor([0, -1] as [Int], shape: [2])) },
    "cross-entropy of integers": {
      try Tensor([0, 1] as [Int], shape: [1, 2]).crossEntropy(Tensor([0] as [Int], shape: [1]))
    },
    "linear over integers": { try Linear(weight: matrix(), bias: nil)(Tensor([0, 0, 0] as [Int], shape: [3])) },
    "convolution with stride 0": { try Convolution(weight: kernel(), bias: nil, stride: 0)(image()) },
    "convolution with negative padding": { try Convolution(weight: kernel(), bias: nil, padding: -1)(image()) },
    "convolution with a kernel larger than the image": {
      try Convolution(weight: Tensor.zeros([2, 3, 9, 9]), bias: nil)(image())
    },
    "convolution with no groups": {
      try Convolution(weight: kernel(), bias: nil, groups: 0)(Tensor.zeros([1, 0, 4, 4]))
    },
    "convolution with groups that do not divide": {
      try Convolution(weight: Tensor.zeros([3, 2, 3, 3]), bias: nil, groups: 2)(Tensor.zeros([1, 4, 4, 4]))
    },
    "attention over half-precision keys": {
      let x = try Tensor.zeros([1, 2, 4])
      return try x.attending(to: x.converted(to: .float16), values: x, heads: 1, pattern: .full)
    },
    "sparse attention in half precision": {
      let x = try Tensor.zeros([1, 2, 4]).converted(to: .float16)
      return try x.attending(to: x, values: x, heads: 1, pattern: .sparse(SparsePattern([[0], [1]])))
    },
    "sparse attention to a negative key": {
      let x = try Tensor.zeros([1, 2, 4])
      return try x.attending(to: x, values: x, heads: 1, pattern: .sparse(SparsePattern([[0], [-1]])))
    },
    "gradient of a constant": {
      let constant = try Tensor.zeros([])
      return try valueWithGradient(at: [matrix()]) { _ in constant }
    },
    "gradient with respect to integers": {
      try valueWithGradient(at: [integers()]) { try $0[0].converted(to: .float32).mean(over: [0]) }
    },
    "gradient of a value in integers": {
      try valueWithGradient(at: [matrix()]) { try $0[0].mean(over: [0, 1]).converted(to: .int64) }
    },
    "gradient at no parameter": { try valueWithGradient(at: []) { _ in try Tensor.zeros([]) } },
  ]

  @Test("A failure is an error of one line", arguments: provocations.keys.sorted())
  func failure(_ name: String) throws {
    let provoke = try #require(Self.provocations[name])
    refused { try provoke() }
  }

  @Test("A Swift error inside the differentiated function comes out as it was")
  func ownError() throws {
    struct Stop: Error {}
    #expect(throws: Stop.self) { try valueWithGradient(at: [Tensor.zeros([2])]) { _ in throw Stop() } }
  }

  @Test("Operations go on working after failures")
  func goesOn() throws {
    for _ in 0..<100 { _ = try? Tensor.zeros([2, 3]).reshaped([7]) }
    #expect(try Tensor([1, 2] as [Float], shape: [2]).reshaped([2, 1]).floats() == [1, 2])
  }
}

private func matrix() throws -> Tensor { try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]) }
private func integers() throws -> Tensor { try Tensor([0, 1] as [Int], shape: [2]) }
private func image() throws -> Tensor { try .zeros([1, 3, 4, 4]) }
private func kernel() throws -> Tensor { try .zeros([2, 3, 3, 3]) }
