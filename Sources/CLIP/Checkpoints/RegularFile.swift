import Explanations
import Foundation

/// Reads files that a person names, and nothing else: no folder, no pipe that would wait for a writer.
enum RegularFile {
  /// What stands at a path.
  enum Place: Equatable { case file, folder }

  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where there is nothing, or something else.
  static func place(of url: URL) throws -> Place {
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

  /// Whether anything stands at a path, if only a link that leads nowhere: reading it then says so.
  static func isThere(_ url: URL) -> Bool { FileSystem.isThere(url.path) }

  /// The whole of a file that describes others, which is short.
  static func description(at url: URL) throws -> Data {
    let limit = 16_000_000
    let bytes = try contents(of: url, atMost: limit + 1)
    guard bytes.count <= limit else { throw CLIPError.checkpoint(path: url.path, .tooLong(limit: limit)) }
    return Data(bytes)
  }

  /// The first bytes of a file.
  static func contents(of url: URL, atMost count: Int) throws -> [UInt8] {
    guard try place(of: url) == .file else { throw CLIPError.checkpoint(path: url.path, .notAFile) }
    var bytes: [UInt8] = []
    try read(url, pieces: min(count, 1 << 16)) { piece in
      bytes += piece.prefix(count - bytes.count)
      return bytes.count < count
    }
    return bytes
  }

  /// Hands out a file from its start in pieces, until `body` returns false.
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
    case ENOENT: return isThere(url) ? .brokenLink : .nothingThere
    default: return .unreadable(reason: String(cString: strerror(error)))
    }
  }
}
