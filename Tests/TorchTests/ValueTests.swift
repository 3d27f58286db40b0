import Support
import Testing
import TestSupport
import Torch

@Suite("Tensors are values")
struct ValueTests {
  @Test("Training lowers the loss, and leaves frozen tensors and earlier parameters as they were, bit for bit")
  func frozen() throws {
    var model = try ToyModel(seed: 1)
    let first = model
    let before = try (first.parameters + [first.frozen, first.inputs]).map { try $0.bytes() }
    let losses = try (0..<200).map { _ in try model.step() }
    #expect(losses[199] < 0.5 * losses[0])
    let after = try (first.parameters + [model.frozen, model.inputs]).map { try $0.bytes() }
    #expect(after == before)
    #expect(try model.parameters[0].bytes() != before[0])
  }

  @Test("No operation changes its operand", arguments: OperationTests.operations.keys.sorted())
  func operands(_ name: String) throws {
    let operation = try #require(OperationTests.operations[name])
    let recorded = try SafetensorsFile(contentsOf: fixture("operations.safetensors"))
    let inputs = try (0..<recorded.names.count { $0.hasPrefix("\(name)/input") }).map {
      try recorded.tensor("\(name)/input\($0)")
    }
    let before = try inputs.map { try $0.bytes() }
    let weight = try recorded.tensor("\(name)/weight")
    _ = try valueWithGradient(at: inputs) { try operation($0).weightedMean(weight) }
    #expect(try inputs.map { try $0.bytes() } == before)
  }

  @Test("Eight tasks that share tensors compute the same bits as one")
  func threads() async throws {
    let model = try ToyModel(seed: 2)
    var generator = SplitMix64(state: 3)
    let fused = try Tensor.random([2, 64, 96], &generator)
    let pattern = try SparsePattern((0..<64).map { Array(0...$0) })
    let compute: @Sendable () throws -> [[UInt8]] = {
      var model = model
      for _ in 0..<10 { _ = try model.step() }
      let (value, gradients) = try valueWithGradient(at: [fused]) {
        let parts = try [0..<32, 32..<64, 64..<96].map { [fused = $0[0]] in try fused.sliced($0, axis: 2) }
        return try parts[0].attending(to: parts[1], values: parts[2], heads: 4, pattern: .sparse(pattern))
          .mean(over: [0, 1, 2])
      }
      return try (model.parameters + [value] + gradients).map { try $0.bytes() }
    }
    let alone = try compute()
    try await withThrowingTaskGroup(of: [[UInt8]].self) { group in
      for _ in 0..<8 { group.addTask { try compute() } }
      for try await together in group { #expect(together == alone) }
    }
  }

  @Test("Elements go in and come out as they were", arguments: Tensor.Kind.allCases)
  func bytes(_ kind: Tensor.Kind) throws {
    let bytes = (0..<UInt8(6 * kind.bytesPerElement)).map { $0 &* 37 }
    let tensor = try bytes.withUnsafeBytes { try Tensor(bytes: $0, kind: kind, shape: [2, 3]) }
    #expect(try tensor.bytes() == bytes)
    #expect(tensor.kind == kind)
    #expect(try tensor.converted(to: kind).bytes() == bytes)
  }
}
