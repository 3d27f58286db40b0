import Runs
import Support

/// Why there is no report.
public enum ReportError: UserFacingError, Equatable {
  /// A file that a report would replace and that no report is.
  case outputExists(path: String)
  case outputIsFolder(path: String)
  /// A folder without a run in it or below it.
  case noRuns(path: String)
  /// Runs whose figures would be averaged, and are of other photos.
  case otherTestPhotos(first: String, second: String, evaluation: String, difference: String)
  /// The package's own style sheet.
  case missingResource(name: String)

  public var problem: String {
    switch self {
    case .outputExists(let path): "There is a file \(path) already, and it is no report"
    case .outputIsFolder(let path): "\(path) is a folder, where a file is to be written"
    case .noRuns(let path): "There is no run in \(path), nor below it"
    case .otherTestPhotos(let first, let second, let evaluation, let difference):
      "\(first) and \(second) cannot be averaged: they were measured on other photos (\(evaluation)), \(difference)"
    case .missingResource(let name): "The package's resource \(name) cannot be read"
    }
  }

  public var remedy: String? {
    switch self {
    case .outputExists: "Choose another --output or replace it with --force"
    case .outputIsFolder: "Name a file in it"
    case .noRuns: "Give folders that 'cocoop train' or 'cocoop reproduce' has written"
    case .otherTestPhotos: RunError.sameTestPhotos
    case .missingResource: "Keep the folders that were built beside the tool, or build it again"
    }
  }
}
