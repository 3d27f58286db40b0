import Foundation
import MatFiles

/// Flowers102 from its labels, without its split file (CoOp, `datasets/oxford_flowers.py`).
///
/// `labels` gives the class, from 1, of `image_00001.jpg` and so on, `cat_to_name.json` the names:
/// `{"21": "fire lily", …}`. Classes are divided into halves and fifths in the order in which they first appear; with
/// seed 1 that is the published split, image for image.
enum Flowers102Labels {
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let names = try classNames(folder.list("cat_to_name.json"))
    let file = folder.list("imagelabels.mat")
    guard let labels = try MatFile(contentsOf: file).variables["labels"]?.numbers else {
      throw DatasetError.annotation(file: file.path, expected: "numbers 'labels'")
    }
    let entries = try labels.enumerated().map { index, number in
      guard let label = Int(exactly: number), let name = names[label] else {
        throw DatasetError.annotation(
          file: file.path, expected: "label \(index + 1) to be a number that cat_to_name.json names")
      }
      return SplitFile.Entry(path: "image_\(padded(index + 1)).jpg", label: label - 1, className: name)
    }
    var division = RandomSplit(seed: PublishedDataset.publishedSeed)
    var parts: [Split: [SplitFile.Entry]] = [:]
    for images in entries.groupedByLabel() {
      for (split, images) in try division.divide(images, of: images.first?.className ?? "") {
        parts[split, default: []] += images
      }
    }
    return SplitFile(parts)
  }

  private static func padded(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
  }

  private static func classNames(_ file: URL) throws -> [Int: String] {
    guard let names = try? JSONDecoder().decode([String: String].self, from: Files.contents(of: file)) else {
      throw DatasetError.annotation(file: file.path, expected: #"JSON such as {"21": "fire lily", …}"#)
    }
    return Dictionary(
      names.compactMap { key, name in Int(key).map { ($0, name) } }, uniquingKeysWith: { first, _ in first })
  }
}

/// StanfordCars from its annotations, without its split file (CoOp, `datasets/stanford_cars.py`).
///
/// `annotations` holds a record for each image, with `fname` and `class` from 1; `class_names` ends each name with its
/// year, which moves to the front: "2012 Audi TTS Coupe".
enum StanfordCarsAnnotations {
  static func parts(of folder: PublishedDatasetFolder) throws -> SplitFile {
    let names = try classNames(folder.list("devkit/cars_meta.mat"))
    func entries(_ images: String, _ list: String) throws -> [SplitFile.Entry] {
      let file = folder.list(list)
      guard let records = try MatFile(contentsOf: file).variables["annotations"]?.records else {
        throw DatasetError.annotation(file: file.path, expected: "records 'annotations'")
      }
      return try records.enumerated().map { index, record in
        guard let name = record["fname"]?.string, let number = record["class"]?.numbers?.first,
          let label = Int(exactly: number - 1), names.indices.contains(label)
        else {
          throw DatasetError.annotation(
            file: file.path, expected: "annotation \(index + 1) to have a text fname and a class of 1 to \(names.count)"
          )
        }
        return SplitFile.Entry(path: "\(images)/\(name)", label: label, className: names[label])
      }
    }
    var division = ValidationSplit()
    let (train, val) = division.divide(try entries("cars_train", "devkit/cars_train_annos.mat"))
    return SplitFile(train: train, val: val, test: try entries("cars_test", "cars_test_annos_withlabels.mat"))
  }

  private static func classNames(_ file: URL) throws -> [String] {
    let cells = try MatFile(contentsOf: file).variables["class_names"]?.cells
    guard let names = cells?.map(\.string), !names.isEmpty, !names.contains(nil) else {
      throw DatasetError.annotation(file: file.path, expected: "texts in cells 'class_names'")
    }
    return names.compactMap { $0 }.map { name in
      let words = name.split(separator: " ")
      return (words.suffix(1) + words.dropLast()).joined(separator: " ")
    }
  }
}
