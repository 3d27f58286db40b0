import Support
import Testing
import TestSupport
import Torch

@Suite("A frozen convolution is a convolution, its normalisation and its activation")
struct FrozenConvolutionTests {
  struct Form: Sendable, CustomTestStringConvertible {
    let kernel, stride, padding, groups: Int
    let activation: FrozenConvolution.Activation?

    var testDescription: String { "\(kernel) × \(kernel), stride \(stride), padding \(padding), \(groups) groups" }

    func plain(_ y: Tensor) throws -> Tensor {
      switch activation {
      case .relu: try Activation.relu(y)
      case .relu6: try Activation.relu6(y)
      case nil: y
      }
    }
  }

  static let forms = [
    Form(kernel: 1, stride: 1, padding: 0, groups: 1, activation: nil),
    Form(kernel: 1, stride: 1, padding: 0, groups: 1, activation: .relu6),
    Form(kernel: 3, stride: 1, padding: 1, groups: 1, activation: .relu),
    Form(kernel: 3, stride: 2, padding: 0, groups: 16, activation: .relu6),
    Form(kernel: 5, stride: 1, padding: 2, groups: 16, activation: nil),
    Form(kernel: 3, stride: 2, padding: 1, groups: 4, activation: .relu),
  ]

  /// A batch normalisation, and its result by its definition.
  private struct Norm {
    let weight, bias, mean, variance: [Float]  // [C]
    let epsilon: Float = 1e-3

    init(channels: Int, _ generator: inout SplitMix64) throws {
      weight = try Tensor.random([channels], &generator).floats()
      bias = try Tensor.random([channels], &generator).floats()
      mean = try Tensor.random([channels], &generator).floats()
      variance = try Tensor.random([channels], &generator).floats().map { 1 + 0.4 * $0 }
    }

    var values: BatchNorm {
      get throws {
        func tensor(_ numbers: [Float]) throws -> Tensor { try Tensor(numbers, shape: [numbers.count]) }
        return try BatchNorm(
          weight: tensor(weight), bias: tensor(bias), mean: tensor(mean), variance: tensor(variance),
          epsilon: Double(epsilon))
      }
    }

    /// `[B, C, H, W]` → `[B, C, H, W]`.
    func callAsFunction(_ x: Tensor) throws -> Tensor {
      func tensor(_ number: (Int) -> Float) throws -> Tensor {
        try Tensor(weight.indices.map(number), shape: [1, weight.count, 1, 1])
      }
      let factor = try tensor { weight[$0] / (variance[$0] + epsilon).squareRoot() }
      return try (x - tensor { mean[$0] }) * factor + tensor { bias[$0] }
    }
  }

  @Test("Its values are those of the three one after another, for one picture and several", arguments: forms)
  func parity(_ form: Form) throws {
    var generator = SplitMix64(state: 1)
    let weight = try Tensor.random([16, 16 / form.groups, form.kernel, form.kernel], &generator)
    let norm = try Norm(channels: 16, &generator)
    let frozen = try FrozenConvolution(
      weight: weight, norm: norm.values, stride: form.stride, padding: form.padding, groups: form.groups,
      activation: form.activation)
    let plain = try Convolution(
      weight: weight, bias: nil, stride: form.stride, padding: form.padding, groups: form.groups)
    for images in [1, 3] {
      let x = try Tensor.random([images, 16, 13, 10], &generator)
      let expected = try form.plain(norm(plain(x)))
      let found = try frozen(x)
      #expect(found.shape == expected.shape)
      #expect(try found.isClose(to: expected, within: 2e-5))
      // Its result has the channels-last layout in memory, but can be used like any other tensor.
      #expect(try (found + expected).isClose(to: expected * 2, within: 4e-5))
      #expect(
        try found.zeroPadded(left: 1, right: 2, top: 0, bottom: 1)
          .isClose(to: expected.zeroPadded(left: 1, right: 2, top: 0, bottom: 1), within: 2e-5))
    }
  }

  @Test("What makes no convolution is refused in a line")
  func refusals() throws {
    var generator = SplitMix64(state: 2)
    let norm = try Norm(channels: 4, &generator).values
    let weight = try Tensor.random([4, 3, 3, 3], &generator)
    #expect(throws: TorchError.self) { try FrozenConvolution(weight: .random([5, 3, 3, 3], &generator), norm: norm) }
    #expect(throws: TorchError.self) { try FrozenConvolution(weight: .random([4, 3], &generator), norm: norm) }
    #expect(throws: TorchError.self) { try FrozenConvolution(weight: weight, norm: norm, stride: 0) }
    #expect(throws: TorchError.self) { try FrozenConvolution(weight: weight, norm: norm, padding: -1) }
    #expect(throws: TorchError.self) { try FrozenConvolution(weight: weight, norm: norm)(.zeros([1, 2, 8, 8])) }
    #expect(throws: TorchError.self) { try FrozenConvolution(weight: weight, norm: norm)(.zeros([1, 3, 2, 2])) }
  }
}
