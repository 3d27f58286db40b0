import CTorch
import Foundation
import Pickle
import Support

/// A file that torch wrote: `torch.save` in its zip form or in the form before 1.6, or TorchScript.
///
/// Nothing in the file is executed: see `Unpickler`. A tensor's name is the path of keys and attributes that leads to
/// it, joined by ".", such as `state_dict.ctx`; everything else in the file is in ``root``. Opening reads the
/// description of all tensors and checks each against its storage; elements are read when a tensor is requested,
/// straight into its memory. Floats of 64 bits are read as 32 bits, and refused where they don't fit; integers and
/// booleans of any width are read as 64 bits.
public struct TorchArchive: TensorFile {
  public let path: String
  /// Everything that was saved. A tensor is an object of the torch function that would have made it.
  public let root: PickleValue
  /// Whether the file is a TorchScript archive, whose values are attributes of modules.
  public let isScript: Bool
  private let tensors: [String: StoredTensor]
  /// The tensors that cannot be read, by name: what each is, and its element type.
  private let unsupported: [String: (kind: String, elementType: String)]
  /// The location of each storage in the file.
  private let storages: [String: Range<Int>]
  private let file: ReadableFile

  /// - Throws: ``TorchError/archive(path:_:)`` and `PickleError`, for a file that is not whole and consistent. A tensor
  ///   of a kind that this package does not read is not an error: other tensors of the file stay readable.
  public init(contentsOf url: URL) throws {
    path = url.path
    do {
      let file = try ReadableFile(url)
      let contents = try file.withBytes { try TorchContents($0, path: url.path) }
      self.file = file
      root = contents.root
      storages = contents.storages
      isScript = contents.isScript
      var collector = TensorCollector()
      try collector.collect(contents.root, at: [])
      tensors = collector.tensors
      unsupported = collector.unsupported
      try check(in: file.size)
    } catch let fault as TorchArchiveFault {
      throw TorchError.archive(path: url.path, fault)
    } catch let reason as SystemReason {
      throw TorchError.archive(path: url.path, .unreadable(reason: reason.text))
    }
  }

  private func check(in size: Int) throws(TorchArchiveFault) {
    guard !tensors.isEmpty || !unsupported.isEmpty else { throw .noTensors(found: root.kind) }
    var total = 0
    for (name, tensor) in tensors {
      let storage = tensor.storage
      let bytes = (storage.kind?.bytesPerElement ?? 1).multipliedReportingOverflow(by: storage.count)
      guard let range = storages[storage.key] else {
        throw .storage(name: name, key: storage.key, expected: bytes.partialValue, found: nil)
      }
      guard !bytes.overflow, range.count >= bytes.partialValue else {
        throw .storage(name: name, key: storage.key, expected: bytes.partialValue, found: range.count)
      }
      let elements = range.count / tensor.kind.bytesPerElement
      guard tensor.reach <= elements else { throw .outside(name: name, elements: tensor.reach, storage: elements) }
      total = total.addingReportingOverflow(tensor.bytes).partialValue
      guard total >= 0, total / 10 <= size else { throw .inflated(bytes: total, file: size) }
    }
  }

  /// The names of all tensors, sorted; those that cannot be read have no shape.
  public var names: [String] { (Array(tensors.keys) + unsupported.keys).sorted() }

  public func shape(of name: String) -> [Int]? { tensors[name]?.shape }

  public func elementType(of name: String) -> String? { tensors[name]?.kind.name ?? unsupported[name]?.elementType }

  public func kind(of name: String) -> Tensor.Kind? { tensors[name]?.kind.kind }

  public func tensor(_ name: String) throws -> Tensor {
    if let kind = unsupported[name]?.kind { throw TorchError.archive(path: path, .unsupported(name: name, kind: kind)) }
    guard let tensor = tensors[name], let storage = storages[tensor.storage.key] else {
      throw TorchError.archive(path: path, .noTensor(name: name, nearest: name.nearest(among: names)))
    }
    let position = storage.lowerBound + tensor.offset * tensor.kind.bytesPerElement
    return try Tensor.result(of: "\(path), tensor “\(name.prefix(100))”") {
      ct_from_file(
        file.descriptor, Int64(position), tensor.kind.code, tensor.shape.map(Int64.init),
        tensor.strides.map(Int64.init), Int64(tensor.shape.count), $0)
    }
  }
}

/// Finds the tensors in a value.
private struct TensorCollector {
  private(set) var tensors: [String: StoredTensor] = [:]
  private(set) var unsupported: [String: (kind: String, elementType: String)] = [:]

  mutating func collect(_ value: PickleValue, at path: [String]) throws(TorchArchiveFault) {
    let name = path.joined(separator: ".")
    switch StoredTensor.reading(value) {
    case .tensor(let tensor):
      guard tensors.updateValue(tensor, forKey: name) == nil else { throw .ambiguous(name: name) }
    case .unsupported(let kind, let elementType): unsupported[name] = (kind, elementType)
    case .damaged(let expected): throw .description(name: name, expected: expected)
    case .wrapper(let inner): try collect(inner, at: path)
    case .other: try collectParts(of: value, at: path)
    }
  }

