import Datasets
import Foundation
import Testing
import TestSupport

@Suite("Photos without parts are learned from first, and some are kept for testing")
struct DivisionTests {
  /// Writes class folders with numbers of empty files in place of photos: datasets never open them.
  private func fill(_ folder: URL, _ classes: [String: Int]) throws {
    for (name, count) in classes {
      for number in 0..<count { try folder.write("", to: "\(name)/\(number).jpg") }
    }
  }

  @Test(
    "the shots come first, then testing, then validation",
    arguments: [
      (20, [16, 0, 4]), (16, [12, 0, 4]), (17, [16, 0, 1]), (24, [16, 1, 7]), (30, [16, 5, 9]), (32, [16, 6, 10]),
      (100, [50, 20, 30]), (2, [1, 0, 1]), (3, [2, 0, 1]), (5, [4, 0, 1]),
    ])
  func sizes(count: Int, expected: [Int]) {
    let (training, validation) = Division.shotsFirst(16, seed: 1).sizes(of: count)
    #expect([training, validation, count - training - validation] == expected)
  }

  @Test(
    "every class is tested, has its shots where it has more photos, and large ones are the reference's",
    arguments: 2...200)
  func laws(count: Int) {
    for shots in [1, 4, 16, 60] {
      let (training, validation) = Division.shotsFirst(shots, seed: 1).sizes(of: count)
      let reference = Division.reference(seed: 1).sizes(of: count)
      #expect(training >= 1 && validation >= 0 && training + validation < count)
      #expect(count <= shots || training >= shots)
      if reference.training >= shots { #expect((training, validation) == reference) }
    }
  }

  @Test("a folder of 16 photos a class learns from 12 and says so; the reference's division is as it was")
  func flatFolder() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["cat": 16, "dog": 16])
      let dataset = try Dataset(at: folder, division: .shotsFirst(16, seed: 1))
      #expect(dataset.sizes == [24, 0, 8])
      #expect(
        dataset.notices.map(\.description) == [
          "No photos are set apart for testing, so each class was divided at random (seed 1): 12 of 16 photos a class to"
            + " learn from, 4 to test; 2 classes, such as 'cat', have no more than the 16 asked for, and a quarter is kept"
            + " for testing"
        ])
      #expect(dataset.isDividedHere)
      #expect(try Dataset(at: folder, seed: 1).sizes == [16, 6, 10])
      // The few-shot sample's seed does not change the test photos.
      #expect(try dataset.fewShot(4, seed: 1).test == dataset.fewShot(4, seed: 2).test)
      #expect(try Dataset(at: folder, division: .shotsFirst(16, seed: 2)).test != dataset.test)
    }
  }

  @Test("classes of several sizes are told by their sums")
  func severalSizes() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["cat": 20, "dog": 40, "emu": 3])
      let dataset = try Dataset(at: folder, division: .shotsFirst(16, seed: 1))
      #expect(dataset.sizes == [38, 8, 17])
      #expect(
        dataset.notices.map(\.description) == [
          "No photos are set apart for testing, so each class was divided at random (seed 1): 38 of 63 photos to learn"
            + " from, 8 to validate, 17 to test; 'emu' has no more than the 16 asked for, and a quarter is kept for testing"
        ])
    }
  }

  @Test("with nothing to test, every photo is learned from, and a kept division stays so")
  func noTest() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["cat": 3, "dog": 1])
      let dataset = try Dataset(at: folder, division: .noTest)
      #expect(dataset.sizes == [4, 0, 0] && dataset.isUntested && dataset.isDividedHere)
      #expect(
        dataset.notices.map(\.description) == ["All photos are for training: none is kept to measure an accuracy on"])
      #expect(try dataset.divided(as: SplitFile(of: dataset), of: "split.json").sizes == [4, 0, 0])
      #expect(
        explanation { try Dataset(at: folder, division: .shotsFirst(16, seed: 1)) }
          == "Class 'dog' has 1 photo: too few to train and to test. Add photos: at least two, better sixteen or more;"
          + " 'train --test none' learns from all and tests nothing.")
    }
  }

  @Test("a folder for training alone, and a table of training images alone, are divided")
  func trainingAlone() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["photos/train/cat": 20, "photos/train/dog": 20])
      let photos = folder.appending(path: "photos")
      #expect(try Dataset(at: photos, division: .shotsFirst(16, seed: 1)).sizes == [32, 0, 8])
      let rows = (0..<20).flatMap { ["cat/\($0).jpg,cat,train", "dog/\($0).jpg,dog,train"] }
      let table = try folder.write((["path,class,split"] + rows).joined(separator: "\n"), to: "photos/train/pets.csv")
      #expect(try Dataset(at: table, division: .shotsFirst(16, seed: 1)).sizes == [32, 0, 8])
    }
  }

  @Test("training photos that a sample leaves over stand in for validation photos, where every class has some")
  func heldOut() throws {
    try withTemporaryFolder { folder in
      try fill(folder, ["train/cat": 8, "train/dog": 6, "test/cat": 1, "test/dog": 1])
      let whole = try Dataset(at: folder)
      let sample = try whole.fewShot(4, seed: 1)
      let held = sample.holdingOutUnused(of: whole, shots: 4, seed: 1)
      #expect(held.training == sample.training && held.test == sample.test)
      #expect(held.sizes == [8, 6, 2])
      #expect(Set(held.validation).isDisjoint(with: held.training))
      #expect(
        held.notices.last?.description
          == "There are no validation photos: 6 training photos that the sample has left over take their place")
      #expect(try whole.fewShot(6, seed: 1).holdingOutUnused(of: whole, shots: 6, seed: 1).validation.isEmpty)
    }
  }
}

