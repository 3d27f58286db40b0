import Support

/// An error in a comparison of methods.
public struct ReproductionError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension ReproductionError {
  /// A folder that is not empty and holds no comparison.
  public static func noComparison(path: String) -> Self {
    Self(
      "\(path) has other files in it and nothing of 'cocoop reproduce'",
      remedy: "Choose another --output")
  }

  /// A comparison that would have two rows with one name.
  public static func datasetTwice(title: String) -> Self {
    Self(
      "There are two datasets called \(title)",
      remedy: "Give each one once")
  }
}