  private mutating func collectParts(of value: PickleValue, at path: [String]) throws(TorchArchiveFault) {
    switch value {
    case .list(let elements), .tuple(let elements):
      for (index, element) in elements.enumerated() { try collect(element, at: path + ["\(index)"]) }
    case .dictionary(let entries):
      // Where a key occurs twice, the last one counts, as in Python.
      var last: [String: PickleValue] = [:]
      for entry in entries { if let key = entry.key.asKey { last[key] = entry.value } }
      for (key, value) in last { try collect(value, at: path + [key]) }
    case .object(_, _, let state?): try collectAttributes(state, at: path)
    default: break
    }
  }

  /// The attributes of an object; a pickled module keeps its tensors and its parts under names of its own.
  private mutating func collectAttributes(_ state: PickleValue, at path: [String]) throws(TorchArchiveFault) {
    guard state["_parameters"] != nil, state["_modules"] != nil else { return try collectParts(of: state, at: path) }
    for part in ["_parameters", "_buffers", "_modules"] {
      if let values = state[part] { try collect(values, at: path) }
    }
  }
}

extension PickleValue {
  /// The key as part of a name.
  fileprivate var asKey: String? { string ?? integer.map(String.init) }
}

/// A fault of a file of `torch.save` or TorchScript, or of a request to it: the facts of
/// ``TorchError/archive(path:_:)``.
public enum TorchArchiveFault: Error, Equatable {
  case unreadable(reason: String)
  case wrongDownload(WrongDownload)
  /// Neither a zip archive nor a pickle; `looksLike` is a guess at what it is.
  case notTorch(looksLike: String?)
  /// A form that torch itself no longer supports.
  case outdated(form: String)
  /// A zip archive without torch's own entries.
  case noPickle
  case bigEndian
  case noTensors(found: String)
  case noTensor(name: String, nearest: String?)
  /// Two tensors whose key paths read the same.
  case ambiguous(name: String)
  /// A tensor whose description makes no sense; `expected` is what it should be.
  case description(name: String, expected: String)
  /// A tensor of a kind that is not read: quantized, sparse, or of an element type that this package does not use.
  case unsupported(name: String, kind: String)
  /// A tensor that reaches beyond its storage.
  case outside(name: String, elements: Int, storage: Int)
  /// A storage that is not in the file, or is shorter there than described.
  case storage(name: String, key: String, expected: Int, found: Int?)
  /// Tensors that share bytes so often that they would become many times the file.
  case inflated(bytes: Int, file: Int)
  case truncated(expected: Int, found: Int)
  case tooLargeToWrite(bytes: Int)

  /// The problem, to be read after the file's path.
  var problem: String {
    switch self {
    case .unreadable(let reason): reason
    case .wrongDownload(let what): what.problem
    case .notTorch(let looksLike?): "expected a file of torch.save or TorchScript, found \(looksLike)"
    case .notTorch(nil): "expected a file of torch.save or TorchScript, found neither a zip archive nor a pickle"
    case .outdated(let form): "it has \(form), which torch itself no longer writes"
    case .noPickle: "it is a zip archive, but none of torch's: it has no data.pkl in one folder"
    case .bigEndian: "it was written on a big-endian machine, whose byte order is not read here"
    case .noTensors(let found): "it is a pickle without tensors: it holds \(found)"
    case .noTensor(let name, _): "there is no tensor \(quoted(name))"
    case .ambiguous(let name): "it has two tensors whose key paths both read \(quoted(name))"
    case .description(let name, let expected): "tensor \(quoted(name)): expected \(expected)"
    case .unsupported(let name, let kind): "tensor \(quoted(name)) is \(kind), which is not read"
    case .outside(let name, let elements, let storage):
      "tensor \(quoted(name)) needs \(elements) elements of a storage that has \(storage)"
    case .storage(let name, let key, let expected, let found?):
      "tensor \(quoted(name)): its storage \(quoted(key)) should have \(expected) bytes, but \(found) are there"
    case .storage(let name, let key, _, nil): "tensor \(quoted(name)): its storage \(quoted(key)) is not in the file"
    case .inflated(let bytes, let file): "its tensors would take \(bytes) bytes, but the file has only \(file)"
    case .truncated(let expected, let found): "its storages should end at byte \(expected), but it has \(found) bytes"
    case .tooLargeToWrite(let bytes): "\(bytes) bytes of tensors are more than the 4 GB that are written"
    }
  }

  var remedy: String? {
    switch self {
    case .unreadable: "Give a file that exists and is readable"
    case .wrongDownload(let what): what.remedy
    case .notTorch, .noPickle: "Give the file as torch.save or torch.jit.save wrote it"
    case .outdated, .bigEndian: "Load it with torch on a machine of today and save it again"
    case .noTensors: "Give a checkpoint with a state dict in it"
    case .noTensor(_, let nearest): nearest.map { "Did you mean \(quoted($0))?" }
    case .unsupported: "Convert the tensor to 32-bit floats in torch and save the file again"
    case .tooLargeToWrite: "Write a safetensors file instead"
    default: "Fetch or write the file again: it is damaged"
    }
  }

  private func quoted(_ name: String) -> String { "“\(name.count > 100 ? name.prefix(100) + "…" : name[...])”" }
}
