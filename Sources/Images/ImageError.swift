import Support

/// The reason why there is no picture: facts of the file, or of a requested size.
public struct ImageError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  package let kind: Kind

  /// The few errors that callers handle specially.
  package enum Kind: Sendable, Equatable {
    case tooLarge, damaged, shape
    case other
  }

  private init(_ problem: String, remedy: String? = nil, kind: Kind = .other) {
    (self.problem, self.remedy, self.kind) = (problem, remedy, kind)
  }
}

extension ImageError {
  public static func missing(file: String) -> Self { Self("There is no file \(file)", remedy: "Check the path") }

  public static func folder(file: String) -> Self {
    Self("\(file) is a folder, where an image file was expected", remedy: "Name a file in it")
  }

  public static func notAFile(file: String) -> Self {
    Self("\(file) is a device or a pipe, where an image file was expected", remedy: "Copy the data into a file")
  }

  public static func unreadable(file: String, reason: String) -> Self {
    Self("Cannot read \(file): \(reason)", remedy: "Check its permissions")
  }

  public static func tooManyBytes(file: String, found: Int, maximumBytes maximum: Int) -> Self {
    Self("\(file) has \(found) bytes, more than the \(maximum) allowed", remedy: "Use a smaller file", kind: .tooLarge)
  }

  public static func empty(file: String) -> Self {
    Self("\(file) is empty, where an image was expected", remedy: "Fetch or export it again", kind: .damaged)
  }

  public static func notAnImage(file: String, content: String) -> Self {
    Self(
      "\(file) is not a picture of a kind that is read: it looks like \(content)",
      remedy: "Convert it to JPEG, PNG or WebP, or remove it")
  }

  public static func unsupported(file: String, format: String, variant: String) -> Self {
    let plugins = ["HEIC": ("HEVC", "libde265"), "AVIF": ("AV1", "dav1d")]
    let plugin = plugins[format].map {
      "Install libheif's plugin for \($0.0) (Debian: libheif-plugin-\($0.1)) if that is what is missing, or convert it to JPEG"
    }
    return Self(
      "\(file) is a kind of \(format) that is not read: \(variant)",
      remedy: plugin ?? "Convert it to JPEG, PNG or WebP, or remove it")
  }

  public static func truncated(file: String, format: String) -> Self {
    Self(
      "\(file) is a truncated \(format) image: its data end too early", remedy: "Fetch or export it again",
      kind: .damaged)
  }

  public static func damaged(file: String, format: String, reason: String) -> Self {
    Self("\(file) is a damaged \(format) image: \(reason)", remedy: "Fetch or export it again", kind: .damaged)
  }

  public static func noPixels(file: String, width: Int, height: Int) -> Self {
    Self(
      "\(file) holds no pixels: its size is \(width) × \(height)",
      remedy: "Convert it to JPEG, PNG or WebP, or remove it")
  }

  public static func tooLarge(file: String, width: Int, height: Int, maximumPixels maximum: Int) -> Self {
    Self(
      "\(file) claims \(width) × \(height) pixels, more than the \(maximum) allowed",
      remedy: "Use a smaller copy, or, if the file is trusted, allow it with --max-megapixels"
        + " \(DecodingLimits.megapixels(width: width, height: height))",
      kind: .tooLarge)
  }

  /// The model's preprocessing cannot handle the picture's size.
  public static func shape(file: String, width: Int, height: Int, reason: String) -> Self {
    Self(
      "\(file) is \(width) × \(height) pixels, which cannot be made what the model sees: \(reason)",
      remedy: "Crop it to a less extreme shape, or remove it", kind: .shape)
  }

  public static func noMemory(file: String, reason: String) -> Self {
    Self(
      "There is not enough memory to decode \(file): \(reason)", remedy: "Use a smaller copy, or free memory",
      kind: .tooLarge)
  }

  /// The library that reads this format is not installed.
  public static func noLibrary(file: String, format: String, reason: String) -> Self {
    Self(
      "\(file) is an image in \(format), which libheif reads, and libheif is not installed (\(reason))",
      remedy: "Install it (Debian: libheif1; Homebrew: libheif), or convert the photo to JPEG")
  }

  /// An invalid picture size was requested.
  public static func size(width: Int, height: Int) -> Self {
    Self(
      "An image of \(width) × \(height) pixels was asked for, but a side is at least 1",
      remedy: "Ask for at least 1 × 1")
  }

  public static func values(width: Int, height: Int, found: Int) -> Self {
    Self(
      "An RGB image of \(width) × \(height) pixels cannot have \(found) values",
      remedy: Image.valueCount(width: width, height: height).map { "Give \($0) values: height × width × 3" })
  }

  /// The result of resizing would exceed the limit.
  public static func resultTooLarge(width: Int, height: Int, newWidth: Int, newHeight: Int, maximumPixels maximum: Int)
    -> Self
  {
    Self(
      "Resizing \(width) × \(height) pixels to \(newWidth) × \(newHeight) would exceed the \(maximum) allowed",
      remedy: "Crop the image to a less extreme shape first, or ask for a smaller size")
  }

  public static func range(name: String, lower: Double, upper: Double, expected: String) -> Self {
    Self(
      "The \(name) range \(lower)...\(upper) of a random crop is not \(expected)",
      remedy: "Correct the augmentation's settings")
  }

  public static func randAugment(_ setting: String, found: Int, expected: String) -> Self {
    Self(
      "The \(setting) of RandAugment must be \(expected), found \(found)", remedy: "Correct the augmentation's settings"
    )
  }

  public static func probability(name: String, found: Double) -> Self {
    Self("The probability of \(name) is \(found), but it lies in 0...1", remedy: "Correct the augmentation's settings")
  }

  public static func notEncodable(width: Int, height: Int) -> Self {
    Self(
      "An image of \(width) × \(height) pixels cannot become a file",
      remedy: "Make it smaller: a side has at most 65,500 pixels")
  }
}
