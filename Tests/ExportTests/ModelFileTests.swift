import Export
import Foundation
import Support
import Testing
import TestSupport
import Torch

@Suite("A graph is written in the bytes of onnx's own library")
struct ModelFileTests {
  /// The model of `Scripts/oracle/record_onnx.py`.
  private func small() throws -> ModelFile {
    var graph = Graph(precision: .float16)
    let pixels = graph.addInput("pixels", [.free("B"), .fixed(32)])
    let weight = LazyTensor([32, 32]) { try Tensor((0..<1024).map { Float($0) / 1024 }, shape: [32, 32]) }
    let half = graph.cast(pixels, to: .float16, name: "pixels")
    let product = graph.linear(half, weight, bias: nil, path: "layer")
    let parts = graph.split(product, [("left", 16), ("right", 16)], path: "layer")
    let turned = graph.cast(graph.transpose(parts[0], [1, 0], name: "turned"), to: .float32, name: "turned")
    let bent = graph.apply("LeakyRelu", turned, name: "bent", .number("alpha", 0.25))
    let answers = graph.apply("Mul", bent, graph.number(-0.5, like: bent), name: "answers")
    graph.addOutput(answers, [.fixed(16), .free("B")])
    return ModelFile(
      graph: graph, name: "small", producerVersion: "1.2.3",
      metadata: ["method": "none", "classes": #"["größe","b"]"#])
  }

  private func recorded(_ name: String) throws -> Data {
    try Data(contentsOf: #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: nil)))
  }

  @Test("with its weights inside")
  func whole() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "small.onnx")
      try small().write(to: file, externalData: nil)
      #expect(try Data(contentsOf: file) == recorded("small.onnx"))
    }
  }

  @Test("with its large weights in a file of their own")
  func apart() throws {
    try withTemporaryFolder { folder in
      try small().write(to: folder.appending(path: "small-apart.onnx"), externalData: "small-apart.onnx.data")
      for name in ["small-apart.onnx", "small-apart.onnx.data"] {
        #expect(try Data(contentsOf: folder.appending(path: name)) == recorded(name), "\(name)")
      }
    }
  }

  @Test("weights stand in a file of their own where the model's would exceed 2 GB")
  func size() throws {
    var graph = Graph(precision: .float32)
    // Nothing is made of these shapes before the file is written.
    _ = graph.constant("first", LazyTensor([499_999_999]) { try .zeros([499_999_999]) })
    #expect(!ModelFile(graph: graph, name: "", producerVersion: "", metadata: [:]).needsExternalData)
    _ = graph.constant("second", LazyTensor([2]) { try .zeros([2]) })
    #expect(ModelFile(graph: graph, name: "", producerVersion: "", metadata: [:]).needsExternalData)
  }

  @Test("a number that 16 bits cannot hold is refused, and nothing is left")
  func overflow() throws {
    try withTemporaryFolder { folder in
      var graph = Graph(precision: .float16)
      _ = graph.constant("block/weight", LazyTensor([2]) { try Tensor([1, 70_000], shape: [2]) })
      let model = ModelFile(graph: graph, name: "", producerVersion: "", metadata: [:])
      let error = try #require(throws: ExportError.self) {
        try model.write(to: folder.appending(path: "model.onnx"), externalData: nil)
      }
      #expect(
        error.explanation == "'block/weight' has a number that 16 bits cannot hold. Export with --precision float32.")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test("a tensor of another shape than the graph's is refused")
  func shape() throws {
    try withTemporaryFolder { folder in
      var graph = Graph(precision: .float32)
      _ = graph.constant("block/weight", LazyTensor([2]) { try .zeros([3]) })
      let error = try #require(throws: ExportError.self) {
        try ModelFile(graph: graph, name: "", producerVersion: "", metadata: [:])
          .write(to: folder.appending(path: "model.onnx"), externalData: nil)
      }
      #expect(error.problem == "'block/weight' has shape [3], where the graph has [2]")
    }
  }
}
