import CImageCodecs

/// The two filters that compute a view of a picture, over its stored pixels.
struct Resampling {
  private let across: ResamplingFilter
  private let down: ResamplingFilter
  private let isDownFirst: Bool

  /// - Parameters:
  ///   - pictureWidth: the width of the upright picture, as the view has it.
  ///   - orientation: the orientation of the stored picture.
  init(
    _ view: ImageView, pictureWidth: Int, pictureHeight: Int, orientation: StoredOrientation = .init(value: 1)
  ) {
    var columns = ResamplingFilter(
      from: view.region.width, startingAt: view.region.x, to: view.width, keeping: view.keptColumns, view.interpolation)
    var rows = ResamplingFilter(
      from: view.region.height, startingAt: view.region.y, to: view.height, keeping: view.keptRows, view.interpolation)
    if orientation.isTurned {
      if orientation.isColumnReversed { columns = columns.mirrored(inputs: pictureWidth) }
      if orientation.isRowReversed { rows = rows.mirrored(inputs: pictureHeight) }
      (across, down, isDownFirst) = (rows, columns, !view.columnsComeFirst)
    } else {
      if orientation.isRowReversed { columns = columns.mirrored(inputs: pictureWidth) }
      if orientation.isColumnReversed { rows = rows.mirrored(inputs: pictureHeight) }
      (across, down, isDownFirst) = (columns, rows, view.columnsComeFirst)
    }
  }

  /// Passes the tables to the loops in C.
  func withResizing<Result>(_ body: (ic_resizing) throws -> Result) rethrows -> Result {
    try across.withTables { across in
      try down.withTables { down in
        try body(ic_resizing(across: across, down: down, down_first: isDownFirst ? 1 : 0))
      }
    }
  }
}

extension Image {
  /// The part of the picture that a view shows, equal to Pillow's `crop` and `resize` and torchvision's crops to the
  /// last bit.
  ///
  /// - Throws: ``ImageError`` if a side is below 1 or the result exceeds `limits`.
  public func seen(as view: ImageView, limits: DecodingLimits = .standard) throws -> Image {
    try view.check(pictureWidth: width, pictureHeight: height, limits: limits)
    let whole = ImageView.Rectangle(width: width, height: height)
    if view.region == whole, view.window == whole, (view.width, view.height) == (width, height) { return self }
    let (columns, rows) = (view.keptColumns, view.keptRows)
    guard !columns.isEmpty, !rows.isEmpty else { return .black(view.window) }
    let resampling = Resampling(view, pictureWidth: width, pictureHeight: height)
    let count = 3 * columns.count * rows.count
    let size = ic_size(width: UInt32(width), height: UInt32(height))
    let kept = try resampling.withResizing { resizing in
      try pixels.withUnsafeBufferPointer { source in
        try [UInt8](unsafeUninitializedCapacity: count) { target, initializedCount in
          guard let source = source.baseAddress, let target = target.baseAddress else {
            preconditionFailure("an image has at least one pixel")
          }
          let status = ic_resize(source, size, resizing, target)
          guard ic_code(UInt32(status.code)) == IC_OK else {
            throw ImageError.noMemory(file: "the picture", reason: status.text)
          }
          initializedCount = count
        }
      }
    }
    return Image(width: columns.count, height: rows.count, checkedPixels: kept).padded(to: view)
  }

  /// A black picture.
  static func black(_ size: ImageView.Rectangle) -> Image {
    Image(
      width: size.width, height: size.height,
      checkedPixels: [UInt8](repeating: 0, count: 3 * size.width * size.height))
  }

  /// The whole window of a view; this picture is the part of it that is on the resized region.
  func padded(to view: ImageView) -> Image {
    let (left, top) = (view.keptColumns.lowerBound - view.window.x, view.keptRows.lowerBound - view.window.y)
    let (newWidth, newHeight) = (view.window.width, view.window.height)
    if (width, height) == (newWidth, newHeight) { return self }
    return filled(width: newWidth, height: newHeight) { source, target in
      target.initialize(repeating: 0, count: 3 * newWidth * newHeight)
      for row in 0..<height {
        (target + 3 * ((top + row) * newWidth + left)).update(from: source + 3 * row * width, count: 3 * width)
      }
    }
  }
}
