import Torch

/// The type of a value's elements. The raw value is ONNX's number of it.
package enum ElementType: Int, Sendable {
  case float32 = 1
  case int64 = 7
  case float16 = 10

  var tensorKind: Tensor.Kind {
    switch self {
    case .float32: .float32
    case .int64: .int64
    case .float16: .float16
    }
  }
}

/// What flows along one edge of a graph: the result of a node, a constant or an input.
package struct Value: Sendable, Equatable {
  package let name: String
  package let element: ElementType
}

/// A tensor that is made when it is written, so that one at a time is in memory.
package struct LazyTensor {
  package let shape: [Int]
  let make: () throws -> Tensor

  package init(_ shape: [Int], making make: @escaping () throws -> Tensor) {
    self.shape = shape
    self.make = make
  }

  init(_ tensor: Tensor) { self.init(tensor.shape) { tensor } }

  /// The transpose of a matrix.
  var transposed: LazyTensor { LazyTensor(shape.reversed()) { try make().transposed() } }

  /// The rows of the first axis in `range`.
  func rows(_ range: Range<Int>) -> LazyTensor {
    LazyTensor([range.count] + shape.dropFirst()) { try make().sliced(range, axis: 0) }
  }

  func reshaped(_ shape: [Int]) -> LazyTensor { LazyTensor(shape) { try make().reshaped(shape) } }
}

/// An ONNX graph while it is built: nodes in the order of their computation, and the constants that they read.
///
/// Every node and value has a path as its name, such as `image/block3/attention/softmax`.
package struct Graph {
  /// The type of weights and of what is computed with them.
  let precision: ElementType
  package private(set) var nodes: [Node] = []
  package private(set) var constants: [Constant] = []
  package private(set) var inputs: [Port] = []
  package private(set) var outputs: [Port] = []
  private var uses: [String: Int] = [:]
  private var integerLists: [[Int]: Value] = [:]
  private var numbers: [String: Value] = [:]

  package init(precision: ElementType) { self.precision = precision }

  package struct Node {
    package let operation: String
    package let name: String
    package let inputs: [String]
    package let outputs: [String]
    let attributes: [Attribute]
  }

  package enum Attribute {
    case integer(String, Int)
    case integers(String, [Int])
    case number(String, Float)
  }

  /// A constant tensor, ONNX's initializer.
  package struct Constant {
    package let value: Value
    package let tensor: LazyTensor
    var byteCount: Int { tensor.shape.reduce(1, *) * value.element.tensorKind.bytesPerElement }
  }

  /// An input or output of the whole graph. An axis that is free has a name.
  package struct Port {
    package let value: Value
    let axes: [Axis]

    package enum Axis: Equatable {
      case free(String)
      case fixed(Int)
    }
  }

  // MARK: Building

  package mutating func addInput(_ name: String, _ axes: [Port.Axis]) -> Value {
    let value = Value(name: unique(name), element: .float32)
    inputs.append(Port(value: value, axes: axes))
    return value
  }

  /// Makes `value` an output of the graph.
  package mutating func addOutput(_ value: Value, _ axes: [Port.Axis]) {
    outputs.append(Port(value: value, axes: axes))
  }

  /// Adds a node with one result, which has the node's name.
  ///
  /// - Parameter element: the type of the result, where it is not that of the first input.
  package mutating func apply(
    _ operation: String, _ inputs: Value..., name: String, element: ElementType? = nil, _ attributes: Attribute...
  ) -> Value {
    apply(operation, to: inputs, name: name, element: element, attributes)
  }

  mutating func apply(
    _ operation: String, to inputs: [Value], name: String, element: ElementType? = nil, _ attributes: [Attribute]
  ) -> Value {
    let result = Value(name: unique(name), element: element ?? inputs.first?.element ?? precision)
    nodes.append(
      Node(
        operation: operation, name: result.name, inputs: inputs.map(\.name), outputs: [result.name],
        attributes: attributes))
    return result
  }

  /// Divides the last axis of `x` into parts of the given widths, each with a name.
  package mutating func split(_ x: Value, _ parts: [(name: String, width: Int)], path: String) -> [Value] {
    let results = parts.map { Value(name: unique("\(path)/\($0.name)"), element: x.element) }
    nodes.append(
      Node(
        operation: "Split", name: unique("\(path)/split"), inputs: [x.name, integers(parts.map(\.width)).name],
        outputs: results.map(\.name), attributes: [.integer("axis", -1)]))
    return results
  }

  /// Adds a constant of weights.
  ///
  /// - Parameter element: by default the graph's precision.
  package mutating func constant(_ name: String, _ tensor: LazyTensor, element: ElementType? = nil) -> Value {
    let value = Value(name: unique(name), element: element ?? precision)
    constants.append(Constant(value: value, tensor: tensor))
    return value
  }

  /// The list of integers as a constant: a shape, axes or indices. Equal short lists are one constant.
  mutating func integers(_ list: [Int]) -> Value {
    if let known = integerLists[list] { return known }
    let name = list.count <= 6 ? "integers/\(list.map(String.init).joined(separator: "_"))" : "integers/list"
    let value = indices(name, list, shape: [list.count])
    integerLists[list] = value
    return value
  }

  /// Indices of any shape as a constant.
  mutating func indices(_ name: String, _ list: [Int], shape: [Int]) -> Value {
    constant(name, LazyTensor(shape) { try Tensor(list, shape: [list.count]).reshaped(shape) }, element: .int64)
  }

  /// A number as a constant of the type of `x`.
  package mutating func number(_ number: Float, like x: Value) -> Value {
    let name = "numbers/\(x.element == .float16 ? "half_" : "")\(number)"
    if let known = numbers[name] { return known }
    let value = constant(name, LazyTensor([]) { try Tensor([number], shape: []) }, element: x.element)
    numbers[name] = value
    return value
  }

  private mutating func unique(_ name: String) -> String {
    let count = uses[name, default: 0] + 1
    uses[name] = count
    return count == 1 ? name : "\(name)_\(count)"
  }

  /// The operators that occur, in alphabetical order, and how often.
  package var operators: [String: Int] { nodes.reduce(into: [:]) { $0[$1.operation, default: 0] += 1 } }
}
