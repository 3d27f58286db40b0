/// What is done about the orientation that a photo's EXIF states.
public enum Orientation: String, Sendable, Codable, CaseIterable {
  /// Turned upright, as Pillow's `ImageOps.exif_transpose` does; damaged EXIF is passed over.
  case exif
  /// Left as the pixels are stored, as in the reference. TIFF is turned all the same, for Pillow does so on opening it.
  case ignored
}

/// One of EXIF's eight ways to store a picture.
struct StoredOrientation: Sendable {
  /// 1…8, as EXIF counts; 1 is upright.
  let value: Int32

  /// Whether rows are stored as columns.
  var isTurned: Bool { value >= 5 }
  /// Whether a stored row runs against the side of the upright picture that it becomes.
  var isRowReversed: Bool { [2, 3, 7, 8].contains(value) }
  /// Whether a stored column does.
  var isColumnReversed: Bool { [3, 4, 6, 7].contains(value) }
}
