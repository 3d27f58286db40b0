import Support

/// An error in the photos to predict, or in the output of the answers.
public struct PredictionError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension PredictionError {
  public static func noPhotos(folder: String, isRecursive: Bool, leftOut: LeftOutFiles) -> Self {
    Self(
      "The folder \(folder) has no photos \(isRecursive ? "in it, nor have its folders" : "directly in it")"
        + (leftOut.isEmpty ? "" : ". \(leftOut.sentence())"),
      remedy: isRecursive
        ? "Give a folder of photos" : "Give a folder of photos, or --recursive for those of its folders")
  }

  public static func noMatch(glob: String) -> Self {
    Self(
      "No file matches \(glob)",
      remedy: "Check the pattern and the folder that it starts from")
  }

  /// Standard input should hold paths, but does not.
  public static func notAPath(line: Int, isSeparatedByNul: Bool) -> Self {
    Self(
      "\(isSeparatedByNul ? "Entry" : "Line") \(line) of standard input is no path: it is not text",
      remedy: isSeparatedByNul
        ? "Give paths with NUL between them, as 'find -print0' writes them"
        : "Give --stdin-image for an image, or --null for paths with NUL between them")
  }

  /// Results cannot be written.
  public static func output(reason: String) -> Self {
    Self(
      "Cannot write to standard output: \(reason)",
      remedy: "Give it a file or a pipe that takes them")
  }

  /// A line of `predict --stream` that cannot be answered.
  public static func request(_ problem: String) -> Self {
    Self(
      problem,
      remedy: #"Send one object a line, such as {"images": ["a.jpg", {"base64": "…"}], "classes": ["cat", "dog"]}"#)
  }
}
