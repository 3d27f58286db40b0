import Datasets
import Foundation
import Testing
import TestSupport

@Suite("Few-shot samples are the reference's, image for image")
struct FewShotTests {
  struct Recording: Decodable {
    struct Sample: Decodable, CustomTestStringConvertible {
      let dataset: String
      let seed, shots, trainCount, valCount: Int
      let trainHash, valHash: String
      let firstTrain, firstVal: [String]
      var testDescription: String { "\(dataset), \(shots) shots, seed \(seed)" }
    }
    let samples: [Sample]
  }

  static func recorded(_ dataset: String) throws -> [Recording.Sample] {
    let recording: Recording = try Fixture.read("few_shot.json")
    return recording.samples.filter { $0.dataset == dataset }
  }

  func check(_ dataset: String) throws {
    let all = try Shared.split(dataset)
    let samples = try Self.recorded(dataset)
    #expect(samples.count == 30)
    for recorded in samples {
      let sample = try all.fewShot(recorded.shots, seed: recorded.seed)
      let (train, val) = (sample.entries(in: .train), sample.entries(in: .val))
      #expect(train.prefix(3).map(\.path) == recorded.firstTrain, "\(recorded.testDescription)")
      #expect(val.prefix(3).map(\.path) == recorded.firstVal, "\(recorded.testDescription)")
      #expect(train.count == recorded.trainCount, "\(recorded.testDescription)")
      #expect(val.count == recorded.valCount, "\(recorded.testDescription)")
      #expect(hash(train) == recorded.trainHash, "\(recorded.testDescription)")
      #expect(hash(val) == recorded.valHash, "\(recorded.testDescription)")
    }
  }

  @Test("openclipart: 1, 2, 4, 8 and 16 shots, seeds 0 to 5")
  func openclipart() throws { try check("openclipart") }

  @Test("Caltech101 and Flowers102 too", .enabled(if: Shared.hasSplits), arguments: ["Caltech101", "OxfordFlowers"])
  func published(dataset: String) throws { try check(dataset) }

  @Test("the base sample is the all-class sample, less its new classes")
  func baseComesFromTheWholeSample() throws {
    let sample = try Shared.split("openclipart").fewShot(4, seed: 2)
    let base = try sample.base
    #expect(base.training == sample.training.filter { $0.label < 14 })
    #expect(base.validation == sample.validation.filter { $0.label < 14 })
    #expect(base.classNames == Array(sample.classNames.prefix(14)))
  }

  @Test("test images stay, and nothing is drawn twice")
  func laws() throws {
    let all = try Shared.split("openclipart")
    let sample = try all.fewShot(8, seed: 7)
    #expect(sample.test == all.test)
    #expect(Set(sample.training).count == sample.training.count)
    #expect(Set(sample.training).isSubset(of: all.training))
    #expect(Set(sample.validation).isSubset(of: all.validation))
    #expect(try all.fewShot(1_000_000, seed: 7).training.count == all.training.count)
  }

  @Test("a class with fewer images gives all of them and says so")
  func scarce() throws {
    try withTemporaryFolder { folder in
      let rows = (0..<7).map { "a/\($0).jpg,cat,train" } + (0..<20).map { "b/\($0).jpg,dog,train" }
      let table = (["path,class,split"] + rows + ["a/t.jpg,cat,test", "b/t.jpg,dog,test"]).joined(separator: "\n")
      let sample = try Dataset(csv: folder.write(table, to: "pets.csv")).fewShot(16, seed: 1)
      #expect(sample.training.prefix(7).map(\.path) == (0..<7).map { "a/\($0).jpg" })
      #expect(sample.training.count == 23)
      #expect(sample.notices.map(\.description) == ["'cat' has 7 training photos, fewer than 16: all were taken"])
      #expect(try sample.base.notices == sample.notices)
      #expect(try sample.new.notices.isEmpty)
    }
  }

  @Test("many scarce classes are told in one line")
  func manyScarce() throws {
    let notices = try Shared.split("openclipart").fewShot(16, seed: 1).notices.map(\.description)
    #expect(
      notices == [
        "18 classes have fewer than 16 training photos ('bird' has 11 training photos, 'boat' has 6 training photos, 'body part' has 7 training photos, …):"
          + " all were taken"
      ])
  }

  @Test("the listing has the fields of the command line's contract")
  func listing() throws {
    let listing = try FewShotListing(of: Shared.split("openclipart"), shots: 1, seed: 0)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(listing), as: UTF8.self)
    #expect(text.hasPrefix(#"{"seed":0,"shots":1,"train":[["arrow/012.jpg",0,"arrow"],["bird/006.jpg",1,"bird"],"#))
  }
}
