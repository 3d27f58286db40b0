import Support

/// A dataset that cannot be used as it is.
public struct DatasetError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  package let kind: Kind

  /// The few errors that callers handle specially.
  package enum Kind: Sendable, Equatable {
    case unknownClasses([String], of: String, nearest: String?)
    /// A table that cannot be read, and the problem without the table's name.
    case table(problem: String)
    case other
  }

  private init(_ problem: String, remedy: String? = nil, kind: Kind = .other) {
    (self.problem, self.remedy, self.kind) = (problem, remedy, kind)
  }
}

extension DatasetError {
  // Errors of the file or folder itself.
  public static func notFound(path: String) -> Self {
    Self("There is no file or folder \(path)", remedy: "Check the path")
  }

  public static func notAFile(path: String) -> Self {
    Self(
      "\(path) is not a regular file", remedy: "Give a split file (.json), a table (.csv) or a folder of class folders")
  }

  public static func notAFolder(path: String) -> Self {
    Self("\(path) is not a folder", remedy: "Give a split file (.json), a table (.csv) or a folder of class folders")
  }

  public static func unreadable(path: String) -> Self {
    Self("\(path) cannot be read", remedy: "Check its permissions")
  }

  public static func empty(file: String) -> Self {
    Self("\(file) is empty", remedy: "Write or unpack it again", kind: .table(problem: "it names no class"))
  }

  public static func notText(file: String) -> Self {
    Self(
      "\(file) is not text in UTF-8 or UTF-16", remedy: "Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'",
      kind: .table(problem: "it is not UTF-8 text"))
  }

  public static func unknownForm(file: String) -> Self {
    Self(
      "\(file) is neither a split file (.json) nor a table (.csv)",
      remedy: "Give a split file, a table or a folder of class folders")
  }

  /// Tars of labelled images without the list of class names.
  public static func noClassNames(folder: String, file: String) -> Self {
    Self(
      "\(folder) has tars and no \(file), which names their classes",
      remedy: "Write it there, with one name a line, in the order of the numbers in .cls")
  }

  /// A sample of a tar whose label cannot be used.
  public static func sampleLabel(_ sample: String, _ reason: String) -> Self {
    Self("The sample \(sample) cannot be used: \(reason)", remedy: "Pack the tar again with the labels")
  }

  public static func severalSplitFiles(folder: String, files: [String]) -> Self {
    Self("\(folder) holds several split files: \(files.listed)", remedy: "Name the one that you mean")
  }

  /// A folder without class folders, with the number of photos directly in it, and of those deeper than class folders
  /// would be.
  public static func noClasses(folder: String, loose: Int, deeper: DeeperPhotos?) -> Self {
    Self(
      "\(folder) has no class folders with images in them"
        + (loose > 0 ? ", but \(loose.photos) that no folder tells the class of" : "")
        + (deeper.map {
          "\(loose > 0 ? " and" : ", but") \($0.count.photos) that lie deeper, in \($0.folders.listed(at: 3))"
        }
          ?? ""),
      remedy: deeper.map {
        "If these folders are the classes, "
          + ($0.above.count == 1 ? "give" : "put them side by side into one folder or give one such as")
          + " \($0.above.first ?? folder); if the folders above them are, --recursive takes all photos below each"
      } ?? "Put each class's photos into a folder that has the class's name")
  }

  // Errors of a benchmark's folder.
  public static func noBenchmarkFolder(
    benchmark: String, root: String, folder: String, nearest: String?, isRootItself: Bool
  ) -> Self {
    Self(
      "\(root) has no folder '\(folder)', where \(benchmark) belongs"
        + (isRootItself ? ": it is that folder itself" : nearest.map { ", but one called '\($0)'" } ?? ""),
      remedy: isRootItself
        ? "Give the folder above it as --root"
        : nearest.map { "Did you mean '\($0)'? Rename it to '\(folder)' or link to it" }
          ?? "Give as --root the folder that holds it")
  }

  public static func missingLists(
    benchmark: String, folder: String, splitFile: String?, missing: [String], check: String
  ) -> Self {
    Self(
      "\(benchmark) in \(folder) has "
        + (splitFile.map { "neither \($0) nor what it could be rebuilt from: \(missing.listed)" }
          ?? "no \(missing.listed)") + (splitFile == nil ? "" : missing.count == 1 ? " is missing" : " are missing"),
      remedy: "'\(check)' says what belongs where")
  }

