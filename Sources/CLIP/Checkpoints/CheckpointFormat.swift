import Foundation
import Support

/// The format of a file by its first bytes, whatever its name is.
enum FileContent: Equatable {
  case safetensors
  /// The output of torch.save and TorchScript: a zip archive, or the bare pickles of PyTorch before 1.6.
  case torch
  case wrongDownload(WrongDownload)
  case text
  /// A known format that users give by mistake, with its name.
  case known(String)
  case other

  /// The number of bytes read, more than enough to distinguish the formats.
  private static let prefix = 1024

  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where the file cannot be read or is not a file.
  init(of url: URL) throws {
    self.init(beginning: try RegularFile.contents(of: url, atMost: Self.prefix))
  }

  init(beginning bytes: [UInt8]) {
    if let wrong = WrongDownload(beginning: bytes) {
      self = .wrongDownload(wrong)
    } else if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) || Self.isPickle(bytes) {
      self = .torch
    } else if Self.isSafetensors(bytes) {
      self = .safetensors
    } else if let format = Self.formats.first(where: { bytes.starts(with: $0.mark) }) {
      self = .known(format.name)
    } else {
      let text = String(validating: bytes.droppingPartialScalar, as: UTF8.self)
      self = text?.contains("\0") == false ? .text : .other
    }
  }

  private static let formats: [(mark: [UInt8], name: String)] = [
    (Array("GGUF".utf8), "a GGUF file, whose weights are quantized for llama.cpp and its kin"),
    (Array("ggml".utf8), "a GGML file, whose weights are for llama.cpp and its kin"),
    ([0x89, 0x48, 0x44, 0x46], "an HDF5 file, as Keras and TensorFlow write them"),
    ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "an array of NumPy"),
    ([0x1F, 0x8B], "a file compressed with gzip"), ([0x28, 0xB5, 0x2F, 0xFD], "a file compressed with zstd"),
    ([0x42, 0x5A, 0x68], "a file compressed with bzip2"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "a file compressed with xz"),
    ([0x37, 0x7A, 0xBC, 0xAF], "a 7z archive"), (Array("Rar!".utf8), "a RAR archive"),
    ([0x89, 0x50, 0x4E, 0x47], "a PNG image"), ([0xFF, 0xD8, 0xFF], "a JPEG image"), (Array("%PDF".utf8), "a PDF"),
  ]

  /// Whether the bytes begin with a pickle's first opcode and its protocol; torch writes protocol 2 by default.
  private static func isPickle(_ bytes: [UInt8]) -> Bool {
    bytes.count > 1 && bytes[0] == 0x80 && (2...5).contains(bytes[1])
  }

  /// Whether the bytes begin with eight bytes of the header's length, then the JSON object that is the header.
  private static func isSafetensors(_ bytes: [UInt8]) -> Bool {
    guard bytes.count > 8, bytes[4..<8].allSatisfy({ $0 == 0 }) else { return false }
    let start = bytes[8...].first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return start == UInt8(ascii: "{")
  }
}

extension [UInt8] {
  /// The bytes without the truncated UTF-8 sequence at the end.
  fileprivate var droppingPartialScalar: ArraySlice<UInt8> {
    let continuation = reversed().prefix { $0 & 0xC0 == 0x80 }.count
    guard continuation < 4, continuation < count, self[count - 1 - continuation] >= 0xC0 else { return self[...] }
    return dropLast(continuation + 1)
  }
}

/// Reads the files that a user gives, and nothing else: no folder, and no pipe that would wait for a writer.
enum RegularFile {
  /// The kinds of what may be at a path.
  enum Kind: Equatable { case file, folder }

  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where there is nothing, or something else.
  static func kind(of url: URL) throws -> Kind {
    do {
      switch try FileSystem.kind(of: url.path) {
      case .file: return .file
      case .folder: return .folder
      case .other: throw CLIPError.checkpoint(path: url.path, .notAFile)
      }
    } catch let reason as SystemReason {
      throw CLIPError.checkpoint(path: url.path, fault(of: url, reason.code))
    }
  }

  /// Whether anything is at a path, even a link that leads nowhere: reading it reports that.
  static func exists(_ url: URL) -> Bool { FileSystem.exists(url.path) }

  /// The whole content of a file that describes others, which is short.
  static func description(at url: URL) throws -> Data {
    let limit = 16_000_000
    let bytes = try contents(of: url, atMost: limit + 1)
    guard bytes.count <= limit else { throw CLIPError.checkpoint(path: url.path, .tooLong(limit: limit)) }
    return Data(bytes)
  }

  /// The first bytes of a file.
  static func contents(of url: URL, atMost count: Int) throws -> [UInt8] {
    guard try kind(of: url) == .file else { throw CLIPError.checkpoint(path: url.path, .notAFile) }
    var bytes: [UInt8] = []
    try read(url, pieces: min(count, 1 << 16)) { piece in
      bytes += piece.prefix(count - bytes.count)
      return bytes.count < count
    }
    return bytes
  }

  /// Passes a file to `body` from its start in pieces, until `body` returns false.
  static func read(_ url: URL, pieces size: Int, _ body: (UnsafeRawBufferPointer) -> Bool) throws {
    let descriptor = FileSystem.withSystemPath(url.path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw CLIPError.checkpoint(path: url.path, fault(of: url, errno)) }
    defer { close(descriptor) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    defer { buffer.deallocate() }
    while true {
      let count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CLIPError.checkpoint(path: url.path, fault(of: url, errno)) }
      guard count > 0, body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return }
    }
  }

  private static func fault(of url: URL, _ error: Int32) -> CheckpointFault {
    switch error {
    case ELOOP: return .linkLoop
    case ENOENT: return exists(url) ? .brokenLink : .nothingThere
    default: return .unreadable(reason: String(cString: strerror(error)))
    }
  }
}

extension FileHash {
  /// The hash of a file, which is read in pieces.
  ///
  /// - Throws: ``CLIPError/checkpoint(path:_:)`` with the system's reason.
  static func sha256(of url: URL) throws -> String {
    try sha256 { update in
      try RegularFile.read(url, pieces: 1 << 20) { piece in
        update(piece)
        return true
      }
    }
  }
}
