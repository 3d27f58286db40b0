import Testing
import Torch

/// The names, shapes and values are those of Scripts/oracle/record_torch.py.
@Suite("Operations agree with PyTorch")
struct OperationTests {
  static let tolerance: Float = 2e-6

  static let operations: [String: @Sendable ([Tensor]) throws -> Tensor] = [
    "add": { try $0[0].adding($0[1], scaledBy: 0.5) },
    "subtract": { try $0[0] - $0[1] },
    "multiply": { try $0[0] * $0[1] },
    "divide": { try $0[0] / ($0[1] * $0[1] + Tensor([1] as [Float], shape: [])) },
    "scale": { try $0[0] * 2.5 },
    "matmul": { try $0[0].matmul($0[1]) },
    "mean": { try $0[0].mean(over: [0, 2]) },
    "unitRows": { try $0[0].unitRows() },
    "softmax": { try $0[0].softmax() },
    "crossEntropy": { try $0[0].crossEntropy(Tensor([2, 0, 1] as [Int], shape: [3])) },
    "relu": { try Activation.relu($0[0]) },
    "relu6": { try Activation.relu6($0[0] * 5) },
    "gelu": { try Activation.gelu($0[0]) },
    "quickGELU": { try Activation.quickGELU($0[0]) },
    "linear": { try Linear(weight: $0[1], bias: $0[2])($0[0]) },
    "layerNorm": { try LayerNorm(weight: $0[1], bias: $0[2])($0[0]) },
    "convolution": { try Convolution(weight: $0[1], bias: $0[2], stride: 2, padding: 1, groups: 2)($0[0]) },
    "arrange": { try $0[0].permuted([2, 0, 1]).reshaped([4, 6]).sliced(1..<3, axis: 0) },
    "expand": { try $0[0].expanded(to: [2, 3, 4]) },
    "gather": { try $0[0].gathered(Tensor([2, 0, 2] as [Int], shape: [3]), axis: 1) },
    "concatenate": { try Tensor.concatenated([$0[0], $0[1]], axis: 1) },
    "pad": { try $0[0].zeroPadded(left: 1, right: 0, top: 2, bottom: 1) },
    "attention": { try $0[0].attending(to: $0[1], values: $0[2], heads: 2, pattern: .full) },
  ]

  @Test("Every recorded operation is tested")
  func everyOperation() throws {
    let recorded = try SafetensorsFile(contentsOf: fixture("operations.safetensors"))
    let names = recorded.names.filter { $0.hasSuffix("/output") }.map { $0.dropLast("/output".count) }
    #expect(names.map(String.init) == Self.operations.keys.sorted())
  }

  @Test("Values and gradients are PyTorch's", arguments: operations.keys.sorted())
  func parity(_ name: String) throws {
    let operation = try #require(Self.operations[name])
    let recorded = try SafetensorsFile(contentsOf: fixture("operations.safetensors"))
    let count = recorded.names.count { $0.hasPrefix("\(name)/input") }
    let inputs = try (0..<count).map { try recorded.tensor("\(name)/input\($0)") }
    let output = try operation(inputs)
    #expect(try output.isClose(to: recorded.tensor("\(name)/output"), within: Self.tolerance))

    let weight = try recorded.tensor("\(name)/weight")
    let gradients = try valueWithGradient(at: inputs) { try operation($0).weightedMean(weight) }.gradients
    #expect(gradients.count == count)
    for (index, gradient) in gradients.enumerated() {
      let expected = try recorded.tensor("\(name)/gradient\(index)")
      #expect(try gradient.isClose(to: expected, within: Self.tolerance), "gradient \(index)")
    }
  }

  @Test("The mean over no axis changes nothing")
  func meanOverNothing() throws {
    let tensor = try Tensor([1, 2] as [Float], shape: [2])
    #expect(try tensor.mean(over: []).floats() == [1, 2])
  }

  @Test("The parts of a split are slices, and so are their gradients")
  func split() throws {
    let x = try Tensor([1, 2, 3, 4, 5, 6, 7, 8] as [Float], shape: [2, 4])
    let (value, gradients) = try valueWithGradient(at: [x]) {
      let parts = try $0[0].split(into: 2)
      return try (parts[0] * parts[1] * parts[1]).mean(over: [0, 1]) * 4
    }
    #expect(try x.split(into: 2).map { try $0.floats() } == [[1, 2, 5, 6], [3, 4, 7, 8]])
    #expect(try value.scalar() == 9 + 32 + 245 + 384)
    #expect(try gradients[0].floats() == [9, 16, 6, 16, 49, 64, 70, 96])
  }

  @Test("A parameter that the value does not depend on has a gradient of zeros")
  func unusedParameter() throws {
    let used = try Tensor([3] as [Float], shape: [])
    let unused = try Tensor([1, 2] as [Float], shape: [2])
    let (value, gradients) = try valueWithGradient(at: [used, unused]) { try $0[0] * $0[0] }
    #expect(try value.scalar() == 9)
    #expect(try gradients[0].scalar() == 6)
    #expect(try gradients[1].floats() == [0, 0])
  }
}
