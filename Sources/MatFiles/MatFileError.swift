import Explanations

/// A MATLAB file that cannot be read.
public enum MatFileError: Explained, Equatable {
  case unreadable(path: String)
  /// Neither level 5 nor any other MATLAB file that is recognized.
  case notMatlab(path: String)
  /// Another version: what it is called.
  case otherVersion(path: String, version: String)
  /// Ends within an element; `position` counts bytes from the start, of what is inflated where the element is compressed.
  case truncated(path: String, position: Int)
  case malformed(path: String, position: Int, expected: String)
  /// A class of array that is not read: sparse, object, function.
  case unsupported(path: String, variable: String, kind: String)
  case tooLarge(path: String, limit: Int)
  case tooDeep(path: String)

  public var problem: String {
    switch self {
    case .unreadable(let path): "\(path) cannot be read"
    case .notMatlab(let path): "\(path) is not a MATLAB file"
    case .otherVersion(let path, let version): "\(path) is a MATLAB file of \(version), not of level 5"
    case .truncated(let path, let position): "\(path) ends in the middle of an element, at byte \(position)"
    case .malformed(let path, let position, let expected): "\(path), byte \(position): expected \(expected)"
    case .unsupported(let path, let variable, let kind): "\(path): '\(variable)' is \(kind), which is not read"
    case .tooLarge(let path, let limit): "\(path) becomes more than \(limit >> 20) MiB in memory"
    case .tooDeep(let path): "\(path) nests arrays more than \(MatReader.depthLimit) deep"
    }
  }

  public var remedy: String? {
    switch self {
    case .unreadable: "Check the path and its permissions"
    case .otherVersion: "Save it in MATLAB with the option -v6 or -v7"
    case .notMatlab, .truncated, .malformed: "Download it again"
    case .unsupported, .tooLarge, .tooDeep: "Give the file as it was published"
    }
  }
}
