import Foundation
import MatFiles

/// Flowers102 from its labels, without its split file (CoOp, `datasets/oxford_flowers.py`).
///
/// `labels` gives the class from 1 of `image_00001.jpg` and so on, `cat_to_name.json` the names: `{"21": "fire lily", …}`.
/// Classes are divided into halves and fifths in the order in which they first appear; with seed 1 that is the published
/// split, image for image.
enum Flowers102Labels {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile {
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
    var division = RandomDivision(seed: Benchmark.publishedSeed)
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
