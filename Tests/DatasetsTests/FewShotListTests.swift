import Datasets
import Foundation
import Testing
import TestSupport

@Suite("A few-shot sample drawn elsewhere stands for one drawn here")
struct FewShotListTests {
  static let table = """
    path,class,split
    apple_pie/1.jpg,apple_pie,train
    apple_pie/9.jpg,apple_pie,train
    baklava/2.jpg,baklava,train
    apple_pie/3.jpg,apple_pie,val
    apple_pie/4.jpg,apple_pie,test
    baklava/4.jpg,baklava,test
    """

  static var cache: URL { Bundle.module.bundleURL.appending(path: "Fixtures/shot_1-seed_1.pkl") }

  func dataset(_ table: String = table) throws -> Dataset {
    try withTemporaryFolder { try Dataset(csv: $0.write(table, to: "food.csv")) }
  }

  @Test("a cache of the reference, whose paths are another machine's")
  func cache() throws {
    let sample = try dataset().fewShot(FewShotList(contentsOf: Self.cache))
    #expect(sample.training == [Example(path: "apple_pie/1.jpg", label: 0), Example(path: "baklava/2.jpg", label: 1)])
    #expect(sample.validation == [Example(path: "apple_pie/3.jpg", label: 0)])
    #expect(sample.test.count == 2)
  }

  @Test("what 'datasets few-shot --json' prints")
  func listing() throws {
    let dataset = try dataset()
    let data = try JSONEncoder().encode(FewShotListing(of: dataset, shots: 1, seed: 4))
    let sample = try dataset.fewShot(FewShotList(data, of: "list.json"))
    #expect(try sample.training == dataset.fewShot(1, seed: 4).training)
  }

  @Test("a sample of other images or classes is refused")
  func foreign() throws {
    let path = Self.cache.path
    let advice = " Give a list that was drawn from this dataset, and from the same split."
    #expect(
      explanation {
        try dataset(Self.table.replacing("baklava/2", with: "baklava/5")).fewShot(FewShotList(contentsOf: Self.cache))
      }
        == "1 of the 2 images that \(path) names are no training images of food, such as"
        + " '/home/someone/data/food-101/images/baklava/2.jpg'." + advice)
    #expect(
      explanation {
        try dataset(Self.table.replacing(",baklava", with: ",zuppa")).fewShot(FewShotList(contentsOf: Self.cache))
      }
        == "\(path), train[1]: the class is 1 'baklava' there and 1 'zuppa' in the dataset." + advice)
  }

  @Test("mutated caches are read or refused, quickly")
  func fuzz() throws {
    let original = Array(try Data(contentsOf: Self.cache))
    let dataset = try dataset()
    var mutate = Mutation(seed: 6, pieces: FuzzTests.pieces)
    let report = try Fuzzing("few-shot list (pickle)", usually: 3000, allowance: 256 << 10) { _ in
      mutate(original)
    } read: { data in
      try dataset.fewShot(FewShotList(data, of: "x.pkl"))
    }
    #expect(report.problems.isEmpty)
    #expect(report.refused > 20)
  }
}
