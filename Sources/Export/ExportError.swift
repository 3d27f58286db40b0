import Support

/// A model that cannot be exported.
public struct ExportError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String?) {
    self.problem = problem
    self.remedy = remedy
  }

  /// A classifier that does not state its head.
  static func noForm(method: String) -> Self {
    Self(
      "\(method) cannot be exported to ONNX: its classifier is not stated as a head on CLIP's own image tower",
      remedy: "Use the run with 'cocoop predict' or 'cocoop serve', or export one of another method")
  }

  /// Prompts whose states one image would need too much memory for.
  static func tooManyPrompts(classes: Int, bytes: Int, limit: Int) -> Self {
    Self(
      "\(classes) classes are too many for a graph that reads every prompt for every image: one hidden layer takes"
        + " \(bytes >> 20) MiB an image, where \(limit >> 20) are the most",
      remedy: "Name fewer classes, or export a method whose class features are the same for every image")
  }

  static func folderExists(path: String) -> Self {
    Self("There is something at \(path) already", remedy: "Choose another --output, or replace an export with --force")
  }

  static func foreignFolder(path: String) -> Self {
    Self("\(path) holds more than an export, and is not replaced", remedy: "Choose another --output")
  }

  static func notInHalf(tensor: String) -> Self {
    Self("'\(tensor)' has a number that 16 bits cannot hold", remedy: "Export with --precision float32")
  }

  static func shape(tensor: String, expected: [Int], found: [Int]) -> Self {
    Self(
      "'\(tensor)' has shape \(found), where the graph has \(expected)",
      remedy: "The checkpoint has changed since it was read: try again")
  }
}
