import CLIP
import Datasets
import Embedded
import Export
import Foundation
import PromptLearning
import Runs
import Support
import Testing
import Torch

/// The structures are those whose answers `Scripts/oracle/check_onnx.py` has compared with `predict`'s, and recorded.
@Suite("A graph has the structure that onnxruntime was asked with")
struct GraphStructureTests {
  struct Recorded: Decodable {
    let operators: [String: Int]
    let digest: String
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let model: String
    let method: String
    let precision: ModelExport.Precision
    var key: String { "\(model) \(method) \(precision.rawValue)" }
    var testDescription: String { key }
  }

  static let cases = ["tiny-clip", "ViT-B/32", "RN50"].flatMap { model in
    ["zero-shot", "cocoop"].flatMap { method in
      ModelExport.Precision.allCases.map { Case(model: model, method: method, precision: $0) }
    }
  }

  @Test("of every tower, for constant and for conditional prompts", arguments: cases)
  func structure(of asked: Case) throws {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/structures.json", withExtension: nil))
    let recorded = try JSONDecoder().decode([String: Recorded].self, from: Data(contentsOf: url))
    let expected = try #require(recorded[asked.key])
    let graph = try Self.graph(asked)
    #expect(graph.operators == expected.operators)
    #expect(FileHash.sha256(of: graph.lines.map { $0 + "\n" }.joined()) == expected.digest)
  }

  /// The graph over openclipart's classes. Of the larger towers only the sizes matter here: no tensor is made of them.
  private static func graph(_ asked: Case) throws -> Graph {
    let names = try DataSource("openclipart").load(divided: .reference(seed: 1)).classNames
    let tiny = try CLIPModel(weights: Embedded.tinyCLIP)
    let configuration =
      asked.model == "tiny-clip"
      ? tiny.configuration : CLIPConfiguration.openAI(try #require(OpenAIModel(rawValue: asked.model)))
    let head: ClassifierHead
    if asked.method == "zero-shot" {
      head = .cosines(classFeatures: try .zeros([names.count, configuration.embeddingWidth]))
    } else {
      // The trie is that of the names, whatever the tower.
      let trie = try ConditionalPrompts(for: names, clip: tiny).trie
      let (width, embedding) = (configuration.text.width, configuration.embeddingWidth)
      head = .conditionalPrompts(
        ConditionalPromptValues(
          contextVectors: try .zeros([4, width]),
          hidden: try Linear(weight: .zeros([embedding / 16, embedding]), bias: .zeros([embedding / 16])),
          output: try Linear(weight: .zeros([width, embedding / 16]), bias: .zeros([width])), trie: trie))
    }
    return try Graph(
      of: head, on: configuration, logitScale: 100, classCount: names.count,
      weights: Weights(GeneratedSource { _, shape in try .zeros(shape) }), precision: asked.precision.element)
  }

  @Test("every edge leads from an earlier node, a constant or the input, and no name occurs twice")
  func edges() throws {
    for asked in Self.cases {
      let graph = try Self.graph(asked)
      var known = Set(graph.constants.map(\.value.name) + graph.inputs.map(\.value.name))
      #expect(known.count == graph.constants.count + graph.inputs.count, "\(asked.key)")
      for node in graph.nodes {
        #expect(known.isSuperset(of: node.inputs), "\(asked.key): \(node.name)")
        for output in node.outputs { #expect(known.insert(output).inserted, "\(asked.key): \(output)") }
      }
      #expect(known.isSuperset(of: graph.outputs.map(\.value.name)))
      #expect(Set(graph.nodes.map(\.name)).count == graph.nodes.count, "\(asked.key)")
    }
  }

  @Test("beyond 1,024 nodes, each gathers its ancestors instead of seeing all through a mask")
  func gathering() throws {
    func operators(classes: Int) throws -> [String: Int] {
      try Self.graph(ofTrie: PromptTrie((0..<classes).map { [.token(0), .context(0), .token($0 + 1)] })).operators
    }
    #expect(try operators(classes: 1022)["ReduceSum"] == nil)
    let gathered = try operators(classes: 1023)
    #expect(gathered["ReduceSum"] == 2 * 3)  // tiny-clip's text tower has three blocks
  }

  @Test("prompts that would take a gigabyte an image are refused")
  func tooMany() throws {
    let trie = try PromptTrie(
      (0..<100_000).map { [.token(0), .context(0), .token($0 % 40_000), .token($0 / 40_000), .token(7)] })
    let error = try #require(throws: ExportError.self) { try Self.graph(ofTrie: trie) }
    #expect(error.problem.hasPrefix("100000 classes are too many for a graph that reads every prompt for every image"))
    #expect(
      error.remedy == "Name fewer classes, or export a method whose class features are the same for every image")
  }

  private static func graph(ofTrie trie: PromptTrie) throws -> Graph {
    let configuration = try CLIPModel(weights: Embedded.tinyCLIP).configuration
    let (width, embedding) = (configuration.text.width, configuration.embeddingWidth)
    let values = ConditionalPromptValues(
      contextVectors: try .zeros([1, width]), hidden: try Linear(weight: .zeros([2, embedding]), bias: nil),
      output: try Linear(weight: .zeros([width, 2]), bias: nil), trie: trie)
    return try Graph(
      of: .conditionalPrompts(values), on: configuration, logitScale: 100, classCount: trie.ends.count,
      weights: Weights(GeneratedSource { _, shape in try .zeros(shape) }), precision: .float32)
  }
}

extension Graph {
  /// The structure without the values: nodes with their edges, then constants with their types and shapes.
  fileprivate var lines: [String] {
    nodes.map { "\($0.operation) \($0.inputs.joined(separator: " ")) -> \($0.outputs.joined(separator: " "))" }
      + constants.map { "\($0.value.name) \($0.value.element.rawValue) \($0.tensor.shape)" }
  }
}
