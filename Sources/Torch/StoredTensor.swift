import CTorch
import Pickle

/// A tensor as a pickle of torch describes it: a view of a storage that is located elsewhere.
struct StoredTensor {
  let storage: StorageReference
  let kind: StoredKind
  /// The first element, counted from the storage's start.
  let offset: Int
  let shape: [Int]
  let strides: [Int]

  /// The location of a storage, from the pickle's persistent identifier.
  struct StorageReference {
    let key: String
    /// `nil` for untyped bytes: the tensor then has the type.
    let kind: StoredKind?
    /// The storage's length, in elements of `kind`, or in bytes.
    let count: Int
    /// The offset of a view of the storage in files of the old form: the number of elements before it.
    let viewOffset: Int
  }

  /// The number of elements, checked to fit an `Int`.
  let count: Int

  /// The number of elements from the storage's start to the last one of the tensor.
  let reach: Int

  var bytes: Int { count * kind.bytesPerElement }
}

/// An element type of torch that can be read: one row with all its names.
struct StoredKind: Sendable {
  /// torch's name, such as `float32`.
  let dtype: String
  /// The name of its storage class without `Storage`, such as `Float`.
  let storage: String
  /// safetensors' name, such as `F32`.
  let name: String
  let code: ct_stored_kind
  let bytesPerElement: Int
  /// The kind of the tensor that is made from it.
  let kind: Tensor.Kind

  private init(
    _ dtype: String, _ storage: String, _ name: String, _ code: ct_stored_kind, bytes: Int, as kind: Tensor.Kind
  ) {
    (self.dtype, self.storage, self.name, self.code) = (dtype, storage, name, code)
    (bytesPerElement, self.kind) = (bytes, kind)
  }

  private static let table = [
    StoredKind("float32", "Float", "F32", CT_STORED_FLOAT32, bytes: 4, as: .float32),
    StoredKind("float16", "Half", "F16", CT_STORED_FLOAT16, bytes: 2, as: .float16),
    StoredKind("bfloat16", "BFloat16", "BF16", CT_STORED_BFLOAT16, bytes: 2, as: .bfloat16),
    StoredKind("float64", "Double", "F64", CT_STORED_FLOAT64, bytes: 8, as: .float32),
    StoredKind("int64", "Long", "I64", CT_STORED_INT64, bytes: 8, as: .int64),
    StoredKind("int32", "Int", "I32", CT_STORED_INT32, bytes: 4, as: .int64),
    StoredKind("int16", "Short", "I16", CT_STORED_INT16, bytes: 2, as: .int64),
    StoredKind("int8", "Char", "I8", CT_STORED_INT8, bytes: 1, as: .int64),
    StoredKind("uint8", "Byte", "U8", CT_STORED_UINT8, bytes: 1, as: .int64),
    StoredKind("bool", "Bool", "BOOL", CT_STORED_BOOL, bytes: 1, as: .int64),
  ]

  /// - Parameter storage: a name such as `FloatStorage`, of `torch` or `torch.cuda`.
  init?(storageClass storage: String) {
    guard let row = Self.table.first(where: { "\($0.storage)Storage" == storage }) else { return nil }
    self = row
  }

  /// - Parameter dtype: a name such as `float32`, of `torch`.
  init?(dtype: String) {
    guard let row = Self.table.first(where: { $0.dtype == dtype }) else { return nil }
    self = row
  }
}

extension StoredTensor {
  /// A value of a pickle, interpreted as a tensor.
  enum Reading {
    case tensor(StoredTensor)
    /// A tensor of a kind that cannot be read, and its element type in torch's words.
    case unsupported(String, elementType: String)
    /// A description that makes no sense.
    case damaged(expected: String)
    /// A value that wraps another, such as the tensor of a parameter.
    case wrapper(PickleValue)
    case other
  }

