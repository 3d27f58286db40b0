import CTorch

/// An immutable array of numbers with a shape.
///
/// Axis letters, the same everywhere in this package:
///
/// | letter | axis | letter | axis |
/// |---|---|---|---|
/// | B | images of a batch | M | context vectors |
/// | C | classes | D | width of a transformer |
/// | N | nodes of a prompt trie | E | width of the space that images and texts share |
/// | L | positions of a prompt | H, W | rows and columns of an image |
///
/// A tensor is on one ``Device``, where operations with it are computed. It is made on the CPU, and ``on(_:)`` moves it.
///
/// A tensor is a value: no operation changes one, so it may be shared between threads. Elements are 32-bit floats
/// unless documented otherwise.
public struct Tensor: @unchecked Sendable {
  // Sendable: libtorch's tensors are reference-counted atomically, and nothing reachable from here writes to one.
  let storage: Storage

  /// The length of each axis, the first axis first.
  public let shape: [Int]

  /// An element type. The raw value is safetensors' name of it.
  public enum Kind: String, Sendable, CaseIterable {
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case float64 = "F64"

    public var bytesPerElement: Int {
      switch self {
      case .float32: 4
      case .float16, .bfloat16: 2
      case .int64, .float64: 8
      }
    }
  }

  /// The owner of a C handle.
  final class Storage {
    let handle: ct_tensor
    init(_ handle: ct_tensor) { self.handle = handle }
    deinit { ct_free(handle) }
  }

  /// Takes ownership of `handle`.
  init(owning handle: ct_tensor) {
    storage = Storage(handle)
    var lengths = [Int64](repeating: 0, count: Int(ct_rank(handle)))
    ct_shape(handle, &lengths)
    shape = lengths.map(Int.init)
  }

  /// A tensor of 32-bit floats.
  ///
  /// - Parameter elements: row-major, as many as `shape` has.
  /// - Throws: ``TorchError/elementCount(shape:found:)``.
  public init(_ elements: [Float], shape: [Int]) throws {
    self = try elements.withUnsafeBytes { try Tensor(bytes: $0, kind: .float32, shape: shape) }
  }

  /// A tensor of 64-bit integers: labels or indices.
  public init(_ elements: [Int], shape: [Int]) throws {
    self = try elements.map(Int64.init).withUnsafeBytes { try Tensor(bytes: $0, kind: .int64, shape: shape) }
  }

  /// A tensor of 64-bit floats, for sums that 32 bits would round too much.
  ///
  /// - Parameter elements: row-major, as many as `shape` has.
  public init(doubles elements: [Double], shape: [Int]) throws {
    self = try elements.withUnsafeBytes { try Tensor(bytes: $0, kind: .float64, shape: shape) }
  }

  /// A tensor from raw elements in memory or from a file.
  ///
  /// - Parameter bytes: row-major elements of `kind`, little-endian; they are copied.
  public init(bytes: UnsafeRawBufferPointer, kind: Kind, shape: [Int]) throws {
    guard bytes.count == Tensor.product(shape + [kind.bytesPerElement]) else {
      throw TorchError.elementCount(shape: shape, found: bytes.count / kind.bytesPerElement)
    }
    let empty: StaticString = ""  // libtorch wants an address even where there is nothing to copy
    let address = bytes.baseAddress ?? UnsafeRawPointer(empty.utf8Start)
    self = try Tensor.result(of: "tensor from memory") {
      ct_from_memory(address, kind.code, shape.map(Int64.init), Int64(shape.count), $0)
    }
  }

  public static func zeros(_ shape: [Int], on device: Device = .cpu) throws -> Tensor {
    guard let count = product(shape) else {
      throw TorchError.shape(operation: "zeros", expected: "lengths that give a count", found: shape)
    }
    return try Tensor([Float](repeating: 0, count: count), shape: shape).on(device)
  }

