import CTestDevice
import Foundation
import Testing
import Torch

extension OnTheDevice {
  @Suite("Tensors know their device, and operations compute there")
  struct TensorTests {
    static let tolerance: Float = 1e-6

    /// An operation of floats on two operands.
    struct Operation: CustomTestStringConvertible, Sendable {
      let testDescription: String
      var shapes: [[Int]] = [[3, 4], [3, 4]]
      /// Whether a gradient passes to the operands.
      var hasGradient = true
      let apply: @Sendable (Tensor, Tensor) throws -> Tensor

      init(
        _ name: String, _ shapes: [[Int]] = [[3, 4], [3, 4]], hasGradient: Bool = true,
        _ apply: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
      ) {
        (testDescription, self.shapes, self.hasGradient, self.apply) = (name, shapes, hasGradient, apply)
      }
    }

    static let operations = [
      Operation("+") { try $0 + $1 },
      Operation("−") { try $0 - $1 },
      Operation("·") { try $0 * $1 },
      Operation("/") { try $0 / ($1 * $1 + $1.exponential()) },
      Operation("matrix product", [[2, 3, 4], [4, 5]]) { try $0.matmul($1) },
      Operation("batched product", [[2, 3, 4], [2, 4, 5]]) { try $0.matmul($1) },
      Operation("linear", [[2, 3, 4], [5, 4]]) { try Linear(weight: $1, bias: nil)($0) },
      Operation("layer norm", [[3, 4], [4]]) { try LayerNorm(weight: $1, bias: $1, epsilon: 1e-5)($0) },
      Operation("concatenation", [[3, 4], [2, 4]]) { try .concatenated([$0, $1], axis: 0) },
      Operation("attention", [[2, 3, 4], [2, 5, 4]]) {
        try $0.attending(to: $1, values: $1 * 2, heads: 2, pattern: .full)
      },
      Operation("attention over a trie", [[2, 5, 4], [2, 5, 4]]) {
        try $0.attending(
          to: $1, values: $1 * 2, heads: 2,
          pattern: .sparse(SparsePattern([[0], [0, 1], [0, 1, 2], [0, 3], [0, 3, 4]])))
      },
      Operation("convolution", [[2, 3, 5, 5], [4, 3, 2, 2]], hasGradient: false) {
        try Convolution(weight: $1, bias: nil, stride: 1)($0)
      },
      Operation("cross-entropy with probabilities", [[3, 4], [3, 4]]) {
        try $0.crossEntropy(probabilities: $1.softmax())
      },
    ]

    @Test("values and gradients are those of the CPU, and mixed operands are refused", arguments: operations)
    func agrees(_ operation: Operation) throws {
      let operands = try operation.shapes.enumerated().map { try Tensor.drawn($1, seed: UInt64($0 + 1)) }
      let moved = try operands.on(DeviceOfTests.device)
      #expect(moved.allSatisfy { $0.device == DeviceOfTests.device })
      let (expected, found) = (try operation.apply(operands[0], operands[1]), try operation.apply(moved[0], moved[1]))
      #expect(found.device == DeviceOfTests.device)
      #expect(try found.difference(from: expected) <= Self.tolerance)
      for mixed in [(operands[0], moved[1]), (moved[0], operands[1])] {
        #expect(throws: TorchError.self) { try operation.apply(mixed.0, mixed.1) }
      }
      guard operation.hasGradient else { return }
      let weights = try Tensor.drawn(expected.shape, seed: 9)
      func gradients(at operands: [Tensor]) throws -> [Tensor] {
        let weights = try weights.on(operands[0].device)
        return try valueWithGradient(at: operands) {
          let value = try operation.apply($0[0], $0[1])
          return try (value * weights).mean(over: Array(value.shape.indices))
        }.gradients
      }
      for (own, other) in zip(try gradients(at: moved), try gradients(at: operands)) {
        #expect(own.device == DeviceOfTests.device)
        #expect(try own.difference(from: other) <= Self.tolerance)
      }
    }

    @Test("operations of one operand agree too")
    func unary() throws {
      let x = try Tensor.drawn([2, 3, 4], seed: 3)
      let operations: [(String, @Sendable (Tensor) throws -> Tensor)] = [
        ("unit rows", { try $0.unitRows() }), ("softmax", { try $0.softmax() }), ("e", { try $0.exponential() }),
        ("absolute", { try $0.absolute() }), ("mean", { try $0.mean(over: [0, 2]) }),
        ("permute", { try $0.permuted([2, 0, 1]) }), ("slice", { try $0.sliced(1..<3, axis: 2) }),
        ("split", { try $0.split(into: 2)[1] }), ("gather", { try $0.gathered(Indices([2, 0, 2]), axis: 1) }),
        ("expand", { try $0.unsqueezed(at: 0).expanded(to: [5, 2, 3, 4]) }),
        ("pad", { try $0.unsqueezed(at: 0).zeroPadded(left: 1, right: 0, top: 2, bottom: 1) }),
        ("reshape", { try $0.permuted([1, 0, 2]).reshaped([6, 4]) }),
        ("gelu", { try Activation.gelu($0) }), ("quick gelu", { try Activation.quickGELU($0) }),
        ("relu", { try Activation.relu($0) }), ("float16", { try $0.converted(to: .float16).converted(to: .float32) }),
      ]
      for (name, apply) in operations {
        let difference = try apply(x.on(DeviceOfTests.device)).difference(from: apply(x))
        #expect(difference <= Self.tolerance, "\(name) differs by \(difference)")
      }
    }

