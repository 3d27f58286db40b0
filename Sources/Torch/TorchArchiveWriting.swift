import Foundation
import Pickle
import Support

/// A value that can be saved for `torch.load`: tensors, and plain values around them.
public indirect enum SavedValue: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  case double(Double)
  case string(String)
  case list([SavedValue])
  /// A dictionary with its keys in order.
  case dictionary([(key: String, value: SavedValue)])
  case tensor(Tensor)
}

extension TorchArchive {
  /// Writes a value so that `torch.load` reads it with its default settings, as if `torch.save` had written it. The
  /// file appears whole or not at all.
  ///
  /// - Throws: ``TorchError`` where an element type cannot be written or the tensors are larger than 4 GB together;
  ///   `WritingError` with the system's reason. An earlier file at `url` is then unchanged.
  public static func write(_ value: SavedValue, to url: URL) throws {
    var tensors: [Tensor] = []
    let pickle = try pickled(value, &tensors).pickled()
    let total = tensors.reduce(0) { $0 + $1.count * ($1.kind?.bytesPerElement ?? 0) }
    guard total + pickle.count + tensors.count * 300 < 1 << 32, tensors.count < 0xFFF0 else {
      throw TorchError.archive(path: url.path, .tooLargeToWrite(bytes: total))
    }
    try AtomicFile.write(to: url) { append in
      try withoutActuallyEscaping(append) { append in
        var zip = ZipWriter(append: append)
        try pickle.withUnsafeBytes { try zip.add("archive/data.pkl", $0) }
        try Array("little".utf8).withUnsafeBytes { try zip.add("archive/byteorder", $0) }
        for (index, tensor) in tensors.enumerated() {
          try tensor.bytes().withUnsafeBytes { try zip.add("archive/data/\(index)", $0) }
        }
        try Array("3\n".utf8).withUnsafeBytes { try zip.add("archive/version", $0) }
        try zip.finish()
      }
    }
  }

  private static func pickled(_ value: SavedValue, _ tensors: inout [Tensor]) throws -> PickleValue {
    switch value {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .double(let value): return .double(value)
    case .string(let text): return .string(text)
    case .list(let elements): return .list(try elements.map { try pickled($0, &tensors) })
    case .dictionary(let entries):
      return .dictionary(try entries.map { .init(key: .string($0.key), value: try pickled($0.value, &tensors)) })
    case .tensor(let tensor):
      tensors.append(tensor)
      return try rebuilding(tensor, key: "\(tensors.count - 1)")
    }
  }

  /// The call with which torch rebuilds a tensor from a storage.
  private static func rebuilding(_ tensor: Tensor, key: String) throws -> PickleValue {
    guard let kind = tensor.kind else { throw TorchError.kind(operation: "write", expected: .float32, found: nil) }
    let storage = PickleValue.tuple([
      .string("storage"), .global(.init("torch", kind.storageClass)), .string(key), .string("cpu"),
      .integer(tensor.count),
    ])
    let strides = tensor.shape.indices.map { tensor.shape[($0 + 1)...].reduce(1, *) }
    let hooks = PickleValue.object(class: .init("collections", "OrderedDict"), arguments: .tuple([]), state: nil)
    return .object(
      class: .init("torch._utils", "_rebuild_tensor_v2"),
      arguments: .tuple([
        .persistent(storage), .integer(0), .tuple(tensor.shape.map(PickleValue.integer)),
        .tuple(strides.map(PickleValue.integer)), .bool(false), hooks,
      ]), state: nil)
  }
}

extension Tensor.Kind {
  fileprivate var storageClass: String {
    switch self {
    case .float32: "FloatStorage"
    case .float16: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    case .int64: "LongStorage"
    case .float64: "DoubleStorage"
    }
  }
}