  /// The product of lengths, or `nil` where one is negative or an `Int` cannot hold it.
  static func product(_ lengths: [Int]) -> Int? {
    lengths.reduce(1) { (product: Int?, length) in
      guard length >= 0, let (value, overflows) = product?.multipliedReportingOverflow(by: length), !overflows
      else { return nil }
      return value
    }
  }

  // MARK: Reading

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The element type, or `nil` for one that this package does not use.
  public var kind: Kind? { Kind(code: ct_kind_of(storage.handle)) }

  /// The elements as 32-bit floats, row-major; integers and half-precision floats are converted.
  public func floats() throws -> [Float] {
    let source = kind == .float32 ? self : try converted(to: .float32)
    var failure: (any Error)?
    let elements = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      do {
        try source.copy(to: UnsafeMutableRawBufferPointer(buffer))
        initialized = count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return elements
  }

  /// The elements as 64-bit floats, row-major.
  public func doubles() throws -> [Double] {
    var elements = [Double](repeating: 0, count: count)
    try elements.withUnsafeMutableBytes(converted(to: .float64).copy(to:))
    return elements
  }

  /// The elements of an integer tensor, row-major.
  public func integers() throws -> [Int] {
    guard kind == .int64 else { throw TorchError.kind(operation: "integers", expected: .int64, found: kind) }
    var elements = [Int64](repeating: 0, count: count)
    try elements.withUnsafeMutableBytes(copy(to:))
    return elements.map(Int.init)
  }

  /// The only element.
  public func scalar() throws -> Float {
    let elements = try floats()
    guard elements.count == 1, let element = elements.first else {
      throw TorchError.shape(operation: "scalar", expected: "one element", found: shape)
    }
    return element
  }

  /// The raw elements, row-major and little-endian.
  public func bytes() throws -> [UInt8] {
    guard let kind else { throw TorchError.kind(operation: "bytes", expected: .float32, found: nil) }
    var bytes = [UInt8](repeating: 0, count: count * kind.bytesPerElement)
    try bytes.withUnsafeMutableBytes(copy(to:))
    return bytes
  }

  private func copy(to destination: UnsafeMutableRawBufferPointer) throws {
    guard let address = destination.baseAddress else { return }
    try checked("tensor to memory", ct_to_memory(storage.handle, address, destination.count))
  }
}

extension Tensor.Kind {
  var code: ct_kind {
    switch self {
    case .float32: CT_FLOAT32
    case .float16: CT_FLOAT16
    case .bfloat16: CT_BFLOAT16
    case .int64: CT_INT64
    case .float64: CT_FLOAT64
    }
  }

  init?(code: Int32) {
    guard let kind = Self.allCases.first(where: { $0.code.rawValue == code }) else { return nil }
    self = kind
  }
}

extension Tensor {
  /// Runs one call of the shim and takes ownership of its result.
  static func result(
    of operation: String, _ call: (UnsafeMutablePointer<ct_tensor>) -> ct_status
  ) throws -> Tensor {
    var handle = ct_tensor()
    try checked(operation, call(&handle))
    return Tensor(owning: handle)
  }
}

/// Calls `body` with the handles of tensors that live at least until it returns.
///
/// Swift may release an array after its last use, which is before a call that receives only the handles.
func withHandles<Result>(of tensors: [Tensor], _ body: ([ct_tensor]) -> Result) -> Result {
  withExtendedLifetime(tensors) { body(tensors.map(\.storage.handle)) }
}

/// Turns a status of the shim into a Swift error.
func checked(_ operation: String, _ status: ct_status) throws {
  guard status.code != 0 else { return }
  defer { ct_message_free(status.message) }
  let message = status.message.map { String(cString: $0) } ?? "no reason given"
  if status.code == Int32(CT_OUT_OF_MEMORY) { throw TorchError.outOfMemory(operation: operation) }
  let firstLine = message.split(separator: "\n").first.map(String.init) ?? message
  throw TorchError.failed(operation: operation, reason: firstLine)
}
