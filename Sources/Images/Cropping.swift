extension Image {
  /// The part of the picture whose upper left corner is (`x`, `y`); what lies outside the picture is black, as in
  /// Pillow.
  ///
  /// - Throws: ``ImageError`` if a side is below 1 or the result exceeds `limits`.
  public func cropped(
    x: Int, y: Int, width newWidth: Int, height newHeight: Int, limits: DecodingLimits = .standard
  ) throws -> Image {
    guard newWidth > 0, newHeight > 0 else { throw ImageError.size(width: newWidth, height: newHeight) }
    guard limits.allows(width: newWidth, height: newHeight) else {
      throw ImageError.resultTooLarge(
        width: width, height: height, newWidth: newWidth, newHeight: newHeight, maximumPixels: limits.maximumPixels)
    }
    if (x, y, newWidth, newHeight) == (0, 0, width, height) { return self }
    // In the crop's coordinates, clamped so that a corner far outside leaves an empty range.
    let columns = Self.overlap(of: width, from: x, length: newWidth)
    let rows = Self.overlap(of: height, from: y, length: newHeight)
    return filled(width: newWidth, height: newHeight) { source, target in
      if columns.count < newWidth || rows.count < newHeight {
        target.initialize(repeating: 0, count: 3 * newWidth * newHeight)
      }
      guard !columns.isEmpty else { return }
      for row in rows {
        let from = source + 3 * ((row + y) * width + columns.lowerBound + x)
        (target + 3 * (row * newWidth + columns.lowerBound)).update(from: from, count: 3 * columns.count)
      }
    }
  }

  /// The middle of the picture as torchvision's `CenterCrop(size)` cuts it: an odd remainder is halved to the even
  /// side, and a picture that is too small is padded with black.
  ///
  /// - Throws: ``ImageError`` if `size` is below 1 or too large.
  public func centerCropped(to size: Int) throws -> Image {
    let whole = ImageView(of: .init(width: width, height: height), width: width, height: height)
    let window = whole.centerCropped(to: size).window
    return try cropped(x: window.x, y: window.y, width: size, height: size)
  }

  /// The picture's mirror image, left and right exchanged.
  public func flippedHorizontally() -> Image {
    filled(width: width, height: height) { source, target in
      for row in 0..<height {
        var from = source + 3 * row * width
        var to = target + 3 * (row + 1) * width
        for _ in 0..<width {
          to -= 3
          to[0] = from[0]
          to[1] = from[1]
          to[2] = from[2]
          from += 3
        }
      }
    }
  }

  /// The positions of an axis of `side` positions that are inside a window of `length` that starts at `start`.
  private static func overlap(of side: Int, from start: Int, length: Int) -> Range<Int> {
    guard start < side, start > -length else { return 0..<0 }
    return max(0, -start)..<min(length, side - start)
  }
}
