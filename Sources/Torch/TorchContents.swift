import Pickle
import Support

/// The contents of a torch file: the pickle of what was saved, and the locations of the storages.
struct TorchContents {
  let root: PickleValue
  private(set) var storages: [String: Range<Int>] = [:]
  private(set) var isScript = false

  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    if let wrong = WrongDownload(beginning: bytes.prefix(1024)) { throw TorchArchiveFault.wrongDownload(wrong) }
    if ZipArchive.isRecognized(bytes) {
      self = try Self(zip: ZipArchive(bytes, path: path), bytes, path: path)
    } else if bytes.first == 0x80 {
      self = try Self(legacy: bytes, path: path)
    } else {
      throw bytes.otherForm
    }
  }

  private init(root: PickleValue) { self.root = root }

  // MARK: Zip archives: torch.save since 1.6, and TorchScript

  private init(zip archive: ZipArchive, _ bytes: UnsafeRawBufferPointer, path: String) throws {
    let suffix = "/data.pkl"
    let pickles = archive.names.filter { $0.hasSuffix(suffix) && $0.dropLast(suffix.count).allSatisfy { $0 != "/" } }
    guard let pickle = pickles.first, pickles.count == 1, let range = try archive.range(of: pickle) else {
      guard !archive.names.contains(where: { $0.hasSuffix("/model.json") }) else {
        throw TorchArchiveFault.outdated(form: "the form of TorchScript of before 1.3")
      }
      throw TorchArchiveFault.noPickle
    }
    let folder = pickle.dropLast("data.pkl".count)
    if let order = try archive.range(of: folder + "byteorder"), !bytes[order].starts(with: "little".utf8) {
      throw TorchArchiveFault.bigEndian
    }
    root = try PickleValue(
      pickled: UnsafeRawBufferPointer(rebasing: bytes[range]), path: "\(path) (\(pickle))", fileSize: bytes.count)
    isScript = archive.names.contains(folder + "constants.pkl")
    let data = folder + "data/"
    for name in archive.names where name.hasPrefix(data) {
      storages[String(name.dropFirst(data.count))] = try archive.range(of: name)
    }
  }

  // MARK: torch.save before 1.6

  /// Reads the old form: three pickles that identify it, then the pickle of what was saved, then a pickle that lists
  /// the storages that follow. Each storage is the number of its elements in 8 bytes, then the elements.
  private init(legacy bytes: UnsafeRawBufferPointer, path: String) throws {
    var unpickler = Unpickler(bytes, path: path)
    let first = try unpickler.next()
    guard first == Self.magicNumber else { throw TorchArchiveFault.noTensors(found: first.kind) }
    guard try unpickler.next() == .integer(1001) else {
      throw TorchArchiveFault.outdated(form: "a version of torch.save's first form")
    }
    if try unpickler.next()["little_endian"] == .bool(false) { throw TorchArchiveFault.bigEndian }
    self.init(root: try unpickler.next())
    let keys = try unpickler.next().elements?.compactMap { $0.string ?? $0.integer.map(String.init) } ?? []
    let sizes = Self.elementSizes(root)
    var position = unpickler.position
    for key in keys {
      guard position <= bytes.count - 8 else {
        throw TorchArchiveFault.truncated(expected: position + 8, found: bytes.count)
      }
      let count = Int(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int64.self)))
      position += 8
      let (size, overflows) = count.multipliedReportingOverflow(by: sizes[key] ?? 1)
      guard count >= 0, !overflows, size <= bytes.count - position else {
        let (end, isBeyond) = position.addingReportingOverflow(size)
        throw TorchArchiveFault.truncated(expected: overflows || isBeyond ? .max : end, found: bytes.count)
      }
      storages[key] = position..<position + size
      position += size
    }
  }

  /// The number 0x1950A86A20F9469CFC6C, little-endian.
  private static let magicNumber = PickleValue.object(
    class: .init("builtins", "int"),
    arguments: .bytes([0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]), state: nil)

  /// The width of the elements of each storage that a value mentions: the old form does not repeat it at the storage.
  private static func elementSizes(_ value: PickleValue) -> [String: Int] {
    var sizes: [String: Int] = [:]
    func visit(_ value: PickleValue) {
      switch value {
      case .list(let parts), .tuple(let parts), .set(let parts): parts.forEach(visit)
      case .dictionary(let entries):
        for entry in entries {
          visit(entry.key)
          visit(entry.value)
        }
      case .object(_, let arguments, let state):
        visit(arguments)
        if let state { visit(state) }
      case .persistent(let id):
        guard let parts = id.elements, parts.count > 2, case .global(let type) = parts[1],
          let kind = StoredKind(storageClass: type.name), let key = parts[2].string ?? parts[2].integer.map(String.init)
        else { return }
        sizes[key] = kind.bytesPerElement
      default: break
      }
    }
    visit(value)
    return sizes
  }
}

extension UnsafeRawBufferPointer {
  /// The fault of a file that is neither a zip archive nor a pickle of protocol 2 or later.
  fileprivate var otherForm: TorchArchiveFault {
    let tarMark = 257
    if count > tarMark + 5, self[tarMark...].starts(with: "ustar".utf8) {
      return .outdated(form: "the tar form of torch.save of before 0.1.10")
    }
    if starts(with: [0x89, 0x48, 0x44, 0x46]) { return .notTorch(looksLike: "an HDF5 file of Keras") }
    if starts(with: [0x1F, 0x8B]) { return .notTorch(looksLike: "a file compressed with gzip") }
    if count > 9, self[8] == UInt8(ascii: "{") { return .notTorch(looksLike: "a safetensors file") }
    if first == UInt8(ascii: "{") { return .notTorch(looksLike: "JSON") }
    return .notTorch(looksLike: nil)
  }
}
