import Embedded
import Foundation

/// A dataset of a few drawings, in class folders below train, val and test.
enum SmallBenchmark {
  static let classNames = ["bird", "boat", "bread", "clock"]

  /// - Returns: the folder, whose name is the dataset's.
  static func write(_ name: String, to place: URL, classNames: [String] = classNames) throws -> URL {
    let folder = place.appending(path: name)
    for (split, numbers) in [("train", 0..<2), ("val", 2..<3), ("test", 3..<5)] {
      for className in classNames {
        let target = folder.appending(path: "\(split)/\(className)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        let files = try FileManager.default.contentsOfDirectory(
          atPath: Embedded.openclipart.appending(path: "images/\(className)").path
        ).sorted()
        for number in numbers {
          try FileManager.default.copyItem(
            at: Embedded.openclipart.appending(path: "images/\(className)/\(files[number])"),
            to: target.appending(path: files[number]))
        }
      }
    }
    return folder
  }
}
