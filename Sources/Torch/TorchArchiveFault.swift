import Explanations
import Pickle

/// What is wrong with a file of `torch.save` or TorchScript, or with what was asked of it: the facts of
/// ``TorchError/archive(path:_:)``.
public enum TorchArchiveFault: Error, Equatable {
  case unreadable(reason: String)
  case wrongDownload(WrongDownload)
  /// Neither a zip archive nor a pickle; `looksLike` says what it seems to be.
  case notTorch(looksLike: String?)
  /// A form that torch itself gave up long ago.
  case outdated(form: String)
  /// A zip archive without what torch puts into one.
  case noPickle
  case bigEndian
  case noTensors(found: String)
  case noTensor(name: String, nearest: String?)
  /// Two tensors whose key paths read the same.
  case ambiguous(name: String)
  /// A tensor whose description makes no sense; `expected` says what is wrong.
  case description(name: String, expected: String)
  /// A tensor of a kind that is not read: quantized, sparse, or of an element type that this package does not use.
  case unsupported(name: String, kind: String)
  /// A tensor that reaches beyond its storage.
  case outside(name: String, elements: Int, storage: Int)
  /// A storage that is not in the file, or shorter there than it is said to be.
  case storage(name: String, key: String, expected: Int, found: Int?)
  /// Tensors that share bytes so often that they would become many times the file.
  case inflated(bytes: Int, file: Int)
  case truncated(expected: Int, found: Int)
  case tooLargeToWrite(bytes: Int)

  /// What is wrong, to be read after the file's path.
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
