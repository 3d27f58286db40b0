import Runs
import Support

/// The reason why there is no report.
public struct ReportError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension ReportError {
  /// A file at the output's path that is not a report.
  public static func outputExists(path: String) -> Self {
    Self(
      "There is a file \(path) already, and it is no report",
      remedy: "Choose another --output or replace it with --force")
  }

  public static func outputIsFolder(path: String) -> Self {
    Self("\(path) is a folder, where a file is to be written", remedy: "Name a file in it")
  }

  /// A folder without a run in it or below it.
  public static func noRuns(path: String) -> Self {
    Self(
      "There is no run in \(path), nor below it",
      remedy: "Give folders that 'cocoop train' or 'cocoop reproduce' has written")
  }

  /// Runs whose figures would be averaged, but are from different photos.
  public static func otherTestPhotos(first: String, second: String, evaluation: String, difference: String) -> Self {
    Self(
      "\(first) and \(second) cannot be averaged: they were measured on other photos (\(evaluation)), \(difference)",
      remedy: RunError.sameTestPhotos)
  }

  /// The package's own style sheet is missing.
  public static func missingResource(name: String) -> Self {
    Self(
      "The package's resource \(name) cannot be read",
      remedy: "Keep the folders that were built beside the tool, or build it again")
  }
}
