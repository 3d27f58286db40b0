import Foundation
import Support
import Torch

/// A graph as a file in ONNX's format (`onnx.proto`, IR version 8), in the bytes that Google's writer makes of the same
/// message.
package struct ModelFile {
  /// The version of the operators. 17 brought LayerNormalization, and onnxruntime reads it since 1.12 (2022).
  static let operatorSet = 17
  private static let intermediateRepresentation = 8
  /// Protocol Buffers end at 2 GiB; weights that would come near stand in a file of their own.
  static let largestFile = 2_000_000_000
  /// A constant smaller than this stands in the model's file even where weights stand in theirs: shapes are read early.
  private static let smallestExternal = 1024
  /// The positions in the file of weights, so that it can be mapped into memory.
  private static let alignment = 4096

  private let graph: Graph
  private let name: String
  private let producerVersion: String
  /// Facts for the reader, by key.
  private let metadata: [String: String]

  package init(graph: Graph, name: String, producerVersion: String, metadata: [String: String]) {
    self.graph = graph
    self.name = name
    self.producerVersion = producerVersion
    self.metadata = metadata
  }

  /// Whether the file with its weights would be too large for the format.
  package var needsExternalData: Bool { graph.constants.reduce(0) { $0 + $1.byteCount } > Self.largestFile }

  /// Writes the file, and its weights to another one beside it where `externalData` names one.
  ///
  /// - Throws: `WritingError`, and what reading a tensor throws.
  package func write(to url: URL, externalData: String?) throws {
    let places = externalData == nil ? [:] : externalPlaces
    if let externalData {
      let file = url.deletingLastPathComponent().appending(path: externalData)
      try AtomicFile.write(to: file) { append in
        var position = 0
        for constant in graph.constants {
          guard let place = places[constant.value.name] else { continue }
          try [UInt8](repeating: 0, count: place - position).withUnsafeBytes(append)
          try constant.bytes().withUnsafeBytes(append)
          position = place + constant.byteCount
        }
      }
    }
    let location = externalData.map { (file: $0, places: places) }
    try AtomicFile.write(to: url) { append in
      let tensors = graph.constants.map { (constant: $0, message: $0.message(at: location)) }
      let (nodes, ends) = (nodeMessage, endMessage)
      let length = tensors.reduce(nodes.bytes.count + ends.bytes.count) { $0 + $1.message.fieldLength }
      var head = ProtobufMessage()
      head.add(1, Self.intermediateRepresentation)
      head.add(2, "cocoop")
      head.add(3, producerVersion)
      head.addLength(7, length)
      try head.bytes.withUnsafeBytes(append)
      try nodes.bytes.withUnsafeBytes(append)
      for (constant, message) in tensors {
        try message.head.withUnsafeBytes(append)
        if message.contentLength > 0 { try constant.bytes().withUnsafeBytes(append) }
      }
      try ends.bytes.withUnsafeBytes(append)
      try modelEnd.bytes.withUnsafeBytes(append)
    }
  }

  /// Where each large constant begins in the file of weights, by name.
  private var externalPlaces: [String: Int] {
    var position = 0
    return graph.constants.reduce(into: [:]) { places, constant in
      guard constant.byteCount >= Self.smallestExternal else { return }
      position = (position + Self.alignment - 1) / Self.alignment * Self.alignment
      places[constant.value.name] = position
      position += constant.byteCount
    }
  }

  /// `GraphProto` up to its tensors: nodes and name.
  private var nodeMessage: ProtobufMessage {
    var message = ProtobufMessage()
    for node in graph.nodes { message.add(1, node.message) }
    message.add(2, name)
    return message
  }

  /// `GraphProto` after its tensors: inputs and outputs.
  private var endMessage: ProtobufMessage {
    var message = ProtobufMessage()
    for input in graph.inputs { message.add(11, input.message) }
    for output in graph.outputs { message.add(12, output.message) }
    return message
  }

  /// `ModelProto` after its graph.
  private var modelEnd: ProtobufMessage {
    var message = ProtobufMessage()
    var operators = ProtobufMessage()
    operators.add(1, "")
    operators.add(2, Self.operatorSet)
    message.add(8, operators)
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { message.add(14, entry(key, value)) }
    return message
  }
}

