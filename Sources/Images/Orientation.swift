/// The treatment of a photo's EXIF orientation.
public enum Orientation: String, Sendable, Codable, CaseIterable {
  /// The picture is turned upright, as by Pillow's `ImageOps.exif_transpose`; damaged EXIF is ignored.
  case exif
  /// The picture is left as stored, as in the reference. TIFF is turned all the same, since Pillow does so on opening
  /// it.
  case ignored
}

/// One of EXIF's eight ways to store a picture.
struct StoredOrientation: Sendable {
  /// 1…8, as EXIF counts; 1 is upright.
  let value: Int32

  /// Whether rows of the picture are stored as columns.
  var isTurned: Bool { value >= 5 }
  /// Whether a stored row runs opposite to the side of the upright picture that it becomes.
  var isRowReversed: Bool { [2, 3, 7, 8].contains(value) }
  /// Whether a stored column runs opposite to the side of the upright picture that it becomes.
  var isColumnReversed: Bool { [3, 4, 6, 7].contains(value) }
}
