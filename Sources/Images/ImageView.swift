/// A view of a picture: a region of it, resized, of which a window is kept.
///
/// The steps are one value so that no step makes more pixels than the last one keeps. Of a photo with 200 megapixels,
/// or one that is a line of pixels, only the window is ever computed, with the same bits as by the steps one by one.
public struct ImageView: Sendable, Equatable {
  /// A rectangle in pixels.
  public struct Rectangle: Sendable, Equatable {
    public var x: Int
    public var y: Int
    public var width: Int
    public var height: Int

    public init(x: Int = 0, y: Int = 0, width: Int, height: Int) {
      (self.x, self.y, self.width, self.height) = (x, y, width, height)
    }
  }

  /// The part of the picture that is viewed, inside the picture.
  public var region: Rectangle
  /// The width that the region is resized to, at least 1.
  public var width: Int
  /// The height that the region is resized to, at least 1.
  public var height: Int
  /// The part of the resized region that is kept; pixels of it that are outside the region are black.
  public var window: Rectangle
  public var interpolation: Interpolation

  /// Makes a view of a region, resized, of which everything is kept unless a window is given.
  public init(
    of region: Rectangle, width: Int, height: Int, window: Rectangle? = nil, interpolation: Interpolation = .bicubic
  ) {
    (self.region, self.width, self.height) = (region, width, height)
    self.window = window ?? Rectangle(width: width, height: height)
    self.interpolation = interpolation
  }

  /// A whole picture with its shorter edge at `size`, as torchvision's `Resize(size)` makes it: the longer edge is
  /// `size · longer / shorter`, rounded down.
  ///
  /// - Throws: ``ImageError`` if `size` is below 1 or the longer edge does not fit an `Int`.
  public static func shorterEdge(
    _ size: Int, ofWidth width: Int, height: Int, interpolation: Interpolation = .bicubic
  ) throws -> ImageView {
    let (shorter, longer) = (min(width, height), max(width, height))
    let (product, overflows) = size.multipliedReportingOverflow(by: longer)
    guard size > 0, !overflows else { throw ImageError.size(width: size, height: size) }
    let newLonger = Int(Double(product) / Double(shorter))
    return ImageView(
      of: Rectangle(width: width, height: height), width: width <= height ? size : newLonger,
      height: width <= height ? newLonger : size, interpolation: interpolation)
  }

  /// The same view, of which the central square is kept, as torchvision's `CenterCrop(size)` cuts it: an odd remainder
  /// is halved to the even side, and a picture that is too small is padded with black.
  public func centerCropped(to size: Int) -> ImageView {
    func offset(in side: Int) -> Int {
      if side < size { return -((size - side) / 2) }
      return Int((Double(side - size) / 2).rounded(.toNearestOrEven))
    }
    var view = self
    view.window = Rectangle(x: offset(in: width), y: offset(in: height), width: size, height: size)
    return view
  }

  /// The window's columns that are on the resized region, in coordinates of the region.
  var keptColumns: Range<Int> { Self.overlap(of: width, from: window.x, length: window.width) }
  var keptRows: Range<Int> { Self.overlap(of: height, from: window.y, length: window.height) }

  private static func overlap(of side: Int, from start: Int, length: Int) -> Range<Int> {
    guard start < side, start > -length else { return 0..<0 }
    let end = length < side - start ? start + length : side
    return max(0, start)..<end
  }

  /// By how much a JPEG may be reduced as it is decoded: 1, 2, 4 or 8, so that at least twice the wanted size is left.
  var reduction: Int {
    let gap = min(region.width / (2 * width), region.height / (2 * height))
    return [8, 4, 2].first { $0 <= gap } ?? 1
  }

  /// Whether Pillow resamples columns before rows. Bytes are rounded in between, so the order shows in the last bit.
  ///
  /// Pillow 13 does so when the height shrinks by more than twice what the width does (found by measurement: it agrees
  /// in every recorded case); earlier versions always begin with the rows.
  ///
  /// - Parameters:
  ///   - width: of what is resampled: the region, or the whole of a picture that was reduced as it was decoded.
  ///   - height: the same.
  func columnsComeFirst(fromWidth width: Int, height: Int) -> Bool {
    height > self.height && height - self.height > 2 * (width - self.width)
  }

  /// - Throws: ``ImageError`` where the view does not fit a picture of this size, or the result exceeds `limits`.
  func check(pictureWidth: Int, pictureHeight: Int, limits: DecodingLimits) throws {
    for (width, height) in [(width, height), (window.width, window.height), (region.width, region.height)]
    where width < 1 || height < 1 { throw ImageError.size(width: width, height: height) }
    precondition(
      region.x >= 0 && region.y >= 0 && region.width <= pictureWidth - region.x
        && region.height <= pictureHeight - region.y, "a region lies inside its picture")
    guard limits.allows(width: window.width, height: window.height) else {
      throw ImageError.resultTooLarge(
        width: region.width, height: region.height, newWidth: window.width, newHeight: window.height,
        maximumPixels: limits.maximumPixels)
    }
  }
}
