import Support

/// A dataset that cannot be used as it is.
public enum DatasetError: UserFacingError, Equatable {
  // The file or folder itself.
  case notFound(path: String)
  case notAFile(path: String)
  case notAFolder(path: String)
  case unreadable(path: String)
  case empty(file: String)
  case notText(file: String)
  case unknownForm(file: String)
  case severalSplitFiles(folder: String, files: [String])
  /// A folder without class folders; how many photos lie directly in it, and deeper than class folders would.
  case noClasses(folder: String, loose: Int, deeper: DeeperPhotos?)

  // A benchmark's folder.
  case noBenchmarkFolder(benchmark: String, root: String, folder: String, nearest: String?, isRootItself: Bool)
  case missingLists(benchmark: String, folder: String, splitFile: String?, missing: [String], check: String)
  case noClassFolders(folder: String, images: Int)
  case unnamedFolder(folder: String, name: String, list: String)
  case unpairedFolder(folder: String, name: String, present: String)
  case listLine(file: String, line: Int, expected: String, found: String)
  case annotation(file: String, expected: String)

  // A sample, or classes, made for other images.
  case foreignSample(file: String, count: Int, of: Int, first: String, dataset: String)
  case foreignClass(file: String, place: String, found: String, expected: String)

  // The form of a split file or table. A place is "train[3]" or "line 7".
  case notJSON(file: String, reason: String?)
  case missingPart(file: String, part: String)
  case wrongType(file: String, place: String, expected: String)
  case missingColumn(file: String, column: String, found: [String])
  case unclosedQuote(file: String, line: Int)
  /// Rows of a table with one fault, by their lines; `fault` is what is wrong with the first.
  case rows(file: String, lines: [Int], fault: String, remedy: String)

  // What it states.
  case emptyPath(file: String, place: String)
  case escapingPath(file: String, place: String, path: String)
  case negativeLabel(file: String, place: String, label: Int)
  case labelGap(file: String, missing: Int, next: Int)
  case emptyName(file: String, place: String)
  case twoNames(file: String, place: String, label: Int, first: String, second: String)
  case duplicateName(file: String, first: String, second: String)
  case emptySplit(file: String, split: Split)
  case classWithout(file: String, className: String, split: Split)
  case tooFewImages(className: String, count: Int)
  case missingImages(folder: String, count: Int, of: Int, first: [String])

  // What was asked for.
  case shots(Int)
  case testOnly(name: String)
  case noClassesLeft(subset: ClassSubset, of: String)
  case unknownClasses([String], of: String, nearest: String?)
  case template(String)
}

extension DatasetError {
  /// Photos that lie deeper than in class folders.
  public struct DeeperPhotos: Sendable, Equatable {
    public let count: Int
    /// The folder above the first one's own: give it, if its folders are the classes.
    public let folder: String
  }

