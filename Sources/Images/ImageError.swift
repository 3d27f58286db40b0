import Support

/// Why there is no picture: facts of the file, or of a size that was asked for.
public enum ImageError: UserFacingError, Equatable {
  case missing(file: String)
  case folder(file: String)
  case notAFile(file: String)
  case unreadable(file: String, reason: String)
  case tooManyBytes(file: String, found: Int, maximumBytes: Int)
  case empty(file: String)
  case notAnImage(file: String, content: String)
  case unsupported(file: String, format: String, variant: String)
  case truncated(file: String, format: String)
  case damaged(file: String, format: String, reason: String)
  case noPixels(file: String, width: Int, height: Int)
  case tooLarge(file: String, width: Int, height: Int, maximumPixels: Int)
  /// The picture's size does not bear what the model's preprocessing does to it.
  case shape(file: String, width: Int, height: Int, reason: String)
  case noMemory(file: String, reason: String)
  /// The library that reads this format is not installed.
  case noLibrary(file: String, format: String, reason: String)
  /// A picture of this size was asked for.
  case size(width: Int, height: Int)
  case values(width: Int, height: Int, found: Int)
  /// Resizing was asked to make a picture beyond the limit.
  case resultTooLarge(width: Int, height: Int, newWidth: Int, newHeight: Int, maximumPixels: Int)
  case range(name: String, lower: Double, upper: Double, expected: String)
  case probability(name: String, found: Double)
  case notEncodable(width: Int, height: Int)

  public var problem: String {
    switch self {
    case .missing(let file): "There is no file \(file)"
    case .folder(let file): "\(file) is a folder, where an image file was expected"
    case .notAFile(let file): "\(file) is a device or a pipe, where an image file was expected"
    case .unreadable(let file, let reason): "Cannot read \(file): \(reason)"
    case .tooManyBytes(let file, let found, let maximum): "\(file) has \(found) bytes, more than the \(maximum) allowed"
    case .empty(let file): "\(file) is empty, where an image was expected"
    case .notAnImage(let file, let content): "\(file) is not a picture of a kind that is read: it looks like \(content)"
    case .unsupported(let file, let format, let variant): "\(file) is a kind of \(format) that is not read: \(variant)"
    case .truncated(let file, let format): "\(file) is a truncated \(format) image: its data end too early"
    case .damaged(let file, let format, let reason): "\(file) is a damaged \(format) image: \(reason)"
    case .noPixels(let file, let width, let height): "\(file) holds no pixels: its size is \(width) × \(height)"
    case .tooLarge(let file, let width, let height, let maximum):
      "\(file) claims \(width) × \(height) pixels, more than the \(maximum) allowed"
    case .shape(let file, let width, let height, let reason):
      "\(file) is \(width) × \(height) pixels, which cannot be made what the model sees: \(reason)"
    case .noMemory(let file, let reason): "There is not enough memory to decode \(file): \(reason)"
    case .noLibrary(let file, let format, let reason):
      "\(file) is an image in \(format), which libheif reads, and libheif is not installed (\(reason))"
    case .size(let width, let height): "An image of \(width) × \(height) pixels was asked for, but a side is at least 1"
    case .values(let width, let height, let found):
      "An RGB image of \(width) × \(height) pixels cannot have \(found) values"
    case .resultTooLarge(let width, let height, let newWidth, let newHeight, let maximum):
      "Resizing \(width) × \(height) pixels to \(newWidth) × \(newHeight) would exceed the \(maximum) allowed"
    case .range(let name, let lower, let upper, let expected):
      "The \(name) range \(lower)...\(upper) of a random crop is not \(expected)"
    case .probability(let name, let found): "The probability of \(name) is \(found), but it lies in 0...1"
    case .notEncodable(let width, let height): "An image of \(width) × \(height) pixels cannot become a file"
    }
  }

  public var remedy: String? {
    switch self {
    case .missing: "Check the path"
    case .folder: "Name a file in it"
    case .notAFile: "Copy the data into a file"
    case .unreadable: "Check its permissions"
    case .tooManyBytes: "Use a smaller file"
    case .empty, .truncated, .damaged: "Fetch or export it again"
    case .unsupported(_, "HEIC", _):
      "Install libheif's plugin for HEVC (Debian: libheif-plugin-libde265) if that is what is missing, or convert it to JPEG"
    case .unsupported(_, "AVIF", _):
      "Install libheif's plugin for AV1 (Debian: libheif-plugin-dav1d) if that is what is missing, or convert it to JPEG"
    case .notAnImage, .unsupported, .noPixels: "Convert it to JPEG, PNG or WebP, or remove it"
    case .tooLarge(_, let width, let height, _):
      "Use a smaller copy, or, if the file is trusted, allow it with --max-megapixels"
        + " \(DecodingLimits.megapixels(width: width, height: height))"
    case .shape: "Crop it to a less extreme shape, or remove it"
    case .noMemory: "Use a smaller copy, or free memory"
    case .noLibrary: "Install it (Debian: libheif1; Homebrew: libheif), or convert the photo to JPEG"
    case .size: "Ask for at least 1 × 1"
    case .values(let width, let height, _):
      Image.valueCount(width: width, height: height).map { "Give \($0) values: height × width × 3" }
    case .resultTooLarge: "Crop the image to a less extreme shape first, or ask for a smaller size"
    case .range, .probability: "Correct the augmentation's settings"
    case .notEncodable: "Make it smaller: a side has at most 65,500 pixels"
    }
  }
}