  public static func noClassFolders(folder: String, images: Int) -> Self {
    Self(
      "\(folder) has no class folders" + (images > 0 ? ", but \(images) images that no folder tells the class of" : ""),
      remedy: "Put each class's images into a folder of its own, called by its WordNet number (n01440764)")
  }

  public static func unnamedFolder(folder: String, name: String, list: String) -> Self {
    Self(
      "The folder '\(name)' in \(folder) has no class name in \(list)",
      remedy: "Remove the folder, or take the list that belongs to these images")
  }

  public static func unpairedFolder(folder: String, name: String, present: String) -> Self {
    Self(
      "The class folder '\(name)' lies in \(folder)/\(present) and not in \(folder)/\(present == "val" ? "train" : "val")",
      remedy: "Unpack both parts whole")
  }

  public static func listLine(file: String, line: Int, expected: String, found: String) -> Self {
    Self("\(file), line \(line): expected \(expected), found '\(found)'", remedy: "Unpack the file again")
  }

  public static func annotation(file: String, expected: String) -> Self {
    Self("\(file): expected \(expected)", remedy: "Unpack the file again")
  }

  // Errors of a sample or of classes that were made for other images.
  public static func foreignSample(file: String, count: Int, of total: Int, first: String, dataset: String) -> Self {
    Self(
      "\(count) of the \(total) images that \(file) names are no \(dataset), such as '\(first)'",
      remedy: "Give a list that was drawn from this dataset, and from the same split")
  }

  public static func foreignClass(file: String, place: String, found: String, expected: String) -> Self {
    Self(
      "\(file), \(place): the class is \(found) there and \(expected) in the dataset",
      remedy: "Give a list that was drawn from this dataset, and from the same split")
  }

