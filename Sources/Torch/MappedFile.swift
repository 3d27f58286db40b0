import Foundation
import Support

/// The owner of a read-only mapping of a whole file.
final class MappedFile: @unchecked Sendable {
  // Sendable: the bytes are never written.
  let bytes: UnsafeRawBufferPointer

  init(_ url: URL) throws(SafetensorsFault) {
    let (descriptor, count): (Int32, Int)
    do {
      (descriptor, count) = try FileSystem.openFile(url.path)
    } catch {
      throw .unreadable(reason: error.text)
    }
    defer { close(descriptor) }
    guard count > 0 else {  // an empty mapping is an error
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else { throw .unreadable(reason: SystemReason().text) }
    bytes = UnsafeRawBufferPointer(start: address, count: count)
  }

  /// Releases the memory that reading a part of the file has filled, except pages that other parts share.
  func release(_ range: Range<Int>) {
    let page = Int(getpagesize())
    let (start, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
    guard start < end, let address = bytes.baseAddress else { return }
    madvise(UnsafeMutableRawPointer(mutating: address + start), end - start, MADV_DONTNEED)
  }

  deinit {
    guard let address = bytes.baseAddress else { return }
    munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
  }
}

/// An open file that is read only where and when data is requested.
final class ReadableFile: Sendable {
  let descriptor: Int32
  /// The size in bytes when the file was opened.
  let size: Int

  /// - Throws: the system's reason.
  init(_ url: URL) throws(SystemReason) {
    (descriptor, size) = try FileSystem.openFile(url.path)
  }

  deinit { close(descriptor) }

  /// Maps the whole file for the duration of `body`. Only the pages that are touched come into memory, and they leave
  /// it with the mapping.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard size > 0 else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }  // no mapping can be empty
    let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else { throw SystemReason() }
    defer { munmap(address, size) }
    return try body(UnsafeRawBufferPointer(start: address, count: size))
  }
}