  /// Interprets a value. Source: torch's `_utils.py`, `_tensor.py` and `jit/_pickle.py`: the functions that its pickles
  /// call.
  static func reading(_ value: PickleValue) -> Reading {
    guard case .object(let function, let argumentsValue, _) = value, let arguments = argumentsValue.elements else {
      return .other
    }
    switch (function.module, function.name) {
    case ("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_tensor_v2"):
      return tensor(arguments, dtype: nil)
    case ("torch._utils", "_rebuild_tensor_v3"):
      guard arguments.count > 6, case .global(let dtype) = arguments[6] else {
        return .damaged(expected: "an element type")
      }
      guard let kind = StoredKind(dtype: dtype.name) else {
        return .unsupported("of \(dtype)", elementType: dtype.name)
      }
      return tensor(arguments, dtype: kind)
    case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"),
      ("torch.jit._pickle", "restore_type_tag"), ("torch.jit._pickle", "build_tensorlist"):
      return arguments.first.map(Reading.wrapper) ?? .damaged(expected: "a tensor in it")
    case ("torch._tensor", "_rebuild_from_type_v2"), ("torch.tensor", "_rebuild_from_type_v2"):
      guard arguments.count > 2, case .global(let inner) = arguments[0] else {
        return .damaged(expected: "a tensor in it")
      }
      return reading(.object(class: inner, arguments: arguments[2], state: nil))
    case ("torch._utils", let name) where name.hasPrefix("_rebuild_"):
      return .unsupported(
        "made by \(name), as sparse, quantized and other special tensors are,",
        elementType: name == "_rebuild_qtensor" ? quantizedType(arguments) : name)
    default: return .other
    }
  }

  /// The type, such as `qint8`, of a tensor that torch has quantized.
  private static func quantizedType(_ arguments: [PickleValue]) -> String {
    guard case .persistent(let id)? = arguments.first, let parts = id.elements, parts.count > 1,
      case .global(let type) = parts[1]
    else { return "quantized" }
    return elementType(ofStorage: type)
  }

  /// The element type of a storage class: `qint8` for `torch.QInt8Storage`.
  private static func elementType(ofStorage type: PickleValue.Global) -> String {
    type.name.replacing("Storage", with: "").lowercased()
  }

  private static func tensor(_ arguments: [PickleValue], dtype: StoredKind?) -> Reading {
    guard arguments.count >= 4, case .persistent(let id) = arguments[0] else { return .damaged(expected: "a storage") }
    guard let offset = arguments[1].integer, let shape = arguments[2].elements?.map(\.integer),
      let strides = arguments[3].elements?.map(\.integer)
    else { return .damaged(expected: "an offset, a shape and strides") }
    let sizes = shape.compactMap { $0 }
    let steps = strides.compactMap { $0 }
    guard sizes.count == shape.count, steps.count == sizes.count, steps.count == strides.count, sizes.count <= 64 else {
      return .damaged(expected: "one stride for each of at most 64 axes")
    }
    guard let parts = id.elements, parts.count >= 5, parts[0] == .string("storage"), case .global(let type) = parts[1],
      let key = parts[2].string ?? parts[2].integer.map(String.init), let count = parts[4].integer, count >= 0
    else { return .damaged(expected: "a storage") }
    let storageKind = StoredKind(storageClass: type.name)
    guard let kind = dtype ?? storageKind else {
      return .unsupported("of \(type)", elementType: elementType(ofStorage: type))
    }
    // A file of the old form may share a storage as (key of the view, offset, size).
    let view = parts.count > 5 ? parts[5].elements?.dropFirst().first?.integer ?? 0 : 0
    let reference = StorageReference(key: key, kind: storageKind, count: count, viewOffset: view)
    guard let tensor = StoredTensor(reference, kind, offset: offset, sizes, steps) else {
      return .damaged(expected: "an offset, lengths and strides that are not negative and give a count")
    }
    return .tensor(tensor)
  }

  private init?(_ storage: StorageReference, _ kind: StoredKind, offset: Int, _ shape: [Int], _ strides: [Int]) {
    let (start, overflows) = offset.addingReportingOverflow(storage.viewOffset)
    guard offset >= 0, storage.viewOffset >= 0, !overflows, strides.allSatisfy({ $0 >= 0 }),
      let count = Tensor.product(shape), Tensor.product([count, kind.bytesPerElement]) != nil,
      let reach = count == 0 ? start : Self.reach(start, shape, strides)
    else { return nil }
    (self.storage, self.kind, self.shape, self.strides) = (storage, kind, shape, strides)
    (self.offset, self.count, self.reach) = (start, count, reach)
  }

  /// One more than the position of the last element, or `nil` where an `Int` cannot hold it.
  private static func reach(_ start: Int, _ shape: [Int], _ strides: [Int]) -> Int? {
    zip(shape, strides).reduce(Optional(start)) { end, axis in
      guard let end else { return nil }
      let (step, tooFar) = (axis.0 - 1).multipliedReportingOverflow(by: axis.1)
      let (sum, tooLarge) = end.addingReportingOverflow(step)
      return tooFar || tooLarge ? nil : sum
    }.flatMap { $0 == .max ? nil : $0 + 1 }
  }
}