/// `StringStringEntryProto`.
private func entry(_ key: String, _ value: String) -> ProtobufMessage {
  var message = ProtobufMessage()
  message.add(1, key)
  message.add(2, value)
  return message
}

extension Graph.Node {
  /// `NodeProto`.
  fileprivate var message: ProtobufMessage {
    var message = ProtobufMessage()
    for input in inputs { message.add(1, input) }
    for output in outputs { message.add(2, output) }
    message.add(3, name)
    message.add(4, operation)
    for attribute in attributes { message.add(5, attribute.message) }
    return message
  }
}

extension Graph.Attribute {
  /// `AttributeProto`, with the number of its type at the end.
  fileprivate var message: ProtobufMessage {
    var message = ProtobufMessage()
    switch self {
    case .number(let name, let value):
      message.add(1, name)
      message.add(2, value)
      message.add(20, 1)
    case .integer(let name, let value):
      message.add(1, name)
      message.add(3, value)
      message.add(20, 2)
    case .integers(let name, let values):
      message.add(1, name)
      for value in values { message.add(8, value) }
      message.add(20, 7)
    }
    return message
  }
}

extension Graph.Port {
  /// `ValueInfoProto`, with a `TypeProto` of a tensor.
  fileprivate var message: ProtobufMessage {
    var (message, type, tensor, shape) = (
      ProtobufMessage(), ProtobufMessage(), ProtobufMessage(), ProtobufMessage()
    )
    for axis in axes {
      var dimension = ProtobufMessage()
      switch axis {
      case .fixed(let length): dimension.add(1, length)
      case .free(let name): dimension.add(2, name)
      }
      shape.add(1, dimension)
    }
    tensor.add(1, value.element.rawValue)
    tensor.add(2, shape)
    type.add(1, tensor)
    message.add(1, value.name)
    message.add(2, type)
    return message
  }
}

extension Graph.Constant {
  /// A `TensorProto` as a field of its graph, without the elements that follow its head.
  fileprivate struct Message {
    /// The field's tag and length, and everything before the elements.
    let head: [UInt8]
    /// The bytes of the elements behind the head; 0 where they stand in another file.
    let contentLength: Int
    var fieldLength: Int { head.count + contentLength }
  }

  fileprivate func message(at location: (file: String, places: [String: Int])?) -> Message {
    var tensor = ProtobufMessage()
    for length in self.tensor.shape { tensor.add(1, length) }
    tensor.add(2, value.element.rawValue)
    tensor.add(8, value.name)
    var contentLength = 0
    if let location, let place = location.places[value.name] {
      for (key, text) in [("location", location.file), ("offset", "\(place)"), ("length", "\(byteCount)")] {
        tensor.add(13, entry(key, text))
      }
      tensor.add(14, 1)
    } else {
      contentLength = byteCount
      tensor.addLength(9, contentLength)
    }
    var field = ProtobufMessage()
    field.addLength(5, tensor.bytes.count + contentLength)
    return Message(head: field.bytes + tensor.bytes, contentLength: contentLength)
  }

  /// The elements, little-endian.
  ///
  /// - Throws: ``ExportError/notInHalf(tensor:)``, ``ExportError/shape(tensor:expected:found:)``.
  fileprivate func bytes() throws -> [UInt8] {
    let made = try tensor.make()
    guard made.shape == tensor.shape else {
      throw ExportError.shape(tensor: value.name, expected: tensor.shape, found: made.shape)
    }
    let converted = try made.converted(to: value.element.tensorKind)
    if value.element == .float16, converted.count > 0 {
      // The mean is finite where all elements are; beyond 65,504 an element of 16 bits is infinite.
      let sums = try converted.converted(to: .float64)
      guard try sums.mean(over: Array(sums.shape.indices)).doubles().allSatisfy(\.isFinite) else {
        throw ExportError.notInHalf(tensor: value.name)
      }
    }
    return try converted.bytes()
  }
}
