import Foundation
import Support

/// A text file with one entry a line; empty lines don't count.
struct TextList {
  let file: String
  private let lines: [Substring]

  /// - Throws: ``DatasetError``.
  init(_ file: URL) throws {
    self.file = file.path
    // In Swift, CR LF is one character, and a new line too.
    lines = try Files.text(Files.contents(of: file), of: file.path).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
  }

  /// The values of the lines.
  ///
  /// - Parameter expected: the correct form of a line, for the error about one that `read` returns `nil` for.
  /// - Throws: ``DatasetError/listLine(file:line:expected:found:)``.
  func map<Item>(expecting expected: String, _ read: (String) -> Item?) throws -> [Item] {
    try zip(1..., lines).compactMap { number, line in
      let text = line.trimmingCharacters(in: .whitespaces)
      guard !text.isEmpty else { return nil }
      guard let item = read(text) else {
        throw DatasetError.listLine(file: file, line: number, expected: expected, found: String(text.prefix(80)))
      }
      return item
    }
  }
}

/// Class folders that are divided into halves and fifths: Caltech101, Food101, DTD and EuroSAT without their split
/// files (CoOp, `datasets/dtd.py`, `read_and_split_data`).
///
/// The reference shuffles each folder's images from the order in which its file system lists them, which no other
/// machine repeats. Here they are sorted first, so that the splits are the same everywhere, but different from the
/// published ones.
enum DividedFolders {
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    var division = RandomSplit(seed: PublishedDataset.publishedSeed)
    let names = folder.benchmark.layout.folderNames
    let classes = try Files.list(folder.images).folders.compactMap { path in
      names.className(of: path).map { (path, className: $0) }
    }
    var parts: [Split: [SplitFile.Entry]] = [:]
    for (label, (path, className)) in classes.enumerated() {
      let images = try Files.images(in: folder.images.appending(path: path))
      for (split, images) in try division.divide(images, of: className) {
        parts[split, default: []] += images.map {
          SplitFile.Entry(path: "\(path)/\($0)", label: label, className: className)
        }
      }
    }
    return SplitFile(parts)
  }
}

/// FGVCAircraft, which comes with its own three splits (CoOp, `datasets/fgvc_aircraft.py`).
///
/// `variants.txt` has one class a line, in the order of labels; a line of `images_variant_train.txt` reads
/// `1025794 707-320`, an image and its class.
enum FGVCAircraftLists {
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let classes = try TextList(folder.list("variants.txt")).map(expecting: "a class name") { $0 }
    let labels = Dictionary(zip(classes, 0...), uniquingKeysWith: { first, _ in first })
    func entries(_ part: String) throws -> [SplitFile.Entry] {
      try TextList(folder.list("images_variant_\(part).txt"))
        .map(expecting: "an image and a class of variants.txt") { line in
          let fields = line.split(separator: " ", maxSplits: 1).map(String.init)
          guard fields.count == 2, let label = labels[fields[1]] else { return nil }
          return SplitFile.Entry(path: "\(fields[0]).jpg", label: label, className: fields[1])
        }
    }
    return SplitFile(train: try entries("train"), val: try entries("val"), test: try entries("test"))
  }
}

/// OxfordPets from its annotations, without its split file (CoOp, `datasets/oxford_pets.py`).
///
/// A line of `trainval.txt` and `test.txt` reads `Abyssinian_100 1 1 1`: image, class from 1, species, breed of the
/// species. The class name is the image's name without its number, in lower case.
enum OxfordPetsLists {
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    var division = ValidationSplit()
    let (train, val) = division.divide(try entries(of: "annotations/trainval.txt", in: folder))
    return SplitFile(train: train, val: val, test: try entries(of: "annotations/test.txt", in: folder))
  }

  private static func entries(of list: String, in folder: PublishedDatasetFolder) throws -> [SplitFile.Entry] {
    try TextList(folder.list(list)).map(expecting: "an image, its class from 1, species and breed") { line in
      let fields = line.split(separator: " ")
      guard fields.count == 4, let label = Int(fields[1]), let end = fields[0].lastIndex(of: "_") else { return nil }
      return SplitFile.Entry(
        path: "\(fields[0]).jpg", label: label - 1, className: fields[0][..<end].lowercased())
    }
  }
}

/// SUN397 from its first partition, without its split file (CoOp, `datasets/sun397.py`).
///
/// `ClassName.txt` has one class folder a line, in the order of labels: `/b/balcony/exterior`. The class name is that
/// without its initial and with its parts reversed, "exterior balcony". A line of `Training_01.txt` is an image's path.
enum SUN397Lists {
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let classes = try TextList(folder.list("ClassName.txt")).map(expecting: "a class folder such as /a/abbey") { line in
      line.hasPrefix("/") ? String(line.dropFirst()) : nil
    }
    let labels = Dictionary(zip(classes, 0...), uniquingKeysWith: { first, _ in first })
    func entries(_ list: String) throws -> [SplitFile.Entry] {
      try TextList(folder.list(list)).map(expecting: "an image under a class folder of ClassName.txt") { line in
        guard line.hasPrefix("/"), let end = line.lastIndex(of: "/") else { return nil }
        let classFolder = String(line[..<end].dropFirst())
        guard let label = labels[classFolder] else { return nil }
        let name = classFolder.split(separator: "/").dropFirst().reversed().joined(separator: " ")
        return SplitFile.Entry(path: String(line.dropFirst()), label: label, className: name)
      }
    }
    var division = ValidationSplit()
    let (train, val) = division.divide(try entries("Training_01.txt"))
    return SplitFile(train: train, val: val, test: try entries("Testing_01.txt"))
  }
}

/// UCF101's middle frames from its first train/test lists, without its split file (CoOp, `datasets/ucf101.py`).
///
/// `classInd.txt` reads `1 ApplyEyeMakeup`; a line of `trainlist01.txt` begins with
/// `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi`. The frames' folders have the name's words apart, `Apply_Eye_Makeup`,
/// which is also the class name.
enum UCF101Lists {
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let indices = try TextList(folder.list("ucfTrainTestlist/classInd.txt"))
      .map(expecting: "a class's number from 1 and its name") { line -> (String, Int)? in
        let fields = line.split(separator: " ")
        guard fields.count == 2, let number = Int(fields[0]) else { return nil }
        return (String(fields[1]), number - 1)
      }
    let labels = Dictionary(indices, uniquingKeysWith: { first, _ in first })
    func entries(_ part: String) throws -> [SplitFile.Entry] {
      try TextList(folder.list("ucfTrainTestlist/\(part)list01.txt"))
        .map(expecting: "a video under a class of classInd.txt") { line in
          let path = (line.split(separator: " ").first ?? "").split(separator: "/").map(String.init)
          guard path.count == 2, let label = labels[path[0]] else { return nil }
          let name = words(of: path[0])
          let image = path[1].replacing(".avi", with: ".jpg")
          return SplitFile.Entry(path: "\(name)/\(image)", label: label, className: name)
        }
    }
    var division = ValidationSplit()
    let (train, val) = division.divide(try entries("train"))
    return SplitFile(train: train, val: val, test: try entries("test"))
  }

  /// `YoYo` → `Yo_Yo`: each capital begins a word, and everything before the first is dropped, as by the reference's
  /// pattern.
  private static func words(of action: String) -> String {
    action.reduce(into: [String]()) { words, character in
      if character.isASCII, character.isUppercase {
        words.append(String(character))
      } else if !words.isEmpty {
        words[words.count - 1].append(character)
      }
    }
    .joined(separator: "_")
  }
}