@Suite("Classes are chosen by name")
struct ChosenClassesTests {
  @Test("chosen classes keep the data's order, and the others are known")
  func chosen() throws {
    let all = try Shared.split("openclipart")
    let some = try all.choosing(["CLOCK", "body_part", "bird"])
    #expect(some.classNames == ["bird", "body part", "clock"])
    #expect(some.otherClasses == all.classNames.filter { !some.classNames.contains($0) })
    for split in Split.allCases {
      let names = some.examples(in: split).map { some.classNames[$0.label] }
      let expected = all.examples(in: split).map { all.classNames[$0.label] }.filter(some.classNames.contains)
      #expect(names == expected)
    }
    #expect(try all.choosing(all.classNames.reversed()).classNames == all.classNames)
    #expect(try all.base.otherClasses == all.new.classNames)
  }

  @Test("a name that no class has is refused with the nearest one")
  func unknown() throws {
    let all = try Shared.split("openclipart")
    #expect(
      explanation { try all.choosing(["bird", "clok"]) }
        == "openclipart has no class 'clok'. Did you mean 'clock'?")
    #expect(
      explanation { try all.choosing(["xylophone"]) }
        == "openclipart has no class 'xylophone'. Give names of its classes, as 'datasets check' lists them, or base,"
        + " new or all.")
  }
}

@Suite("A split file works where it is written")
struct WrittenSplitFileTests {
  @Test(
    "beside the images, above them, and elsewhere", arguments: ["photos/split.json", "split.json", "other/split.json"])
  func places(place: String) throws {
    try withTemporaryFolder { folder in
      for name in ["cat", "dog"] {
        for number in 0..<20 { try folder.write("", to: "photos/\(name)/\(number).jpg") }
      }
      try folder.write("", to: "other/notes.txt")
      try folder.write("", to: "third/a/b.txt")
      let dataset = try Dataset(at: folder.appending(path: "photos"), division: .shotsFirst(16, seed: 1))
      let file = folder.appending(path: place)
      let split = SplitFile(of: dataset, at: file)
      #expect((split.images == nil) == (place != "other/split.json"))
      try split.write(to: file)
      let read = try Dataset(at: file)
      try read.checkImages()
      #expect(read.sizes == dataset.sizes)
      let places = { (data: Dataset) in data.test.map { data.url(of: $0).standardizedFileURL.path } }
      #expect(places(read) == places(dataset))
    }
  }
}
