import Datasets
import Foundation
import Testing

import struct TestSupport.MatWriter

/// The seed of the published splits and the order of their lists are known, so the rule can be compared with them.
@Suite("Rebuilt splits are the published ones, image for image", .enabled(if: Shared.hasSplits))
struct RebuiltSplitTests {
  func check(_ benchmark: PublishedDataset, _ published: Dataset, _ write: (URL) throws -> Void) throws {
    try withTemporaryFolder { root in
      try write(root.appending(path: benchmark.folder))
      let rebuilt = try Dataset(benchmark, root: root)
      #expect(rebuilt.classNames == published.classNames)
      for split in Split.allCases { #expect(Set(rebuilt.examples(in: split)) == Set(published.examples(in: split))) }
      #expect(rebuilt.training == published.training)
    }
  }

  @Test("Flowers102, from imagelabels.mat")
  func flowers() throws {
    let published = try Shared.split("OxfordFlowers")
    let examples = Split.allCases.flatMap(published.examples(in:)).sorted { $0.path < $1.path }
    try check(.flowers102, published) { folder in
      let labels = examples.map { Double($0.label + 1) }
      try folder.write(MatWriter().file([("labels", .numbers(labels))]), to: "imagelabels.mat")
      let names = Dictionary(uniqueKeysWithValues: zip((1...).lazy.map(String.init), published.classNames))
      try folder.write(JSONEncoder().encode(names), to: "cat_to_name.json")
    }
  }

  @Test("StanfordCars, from its annotations")
  func cars() throws {
    let published = try Shared.split("StanfordCars")
    func annotations(_ examples: [Example]) -> Data {
      let records = examples.sorted { $0.path < $1.path }.map { example in
        [
          MatWriter.Value.numbers([Double(example.label + 1)]),
          .text(URL(filePath: example.path).lastPathComponent),
        ]
      }
      return MatWriter().file([("annotations", .records(fields: ["class", "fname"], records))])
    }
    try check(.stanfordCars, published) { folder in
      try folder.write(annotations(published.training + published.validation), to: "devkit/cars_train_annos.mat")
      try folder.write(annotations(published.test), to: "cars_test_annos_withlabels.mat")
      let names = published.classNames.map { name in
        let words = name.split(separator: " ")
        return MatWriter.Value.text((words.dropFirst() + words.prefix(1)).joined(separator: " "))
      }
      try folder.write(MatWriter().file([("class_names", .cells(names))]), to: "devkit/cars_meta.mat")
    }
  }

  @Test("UCF101, from its train and test lists")
  func ucf() throws {
    let published = try Shared.split("UCF101")
    func action(_ label: Int) -> String { published.classNames[label].replacing("_", with: "") }
    func list(_ examples: [Example]) -> String {
      examples.sorted { ($0.label, $0.path) < ($1.label, $1.path) }
        .map {
          "\(action($0.label))/\(URL(filePath: $0.path).lastPathComponent.replacing(".jpg", with: ".avi")) \($0.label + 1)\n"
        }
        .joined()
    }
    try check(.ucf101, published) { folder in
      let indices = published.classNames.indices.map { "\($0 + 1) \(action($0))\n" }.joined()
      try folder.write(indices, to: "ucfTrainTestlist/classInd.txt")
      try folder.write(list(published.training + published.validation), to: "ucfTrainTestlist/trainlist01.txt")
      try folder.write(list(published.test), to: "ucfTrainTestlist/testlist01.txt")
    }
  }
}
