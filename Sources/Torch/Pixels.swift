import CTorch

extension Tensor {
  /// Images of bytes, each byte replaced by its value in a table, where that is: bytes are what moves there.
  ///
  /// - Parameters:
  ///   - images: B times `[size, size, 3]`, row-major.
  ///   - table: `[3, 256]`, by channel.
  /// - Returns: `[B, 3, size, size]`.
  package static func pixels(of images: [[UInt8]], size: Int, table: Tensor) throws -> Tensor {
    for image in images where image.count != size * size * 3 {
      throw TorchError.elementCount(shape: [size, size, 3], found: image.count)
    }
    var source = images
    return try withUnsafeMutablePointer(to: &source) { source in
      try result(of: "pixels") {
        ct_pixels(
          Int64(images.count), Int64(size),
          { context, index, destination in
            let image = context.assumingMemoryBound(to: [[UInt8]].self).pointee[Int(index)]
            image.withUnsafeBufferPointer { image in
              if let start = image.baseAddress { destination.update(from: start, count: image.count) }
            }
          }, source, table.storage.handle, $0)
      }
    }
  }
}
