import CTorch
import Pickle

/// A tensor as a pickle of torch describes it: a view of a storage that lies elsewhere.
struct StoredTensor {
  let storage: StorageReference
  let kind: StoredKind
  /// The first element, counted from the storage's start.
  let offset: Int
  let shape: [Int]
  let strides: [Int]

  /// Where a storage lies, as the pickle's persistent identifiers say.
  struct StorageReference {
    let key: String
    /// `nil` for bytes whose type the tensor says.
    let kind: StoredKind?
    /// In elements of `kind`, or in bytes.
    let count: Int
    /// A view of the storage, as files of the old form know it: elements before it.
    let viewOffset: Int
  }

  /// The number of elements, checked to fit an `Int`.
  let count: Int

  /// The number of elements from the storage's start to the last one of the tensor.
  let reach: Int

  var bytes: Int { count * kind.bytesPerElement }
}

/// An element type of torch, by the name of its storage class and of its `dtype`.
enum StoredKind: String, CaseIterable {
  case float32 = "Float"
  case float16 = "Half"
  case bfloat16 = "BFloat16"
  case int64 = "Long"
  case float64 = "Double"
  case int32 = "Int"
  case int16 = "Short"
  case int8 = "Char"
  case uint8 = "Byte"
  case bool = "Bool"

  /// - Parameter storage: such as `FloatStorage`, of `torch` or `torch.cuda`.
  init?(storageClass storage: String) {
    guard storage.hasSuffix("Storage"), let kind = Self(rawValue: String(storage.dropLast("Storage".count))) else {
      return nil
    }
    self = kind
  }

  /// - Parameter dtype: such as `float32`, of `torch`.
  init?(dtype: String) {
    guard let kind = Self.allCases.first(where: { "\($0)" == dtype }) else { return nil }
    self = kind
  }

  var bytesPerElement: Int {
    switch self {
    case .int64, .float64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// The kind of the tensor that is made of it.
  var kind: Tensor.Kind {
    switch self {
    case .float32, .float64: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int64, .int32, .int16, .int8, .uint8, .bool: .int64
    }
  }

  var code: ct_stored_kind {
    switch self {
    case .float32: CT_STORED_FLOAT32
    case .float16: CT_STORED_FLOAT16
    case .bfloat16: CT_STORED_BFLOAT16
    case .int64: CT_STORED_INT64
    case .float64: CT_STORED_FLOAT64
    case .int32: CT_STORED_INT32
    case .int16: CT_STORED_INT16
    case .int8: CT_STORED_INT8
    case .uint8: CT_STORED_UINT8
    case .bool: CT_STORED_BOOL
    }
  }
}

extension StoredTensor {
  /// What a value of a pickle is, seen as a tensor.
  enum Reading {
    case tensor(StoredTensor)
    case unsupported(String)
    /// What makes no sense.
    case damaged(expected: String)
    /// A value that stands for another, such as the tensor of a parameter.
    case wrapper(PickleValue)
    case other
  }

  /// Source: torch's `_utils.py`, `_tensor.py` and `jit/_pickle.py`: the functions that its pickles call.
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
      guard let kind = StoredKind(dtype: dtype.name) else { return .unsupported("of \(dtype)") }
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
      return .unsupported("made by \(name), as sparse, quantized and other special tensors are,")
    default: return .other
    }
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
    guard let kind = dtype ?? storageKind else { return .unsupported("of \(type)") }
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

  /// One more than the place of the last element, or `nil` where an `Int` cannot hold it.
  private static func reach(_ start: Int, _ shape: [Int], _ strides: [Int]) -> Int? {
    zip(shape, strides).reduce(Optional(start)) { end, axis in
      guard let end else { return nil }
      let (step, tooFar) = (axis.0 - 1).multipliedReportingOverflow(by: axis.1)
      let (sum, tooLarge) = end.addingReportingOverflow(step)
      return tooFar || tooLarge ? nil : sum
    }.flatMap { $0 == .max ? nil : $0 + 1 }
  }
}
