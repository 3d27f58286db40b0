import Explanations
import Foundation

/// An open file, read where and when something is asked for.
final class ReadableFile: Sendable {
  let descriptor: Int32
  /// In bytes, when it was opened.
  let size: Int

  /// - Throws: the system's reason.
  init(_ url: URL) throws(SystemReason) {
    (descriptor, size) = try FileSystem.openFile(url.path)
  }

  deinit { close(descriptor) }

  /// Maps the whole file for the duration of `body`: of its pages, those that are touched come into memory, and they
  /// leave it with the mapping.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard size > 0 else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }  // no mapping can be empty
    let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else { throw SystemReason() }
    defer { munmap(address, size) }
    return try body(UnsafeRawBufferPointer(start: address, count: size))
  }
}
