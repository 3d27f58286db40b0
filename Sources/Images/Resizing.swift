extension Image {
  /// The picture at another size, equal to Pillow's `resize` to the last bit.
  ///
  /// - Throws: ``ImageError`` if a side is below 1 or the result exceeds `limits`.
  public func resized(
    width newWidth: Int, height newHeight: Int, interpolation: Interpolation = .bicubic,
    limits: DecodingLimits = .standard
  ) throws -> Image {
    let whole = ImageView.Rectangle(width: width, height: height)
    return try seen(
      as: ImageView(of: whole, width: newWidth, height: newHeight, interpolation: interpolation), limits: limits)
  }

  /// The picture with its shorter edge at `size`, as torchvision's `Resize(size)`: the longer edge is
  /// `size · longer / shorter`, rounded down.
  ///
  /// - Throws: ``ImageError`` if `size` is below 1 or the result exceeds `limits`.
  public func resized(
    shorterEdge size: Int, interpolation: Interpolation = .bicubic, limits: DecodingLimits = .standard
  ) throws -> Image {
    try seen(
      as: .shorterEdge(size, ofWidth: width, height: height, interpolation: interpolation), limits: limits)
  }

  /// The picture stretched to a square, ignoring its aspect ratio: open_clip's `resize_mode` "squash".
  ///
  /// - Throws: ``ImageError`` if `size` is below 1 or the result exceeds `limits`.
  public func resized(
    squareOf size: Int, interpolation: Interpolation = .bicubic, limits: DecodingLimits = .standard
  ) throws -> Image {
    try resized(width: size, height: size, interpolation: interpolation, limits: limits)
  }

  /// A picture of the given size, of which `fill` writes every pixel (second argument) from this picture's (first).
  func filled(
    width: Int, height: Int, by fill: (UnsafePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
  ) -> Image {
    let count = 3 * width * height
    let result = pixels.withUnsafeBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: count) { target, initializedCount in
        guard let source = source.baseAddress, let target = target.baseAddress else {
          preconditionFailure("an image has at least one pixel")
        }
        fill(source, target)
        initializedCount = count
      }
    }
    return Image(width: width, height: height, checkedPixels: result)
  }
}
