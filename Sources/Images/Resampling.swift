import CImageCodecs

/// The two filters that compute a view of a picture, over its stored pixels.
struct Resampling {
  private let across: ResamplingFilter
  private let down: ResamplingFilter
  private let isDownFirst: Bool

  /// - Parameters:
  ///   - pictureWidth: of the upright picture, as the view has it.
  ///   - orientation: how that picture is stored.
  ///   - reduction: the stored pixels of a side that are decoded as one.
  init(
    _ view: ImageView, pictureWidth: Int, pictureHeight: Int, orientation: StoredOrientation = .init(value: 1),
    reduction: Int = 1
  ) {
    let isTurned = orientation.isTurned
    let areColumnsReversed = isTurned ? orientation.isColumnReversed : orientation.isRowReversed
    let areRowsReversed = isTurned ? orientation.isRowReversed : orientation.isColumnReversed
    let columns = Self.filter(
      of: view.region.x..<view.region.x + view.region.width, side: pictureWidth, isReversed: areColumnsReversed,
      reduction: reduction, to: view.width, keeping: view.keptColumns, view.interpolation)
    let rows = Self.filter(
      of: view.region.y..<view.region.y + view.region.height, side: pictureHeight, isReversed: areRowsReversed,
      reduction: reduction, to: view.height, keeping: view.keptRows, view.interpolation)
    let columnsComeFirst =
      reduction == 1
      ? view.columnsComeFirst(fromWidth: view.region.width, height: view.region.height)
      : view.columnsComeFirst(
        fromWidth: Self.reduced(pictureWidth, by: reduction), height: Self.reduced(pictureHeight, by: reduction))
    (across, down, isDownFirst) = isTurned ? (rows, columns, !columnsComeFirst) : (columns, rows, columnsComeFirst)
  }

  private static func reduced(_ side: Int, by reduction: Int) -> Int { (side + reduction - 1) / reduction }

  /// - Parameters:
  ///   - region: the part of the upright picture's side that is looked at.
  ///   - isReversed: whether that side is stored the other way round.
  private static func filter(
    of region: Range<Int>, side: Int, isReversed: Bool, reduction: Int, to outputs: Int, keeping kept: Range<Int>,
    _ interpolation: Interpolation
  ) -> ResamplingFilter {
    guard reduction > 1 else {
      let filter = ResamplingFilter(
        from: region.count, startingAt: region.lowerBound, to: outputs, keeping: kept, interpolation)
      return isReversed ? filter.mirrored(inputs: side) : filter
    }
    // The last of the stored pixels may stand for fewer than the others; seen upright that is the first if reversed.
    let reduced = Self.reduced(side, by: reduction)
    let scale = Double(reduction)
    let start = isReversed ? Double(reduced) - Double(side) / scale : 0
    let filter = ResamplingFilter(
      from: start + Double(region.lowerBound) / scale, to: start + Double(region.upperBound) / scale, of: reduced,
      outputs: outputs, keeping: kept, interpolation)
    return isReversed ? filter.mirrored(inputs: reduced) : filter
  }

  /// Lends the tables to the loops in C.
  func withResizing<Result>(
    _ instructions: ResamplingInstructions = .best, _ body: (ic_resizing) throws -> Result
  ) rethrows -> Result {
    try across.withTables { across in
      try down.withTables { down in
        try body(
          ic_resizing(
            across: across, down: down, down_first: isDownFirst ? 1 : 0, instructions: instructions.codecs))
      }
    }
  }
}

/// The processor's instructions that resampling uses. All give the same bits.
package enum ResamplingInstructions: CaseIterable {
  case best, portable, sse4, avx2, avx512

  /// Whether this processor has them; those that it lacks are replaced by the best that it has.
  package var isAvailable: Bool { codecs.rawValue <= ic_best_instructions().rawValue }

  var codecs: ic_instructions {
    switch self {
    case .best: IC_BEST
    case .portable: IC_PORTABLE
    case .sse4: IC_SSE4
    case .avx2: IC_AVX2
    case .avx512: IC_AVX512
    }
  }
}

extension Image {
  /// The part of the picture that a view shows, equal to Pillow's `crop` and `resize` and torchvision's crops to the
  /// last bit.
  ///
  /// - Throws: ``ImageError`` if a side is below 1 or the result exceeds `limits`.
  public func seen(as view: ImageView, limits: DecodingLimits = .standard) throws -> Image {
    try seen(as: view, limits: limits, with: .best)
  }

  /// The same, computed with chosen instructions.
  package func seen(
    as view: ImageView, limits: DecodingLimits = .standard, with instructions: ResamplingInstructions
  ) throws -> Image {
    try view.check(pictureWidth: width, pictureHeight: height, limits: limits)
    let whole = ImageView.Rectangle(width: width, height: height)
    if view.region == whole, view.window == whole, (view.width, view.height) == (width, height) { return self }
    let (columns, rows) = (view.keptColumns, view.keptRows)
    guard !columns.isEmpty, !rows.isEmpty else { return .black(view.window) }
    let resampling = Resampling(view, pictureWidth: width, pictureHeight: height)
    let count = 3 * columns.count * rows.count
    let size = ic_size(width: UInt32(width), height: UInt32(height))
    let kept = try resampling.withResizing(instructions) { resizing in
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
