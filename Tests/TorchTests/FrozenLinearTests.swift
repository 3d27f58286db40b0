import Support
import Testing
import TestSupport
import Torch

@Suite("A frozen linear layer is a linear layer")
struct FrozenLinearTests {
  @Test("Value and gradient are PyTorch's")
  func parity() throws {
    let recorded = try SafetensorsFile(contentsOf: fixture("operations.safetensors"))
    let layer = try FrozenLinear(weight: recorded.tensor("linear/input1"), bias: recorded.tensor("linear/input2"))
    let x = try recorded.tensor("linear/input0")
    #expect(try layer(x).isClose(to: recorded.tensor("linear/output"), within: OperationTests.tolerance))
    let weight = try recorded.tensor("linear/weight")
    let gradients = try valueWithGradient(at: [x]) { try layer($0[0]).weightedMean(weight) }.gradients
    #expect(try gradients[0].isClose(to: recorded.tensor("linear/gradient0"), within: OperationTests.tolerance))
  }

  @Test("It equals the plain layer for any number of rows", arguments: [0, 1, 2, 17, 173])
  func rows(_ count: Int) throws {
    var generator = SplitMix64(state: 1)
    let weight = try Tensor.random([48, 80], &generator)
    let bias = try Tensor.random([48], &generator)
    let x = try Tensor.random([2, count, 80], &generator)
    for bias in [bias, nil] {
      let (frozen, plain) = try (FrozenLinear(weight: weight, bias: bias), Linear(weight: weight, bias: bias))
      let result = try frozen(x)
      #expect(result.shape == [2, count, 48])
      #expect(try count == 0 || result.isClose(to: plain(x), within: 1e-5))
    }
  }

  @Test(
    "An activation computed with the product is the one after it, in value and gradient",
    arguments: [Activation.relu, .relu6, .gelu, .quickGELU, .silu])
  func activations(_ activation: Activation) throws {
    var generator = SplitMix64(state: 6)
    let (weight, bias) = try (Tensor.random([48, 32], &generator), Tensor.random([48], &generator))
    let (x, direction) = try (Tensor.random([7, 32], &generator) * 4, Tensor.random([7, 48], &generator))
    let plain = try Linear(weight: weight, bias: bias)
    let expected = try valueWithGradient(at: [x]) { try activation(plain($0[0])).weightedMean(direction) }.gradients[0]
    for precision in Precision.allCases where precision.isAvailable {
      let tolerance: Float = precision == .float32 ? 1e-5 : 0.3
      let layer = try FrozenLinear(weight: weight, bias: bias, activation: activation, precision: precision)
      #expect(try layer(x).isClose(to: activation(plain(x)), within: tolerance))
      let gradient = try valueWithGradient(at: [x]) { try layer($0[0]).weightedMean(direction) }.gradients[0]
      #expect(try gradient.isClose(to: expected, within: tolerance))
    }
  }

  @Test("Rows that do not lie together in memory are read in their order")
  func strided() throws {
    var generator = SplitMix64(state: 2)
    let weight = try Tensor.random([5, 6], &generator)
    let x = try Tensor.random([3, 4, 12], &generator).sliced(3..<9, axis: 2)
    let plain = try Linear(weight: weight, bias: nil)(x)
    #expect(try FrozenLinear(weight: weight, bias: nil)(x).isClose(to: plain, within: 1e-5))
  }

  @Test(
    "In 16 bits it is near, in value and gradient",
    arguments: [(Precision.bfloat16, Float(0.1)), (.float16, 0.0125)].filter { $0.0.isAvailable })
  func sixteenBits(precision: Precision, tolerance: Float) throws {
    var generator = SplitMix64(state: 4)
    let (weight, bias) = try (Tensor.random([40, 64], &generator), Tensor.random([40], &generator))
    let x = try Tensor.random([9, 64], &generator)
    let exact = try FrozenLinear(weight: weight, bias: bias)
    let rounded = try FrozenLinear(weight: weight, bias: bias, precision: precision)
    func gradient(_ layer: FrozenLinear) throws -> Tensor {
      try valueWithGradient(at: [x]) { try layer($0[0]).mean(over: [0, 1]) * 360 }.gradients[0]
    }
    // 64 products of factors below 1, each rounded by at most 2⁻⁸ of itself, or 2⁻¹¹, rarely in one direction.
    for (near, value) in try [(rounded(x), exact(x)), (gradient(rounded), gradient(exact))] {
      #expect(try near.isClose(to: value, within: tolerance) && !near.isClose(to: value, within: 1e-5))
    }
    #expect(try rounded(x).kind == .float32)
  }

  @Test("Its first gradients may be asked for by many threads at once")
  func concurrentGradients() async throws {
    var generator = SplitMix64(state: 3)
    let layer = try FrozenLinear(weight: .random([64, 64], &generator), bias: nil)
    let x = try Tensor.random([9, 64], &generator)
    let gradients = try await withThrowingTaskGroup(of: [Float].self) { group in
      for _ in 0..<8 {
        group.addTask {
          try valueWithGradient(at: [x]) { try layer($0[0]).mean(over: [0, 1]) }.gradients[0].floats()
        }
      }
      return try await group.reduce(into: Set<[Float]>()) { $0.insert($1) }
    }
    #expect(gradients.count == 1)
  }

  @Test("What does not fit is refused")
  func refusals() throws {
    let layer = try FrozenLinear(weight: .zeros([2, 3]), bias: nil)
    refused { try layer(Tensor.zeros([4])) }
    refused { try layer(Tensor([1, 2, 3] as [Int], shape: [3])) }
    refused { try FrozenLinear(weight: Tensor.zeros([2, 3]).converted(to: .float16), bias: nil) }
    refused { try FrozenLinear(weight: Tensor.zeros([2]), bias: nil) }
    refused { try FrozenLinear(weight: Tensor.zeros([2, 3]), bias: Tensor.zeros([3])) }
  }
}
