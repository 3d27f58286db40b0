import Datasets
import Embedded
import Foundation
import TestSupport

/// A few classes of openclipart, with the first images of each: quick to train on.
enum SmallDataset {
  static let names = ["arrow", "bird", "clock"]

  static func make(shots: Int, classes: [String] = names) throws -> Dataset {
    try make(counts: classes.map { _ in shots }, classes: classes)
  }

  /// - Parameter counts: the numbers of training images, one for each class.
  static func make(counts: [Int], classes: [String] = names) throws -> Dataset {
    try withTemporaryFolder { folder in
      func entries(_ count: Int, _ label: Int) -> [String] {
        (0..<count).map { number in
          let path = "\(classes[label])/\(String(format: "%03d", number)).jpg"
          return #"["\#(path)", \#(label), "\#(classes[label])"]"#
        }
      }
      let train = counts.enumerated().flatMap { label, count in entries(count, label) }.joined(separator: ", ")
      let test = classes.indices.flatMap { entries(1, $0) }.joined(separator: ", ")
      let file = folder.appending(path: "split_small.json")
      try Data(#"{"train": [\#(train)], "val": [], "test": [\#(test)]}"#.utf8).write(to: file)
      return try Dataset(splitFile: file, images: Embedded.openclipart.appending(path: "images"))
    }
  }
}
