import Datasets
import Testing
import TestSupport

@Suite("Base and new are two halves of the classes")
struct ClassSubsetTests {
  @Test("together they are all, and base is the first half, rounded up", arguments: 1...40)
  func halves(count: Int) {
    let (base, new) = (ClassSubset.base.labels(of: count), ClassSubset.new.labels(of: count))
    #expect(Array(base) + Array(new) == Array(ClassSubset.all.labels(of: count)))
    #expect(base.count == (count + 1) / 2)
  }

  @Test("every part is filtered alike, in its order, and relabelled from 0")
  func relabelled() throws {
    let all = try Shared.split("openclipart")
    let (base, new) = (try all.base, try all.new)
    #expect(base.classNames + new.classNames == all.classNames)
    for split in Split.allCases {
      let shifted = new.examples(in: split).map { Example(path: $0.path, label: $0.label + base.classNames.count) }
      #expect(base.examples(in: split) == all.examples(in: split).filter { $0.label < 14 })
      #expect(shifted == all.examples(in: split).filter { $0.label >= 14 })
    }
    #expect(Set(new.test.map(\.label)) == Set(0..<14))
    #expect(try all.subset(.all).test == all.test)
  }

  @Test("one class has a base half only")
  func oneClass() throws {
    try withTemporaryFolder { folder in
      let text = #"{"train": [["a.jpg", 0, "cat"]], "val": [], "test": [["b.jpg", 0, "cat"]]}"#
      let dataset = try Dataset(splitFile: folder.write(text, to: "split_pets.json"))
      #expect(try dataset.base.classNames == ["cat"])
      #expect(
        explanation { try dataset.new } == "pets has one class, so that none are new. Use base or all, or add classes.")
    }
  }
}