  public var problem: String {
    switch self {
    case .notFound(let path): "There is no file or folder \(path)"
    case .notAFile(let path): "\(path) is not a regular file"
    case .notAFolder(let path): "\(path) is not a folder"
    case .unreadable(let path): "\(path) cannot be read"
    case .empty(let file): "\(file) is empty"
    case .notText(let file): "\(file) is not text in UTF-8 or UTF-16"
    case .unknownForm(let file): "\(file) is neither a split file (.json) nor a table (.csv)"
    case .severalSplitFiles(let folder, let files): "\(folder) holds several split files: \(files.listed)"
    case .noClasses(let folder, let loose, let deeper):
      "\(folder) has no class folders with images in them"
        + (loose > 0 ? ", but \(loose.photos) that no folder tells the class of" : "")
        + (deeper.map { "\(loose > 0 ? " and" : ", but") \($0.count.photos) that lie deeper, such as in \($0.folder)" }
          ?? "")

    case .noBenchmarkFolder(let benchmark, let root, let folder, let nearest, let isRootItself):
      "\(root) has no folder '\(folder)', where \(benchmark) belongs"
        + (isRootItself ? ": it is that folder itself" : nearest.map { ", but one called '\($0)'" } ?? "")
    case .missingLists(let benchmark, let folder, let splitFile, let missing, _):
      "\(benchmark) in \(folder) has "
        + (splitFile.map { "neither \($0) nor what it could be rebuilt from: \(missing.listed)" }
          ?? "no \(missing.listed)") + (splitFile == nil ? "" : missing.count == 1 ? " is missing" : " are missing")
    case .noClassFolders(let folder, let images):
      "\(folder) has no class folders" + (images > 0 ? ", but \(images) images that no folder tells the class of" : "")
    case .unnamedFolder(let folder, let name, let list):
      "The folder '\(name)' in \(folder) has no class name in \(list)"
    case .unpairedFolder(let folder, let name, let present):
      "The class folder '\(name)' lies in \(folder)/\(present) and not in \(folder)/\(present == "val" ? "train" : "val")"
    case .listLine(let file, let line, let expected, let found):
      "\(file), line \(line): expected \(expected), found '\(found)'"
    case .annotation(let file, let expected): "\(file): expected \(expected)"

    case .foreignSample(let file, let count, let total, let first, let dataset):
      "\(count) of the \(total) images that \(file) names are no \(dataset), such as '\(first)'"
    case .foreignClass(let file, let place, let found, let expected):
      "\(file), \(place): the class is \(found) there and \(expected) in the dataset"

    case .notJSON(let file, let reason): "\(file) is not JSON" + (reason.map { ": \($0.withoutFullStop)" } ?? "")
    case .missingPart(let file, let part): "\(file) has no list '\(part)'"
    case .wrongType(let file, let place, let expected):
      "\(file)\(place.isEmpty ? "" : ", \(place)"): expected \(expected)"
    case .missingColumn(let file, let column, let found):
      "\(file) has no column '\(column)': its first line names \(found.quoted)"
    case .unclosedQuote(let file, let line): "\(file), line \(line): a quoted field is never closed"
    case .rows(let file, let lines, let fault, _):
      "\(file), line \(lines.first ?? 1): \(fault)"
        + (lines.count > 1
          ? "; likewise in \(lines.count == 2 ? "line" : "lines")"
            + " \(lines.dropFirst().prefix(5).map(String.init).joined(separator: ", "))"
            + (lines.count > 6 ? " and \(lines.count - 6) more" : "") : "")

    case .emptyPath(let file, let place): "\(file), \(place): the path is empty"
    case .escapingPath(let file, let place, let path):
      "\(file), \(place): the path '\(path)' leaves the image folder"
    case .negativeLabel(let file, let place, let label): "\(file), \(place): the label \(label) is negative"
    case .labelGap(let file, let missing, let next):
      "\(file): labels must run from 0 without gaps, but there is a label \(next) and no label \(missing)"
    case .emptyName(let file, let place): "\(file), \(place): the class name is empty"
    case .twoNames(let file, let place, let label, let first, let second):
      "\(file), \(place): label \(label) is called '\(second)' here and '\(first)' before"
    case .duplicateName(let file, let first, let second):
      first == second
        ? "\(file): two classes are called '\(first)'"
        : "\(file): the classes '\(first)' and '\(second)' give the same prompt"
    case .emptySplit(let file, let split): "\(file) has no \(split.noun) images"
    case .classWithout(let file, let className, let split): "\(file): class '\(className)' has no \(split.noun) images"
    case .tooFewImages(let className, let count):
      "Class '\(className)' has \(count == 1 ? "1 photo" : "\(count) photos"): too few to train and to test"
    case .missingImages(let folder, let count, let total, let first):
      "\(count) of \(total) images are missing in \(folder)\(count > first.count ? ", such as" : ":") \(first.listed)"

    case .shots(let shots): "Cannot sample \(shots) images a class"
    case .testOnly(let name): "\(name) has test images only: there is nothing to learn from"
    case .noClassesLeft(let subset, let name): "\(name) has one class, so that none are \(subset.rawValue)"
    case .unknownClasses(let names, let dataset, _):
      "\(dataset) has no class \(names.prefix(3).map { "'\($0)'" }.joined(separator: ", "))"
        + (names.count > 3 ? ", … (\(names.count) such names)" : "")
    case .template(let text): "The template '\(text)' has no place for the class name"
    }
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
  fileprivate var quoted: String { map { "'\($0)'" }.joined(separator: ", ") }
}

extension String {
  fileprivate var withoutFullStop: String { hasSuffix(".") ? String(dropLast()) : self }
}

/// What to do about each error.
extension DatasetError {
  public var remedy: String? {
    switch self {
    case .notFound: "Check the path"
    case .notAFile, .notAFolder: "Give a split file (.json), a table (.csv) or a folder of class folders"
    case .unreadable: "Check its permissions"
    case .empty: "Write or unpack it again"
    case .notJSON, .wrongType:
      #"A split file reads {"train": [[path, label, name], …], "val": […], "test": […]}"#
    case .notText: "Save it as UTF-8, in a spreadsheet as 'CSV UTF-8'"
    case .unknownForm: "Give a split file, a table or a folder of class folders"
    case .severalSplitFiles: "Name the one that you mean"
    case .noClasses(_, _, let deeper?):
      "If its folders are the classes, give \(deeper.folder); otherwise put each class's photos into one folder"
    case .noClasses: "Put each class's photos into a folder that has the class's name"
    case .noBenchmarkFolder(_, _, let folder, let nearest, let isRootItself):
      isRootItself
        ? "Give the folder above it as --root"
        : nearest.map { "Did you mean '\($0)'? Rename it to '\(folder)' or link to it" }
          ?? "Give as --root the folder that holds it"
    case .missingLists(_, _, _, _, let check): "'\(check)' says what belongs where"
    case .noClassFolders: "Put each class's images into a folder of its own, called by its WordNet number (n01440764)"
    case .unnamedFolder: "Remove the folder, or take the list that belongs to these images"
    case .unpairedFolder: "Unpack both parts whole"
    case .listLine, .annotation: "Unpack the file again"
    case .foreignSample, .foreignClass: "Give a list that was drawn from this dataset, and from the same split"
    case .missingPart: "It must have the lists 'train', 'val' and 'test'; 'val' may be empty"
    case .missingColumn: "The first line must be path,class or path,class,split"
    case .unclosedQuote: "Close it, and write a quote inside it twice"
    case .rows(_, _, _, let remedy): remedy
    case .emptyPath, .escapingPath: "Write paths relative to the image folder, without '..'"
    case .negativeLabel, .labelGap: "Number the classes from 0"
    case .emptyName, .twoNames: "Give each label one name"
    case .duplicateName: "Give each class a name of its own; case, '_' and spaces don't tell names apart"
    case .emptySplit, .classWithout: "Every class needs at least one training and one test image"
    case .tooFewImages:
      "Add photos: at least two, better sixteen or more; 'train --test none' learns from all and tests nothing"
    case .missingImages: "Unpack the images there, or correct the list"
    case .shots: "Ask for at least 1"
    case .testOnly: "Learn on another dataset and evaluate on this one"
    case .noClassesLeft: "Use base or all, or add classes"
    case .unknownClasses(_, _, let nearest?): "Did you mean '\(nearest)'?"
    case .unknownClasses: "Give names of its classes, as 'datasets check' lists them, or base, new or all"
    case .template: "Write {} where the name goes, as in 'a photo of a {}.'"
    }
  }
}
