import Foundation
import MatFiles

/// StanfordCars from its annotations, without its split file (CoOp, `datasets/stanford_cars.py`).
///
/// `annotations` holds a record for each image, with `fname` and `class` from 1; `class_names` ends each name with its
/// year, which moves to the front: "2012 Audi TTS Coupe".
enum StanfordCarsAnnotations {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile {
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
    var division = ValidationDivision()
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