  // Errors of the form of a split file or table. A place is "train[3]" or "line 7".
  public static func notJSON(file: String, reason: String?) -> Self {
    Self(
      "\(file) is not JSON" + (reason.map { ": \($0.withoutFullStop)" } ?? ""),
      remedy: #"A split file reads {"train": [[path, label, name], …], "val": […], "test": […]}"#)
  }

  public static func missingPart(file: String, part: String) -> Self {
    Self(
      "\(file) has no list '\(part)'", remedy: "It must have the lists 'train', 'val' and 'test'; 'val' may be empty")
  }

  public static func wrongType(file: String, place: String, expected: String) -> Self {
    Self(
      "\(file)\(place.isEmpty ? "" : ", \(place)"): expected \(expected)",
      remedy: #"A split file reads {"train": [[path, label, name], …], "val": […], "test": […]}"#)
  }

  public static func missingColumn(file: String, column: String, found: [String]) -> Self {
    Self(
      "\(file) has no column '\(column)': its first line names \(found.quoted)",
      remedy: "The first line must be path,class or path,class,split",
      kind: .table(problem: "its first line names no column 'class'"))
  }

  public static func unclosedQuote(file: String, line: Int) -> Self {
    Self(
      "\(file), line \(line): a quoted field is never closed", remedy: "Close it, and write a quote inside it twice",
      kind: .table(problem: "a quote in it is never closed: line \(line)"))
  }

  /// Rows of a table that share one fault, by their lines; `fault` describes the first.
  public static func rows(file: String, lines: [Int], fault: String, remedy: String) -> Self {
    Self(
      "\(file), line \(lines.first ?? 1): \(fault)"
        + (lines.count > 1
          ? "; likewise in \(lines.count == 2 ? "line" : "lines")"
            + " \(lines.dropFirst().prefix(5).map(String.init).joined(separator: ", "))"
            + (lines.count > 6 ? " and \(lines.count - 6) more" : "") : ""),
      remedy: remedy,
      kind: .table(problem: "line \(lines.first ?? 1): \(fault)"))
  }

  // Errors of a source's content.
  public static func emptyPath(file: String, place: String) -> Self {
    Self("\(file), \(place): the path is empty", remedy: "Write paths relative to the image folder, without '..'")
  }

  public static func escapingPath(file: String, place: String, path: String) -> Self {
    Self(
      "\(file), \(place): the path '\(path)' leaves the image folder",
      remedy: "Write paths relative to the image folder, without '..'")
  }

  public static func negativeLabel(file: String, place: String, label: Int) -> Self {
    Self("\(file), \(place): the label \(label) is negative", remedy: "Number the classes from 0")
  }

  public static func labelGap(file: String, missing: Int, next: Int) -> Self {
    Self(
      "\(file): labels must run from 0 without gaps, but there is a label \(next) and no label \(missing)",
      remedy: "Number the classes from 0")
  }

  public static func emptyName(file: String, place: String) -> Self {
    Self("\(file), \(place): the class name is empty", remedy: "Give each label one name")
  }

  public static func twoNames(file: String, place: String, label: Int, first: String, second: String) -> Self {
    Self(
      "\(file), \(place): label \(label) is called '\(second)' here and '\(first)' before",
      remedy: "Give each label one name")
  }

  public static func duplicateName(file: String, first: String, second: String) -> Self {
    Self(
      first == second
        ? "\(file): two classes are called '\(first)'"
        : "\(file): the classes '\(first)' and '\(second)' give the same prompt",
      remedy: "Give each class a name of its own; case, '_' and spaces don't tell names apart")
  }

  public static func emptySplit(file: String, split: Split) -> Self {
    Self("\(file) has no \(split.noun) images", remedy: "Every class needs at least one training and one test image")
  }

  public static func classWithout(file: String, className: String, split: Split) -> Self {
    Self(
      "\(file): class '\(className)' has no \(split.noun) images",
      remedy: "Every class needs at least one training and one test image")
  }

  public static func tooFewImages(className: String, count: Int) -> Self {
    Self(
      "Class '\(className)' has \(count == 1 ? "1 photo" : "\(count) photos"): too few to train and to test",
      remedy: "Add photos: at least two, better sixteen or more; 'train --test none' learns from all and tests nothing")
  }

  public static func missingImages(folder: String, count: Int, of total: Int, first: [String]) -> Self {
    Self(
      "\(count) of \(total) images are missing in \(folder)\(count > first.count ? ", such as" : ":") \(first.listed)",
      remedy: "Unpack the images there, or correct the list")
  }

  // Errors of a request.
  public static func shots(_ shots: Int) -> Self {
    Self("Cannot sample \(shots) images a class", remedy: "Ask for at least 1")
  }

  public static func testOnly(name: String) -> Self {
    Self(
      "\(name) has test images only: there is nothing to learn from",
      remedy: "Learn on another dataset and evaluate on this one")
  }

  public static func noClassesLeft(subset: ClassSubset, of name: String) -> Self {
    Self("\(name) has one class, so that none are \(subset.rawValue)", remedy: "Use base or all, or add classes")
  }

  public static func unknownClasses(_ names: [String], of dataset: String, nearest: String?) -> Self {
    Self(
      "\(dataset) has no class \(names.prefix(3).map { "'\($0)'" }.joined(separator: ", "))"
        + (names.count > 3 ? ", … (\(names.count) such names)" : ""),
      remedy: nearest.map { "Did you mean '\($0)'?" }
        ?? "Give names of its classes, as 'datasets check' lists them, or base, new or all",
      kind: .unknownClasses(names, of: dataset, nearest: nearest))
  }

  public static func template(_ text: String) -> Self {
    Self(
      "The template '\(text)' has no place for the class name",
      remedy: "Write {} where the name goes, as in 'a photo of a {}.'")
  }
}

extension DatasetError {
  /// Photos that are deeper than class folders.
  public struct DeeperPhotos: Sendable, Equatable {
    public let count: Int
    /// The folders that they lie in, below the one that was given.
    public let folders: [String]
    /// The folders that these lie in.
    public let above: [String]
  }
}

extension Split {
  var noun: String {
    switch self {
    case .train: "training"
    case .val: "validation"
    case .test: "test"
    }
  }
}

extension Int {
  /// "1 photo" or "2 photos".
  var photos: String { self == 1 ? "1 photo" : "\(self) photos" }
}

extension [String] {
  fileprivate var listed: String { joined(separator: ", ") }
  fileprivate func listed(at most: Int) -> String { Array(prefix(most)).listed + (count > most ? ", …" : "") }
  fileprivate var quoted: String { map { "'\($0)'" }.joined(separator: ", ") }
}

extension String {
  fileprivate var withoutFullStop: String { hasSuffix(".") ? String(dropLast()) : self }
}
