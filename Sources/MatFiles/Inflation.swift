import CZlib
import Foundation

/// Inflates zlib's format, piece by piece, up to a limit.
enum Inflation {
  enum Fault: Error { case damaged, tooLarge }

  /// - Parameter limit: of the bytes returned; a hostile kilobyte would inflate to a megabyte.
  static func inflated(_ compressed: Data, limit: Int) throws -> Data {
    var stream = z_stream()
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { throw Fault.damaged }
    defer { inflateEnd(&stream) }
    var result = Data()
    var chunk = [UInt8](repeating: 0, count: 1 << 14)
    try compressed.withUnsafeBytes { (input: UnsafeRawBufferPointer) in
      // zlib never writes to its input; its C type predates `const`.
      stream.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
      stream.avail_in = UInt32(clamping: input.count)
      var status = Z_OK
      while status == Z_OK {
        let count = chunk.withUnsafeMutableBufferPointer { output in
          stream.next_out = output.baseAddress
          stream.avail_out = UInt32(output.count)
          status = inflate(&stream, Z_NO_FLUSH)
          return output.count - Int(stream.avail_out)
        }
        guard result.count + count <= limit else { throw Fault.tooLarge }
        result.append(contentsOf: chunk[..<count])
      }
      guard status == Z_STREAM_END else { throw Fault.damaged }
    }
    return result
  }
}
