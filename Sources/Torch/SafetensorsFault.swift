/// What is wrong with a safetensors file, or with what was asked of it: the facts of
/// ``TorchError/safetensors(path:_:)``.
public enum SafetensorsFault: Error, Equatable {
  /// The system would not open it as a file.
  case unreadable(reason: String)
  case tooShort(bytes: Int)
  /// The header's length passes the end of the file, or 100 MB.
  case headerLength(claimed: UInt64, available: Int)
  /// The header is not the JSON that it should be; `position` counts bytes from the header's start.
  case syntax(expected: String, position: Int)
  case duplicate(key: String)
  case missing(name: String, key: String)
  /// Not two numbers in ascending order.
  case offsets(name: String, found: [Int])
  /// The shape and the offsets of a tensor disagree.
  case size(name: String, kind: Tensor.Kind, shape: [Int], found: Int)
  case outside(name: String, end: Int, available: Int)
  /// A tensor that does not begin where the one before it ends.
  case gap(name: String, start: Int, expected: Int)
  case surplus(bytes: Int)
  case noTensor(name: String, nearest: String?)
  case elementType(name: String, found: String)
  /// A tensor cannot be written under the name that stands for metadata.
  case reservedName

  /// What is wrong, to be read after the file's path.
  var problem: String {
    switch self {
    case .unreadable(let reason): reason
    case .tooShort(let bytes): "expected a safetensors file, found \(bytes) bytes, too few for one"
    case .headerLength(let claimed, let available):
      claimed > SafetensorsHeader.longest
        ? "expected a safetensors file, found a header that claims \(claimed) bytes, above the limit of 100 MB"
        : "the header claims \(claimed) bytes, but only \(available) follow"
    case .syntax(let expected, let position): "expected \(expected) at byte \(position) of the header"
    case .duplicate(let key): "the header holds \(quoted(key)) twice"
    case .missing(let name, let key): "tensor \(quoted(name)) has no \(key)"
    case .offsets(let name, let found):
      "tensor \(quoted(name)): expected two data_offsets in ascending order, found \(abridged(found))"
    case .size(let name, let kind, let shape, let found):
      "tensor \(quoted(name)): \(kind.rawValue) of shape \(abridged(shape)) does not fill \(found) bytes"
    case .outside(let name, let end, let available):
      "tensor \(quoted(name)) ends at byte \(end), but the file holds \(available) bytes of tensors"
    case .gap(let name, let start, let expected):
      "tensor \(quoted(name)) begins at byte \(start), but the one before it ends at byte \(expected)"
    case .surplus(let bytes): "\(bytes) bytes belong to no tensor"
    case .noTensor(let name, _): "there is no tensor \(quoted(name))"
    case .elementType(let name, let found):
      "tensor \(quoted(name)): expected \(readable) elements, found \(quoted(found))"
    case .reservedName: "a tensor cannot be named \(quoted(SafetensorsHeader.metadataKey))"
    }
  }

  var remedy: String? {
    switch self {
    case .unreadable: "Give a safetensors file that exists and is readable"
    case .noTensor(_, let nearest): nearest.map { "Did you mean \(quoted($0))?" }
    case .elementType: "Convert the tensor to one of these"
    case .reservedName: "Choose another name"
    default: "Fetch or write the file again: it is damaged, or not a safetensors file"
    }
  }

  private var readable: String { Tensor.Kind.allCases.map(\.rawValue).joined(separator: ", ") }

  /// A name of the file, at a length that leaves the message readable.
  private func quoted(_ name: String) -> String { "“\(name.count > 100 ? name.prefix(100) + "…" : name[...])”" }

  private func abridged(_ numbers: [Int]) -> String {
    numbers.count > 8 ? "\(numbers.count) numbers" : "\(numbers)"
  }
}