    @Test("labels count right answers, and an index on the CPU is refused")
    func labels() throws {
      let logits = try Tensor([1, 2, 3, 3, 2, 1, 0, 5, 0] as [Float], shape: [3, 3])
      let labels = try Tensor([2, 1, 1], shape: [3])
      let (moved, movedLabels) = (try logits.on(DeviceOfTests.device), try labels.on(DeviceOfTests.device))
      #expect(try moved.rightAnswers(movedLabels).scalar() == 2)
      #expect(try moved.crossEntropy(movedLabels).difference(from: logits.crossEntropy(labels)) <= Self.tolerance)
      #expect(throws: TorchError.self) { try moved.rightAnswers(labels) }
      #expect(throws: TorchError.self) { try moved.crossEntropy(labels) }
      #expect(throws: TorchError.self) { try moved.gathered(labels, axis: 0) }
    }

    @Test("a list of indices moves once")
    func indices() throws {
      let x = try Tensor.drawn([4, 3], seed: 1).on(DeviceOfTests.device)
      let indices = try Indices([3, 1])
      #expect(try DeviceOfTests.transfers { _ = try x.gathered(indices, axis: 0) } == 1)
      #expect(try DeviceOfTests.transfers { _ = try x.gathered(indices, axis: 0) } == 0)
    }

    @Test(
      "a frozen layer passes a gradient to its input, in float32 and in 16 bits",
      arguments: [
        (Precision.float32, Float(1e-6)), (.bfloat16, Float(2e-2)), (.float16, Float(2.5e-3)),
      ])
    func frozenLayers(precision: Precision, tolerance: Float) throws {
      let (weight, bias) = (try Tensor.drawn([6, 4], seed: 1), try Tensor.drawn([6], seed: 2))
      let x = try Tensor.drawn([5, 4], seed: 3)
      let cpu = try FrozenLinear(weight: weight, bias: bias, activation: .gelu)
      let layer = try FrozenLinear(
        weight: weight.on(DeviceOfTests.device), bias: bias.on(DeviceOfTests.device), activation: .gelu,
        precision: precision)
      let moved = try x.on(DeviceOfTests.device)
      #expect(try layer(moved).difference(from: cpu(x)) <= tolerance)
      let expected = try valueWithGradient(at: [x]) { try cpu($0[0]).mean(over: [0, 1]) }.gradients[0]
      let found = try valueWithGradient(at: [moved]) { try layer($0[0]).mean(over: [0, 1]) }.gradients[0]
      #expect(try found.difference(from: expected) <= tolerance)
      #expect(throws: TorchError.self) { try layer(x) }
    }

    @Test("a frozen convolution is folded on the CPU and computes on the device")
    func frozenConvolution() throws {
      func layer(on device: Device) throws -> FrozenConvolution {
        let channels = try (1...4).map { try (Tensor.drawn([4], seed: $0) * 0.4).exponential().on(device) }
        return try FrozenConvolution(
          weight: Tensor.drawn([4, 3, 3, 3], seed: 5).on(device),
          norm: BatchNorm(
            weight: channels[0], bias: channels[1], mean: channels[2], variance: channels[3], epsilon: 1e-5),
          stride: 2, padding: 1, activation: .relu6)
      }
      let x = try Tensor.drawn([2, 3, 8, 8], seed: 6)
      let found = try layer(on: DeviceOfTests.device)(x.on(DeviceOfTests.device))
      #expect(try found.difference(from: layer(on: .cpu)(x)) <= Self.tolerance)
    }

    @Test("a device that is full says so with an error of its own, and goes on when there is room")
    func outOfMemory() throws {
      let x = try Tensor.drawn([64, 64], seed: 1).on(DeviceOfTests.device)
      #expect(DeviceOfTests.device.memory != nil)
      td_set_capacity(td_used() + 1000)
      defer { td_set_capacity(0) }
      let error = #expect(throws: TorchError.self) { try x + x }
      #expect(error?.isOutOfMemory == true)
      #expect(error?.problem == "add failed: the device has no memory left")
      td_set_capacity(0)
      #expect(try (x + x).floats().count == 64 * 64)
    }

    @Test("a pointer that a tensor shows cannot be read")
    func strayPointer() async {
      await #expect(processExitsWith: .failure) {
        _ = td_register()
        let pointer = td_stray_pointer()?.assumingMemoryBound(to: Float.self)
        if let pointer { print(pointer.pointee) }
      }
    }
  }
}
