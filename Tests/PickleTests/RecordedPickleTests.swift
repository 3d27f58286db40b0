import Foundation
import Pickle
import Testing

@Suite("What Python pickles is read alike in every protocol")
struct RecordedPickleTests {
  private func value(_ name: String) throws -> PickleValue {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: nil))
    return try PickleValue(pickled: Data(contentsOf: url), path: name)
  }

  @Test("The same values come out of protocols 0 to 5", arguments: 0...5)
  func protocols(number: Int) throws {
    let found = try value("values-\(number).pkl")
    #expect(found == (try value("values-2.pkl")))
    #expect(found["small"] == .integer(200))
    #expect(found["negative"] == .integer(-7))
    #expect(found["wide"] == .integer(70000))
    #expect(found["long"] == .integer(1 << 40))
    #expect(found["lowest"] == .integer(.min))
    #expect(found["double"]?.double == -1.5e-300)
    #expect(found["text"]?.string == "Größe 犬 🐕\n'\"\\")
    #expect(found["bytes"] == .bytes(Array(0...255)))
    #expect(found["empty"] == .list([.list([]), .tuple([]), .dictionary([]), .set([]), .bytes([]), .string("")]))
    #expect(found["set"] == .set([.integer(7)]))
    #expect(found["frozen"] == .set([.integer(8)]))
    #expect(found["array"] == .bytes([0, 0xFF]))
    #expect(found["one"] == .list([.string("shared"), .integer(1)]))
    #expect(found["two"] == found["one"])
    #expect(found["counts"]?["a"] == .integer(2))
    #expect(found["default"]?["k"] == .list([.integer(1)]))
    #expect(found["many"]?.elements == (0..<1500).map(PickleValue.integer))
    #expect(found["class"] == .global(.init("collections", "OrderedDict")))
    #expect(found["nested"]?["a"]?["b"]?.entries?.first?.value == .string("c"))
  }

  @Test("The reference's few-shot caches are lists of objects with attributes")
  func fewShot() throws {
    let train = try #require(try value("few-shot.pkl")["train"]?.elements)
    #expect(train.count == 6)
    #expect(train[3].kind == "an object of dassl.data.datasets.base_dataset.Datum")
    #expect(train[3]["_impath"]?.string == "/data/caltech-101/leopard/image_0000.jpg")
    #expect(train[3]["_label"]?.integer == 1)
    #expect(train[3]["_classname"]?.string == "leopard")
  }

  @Test("What is written is read again")
  func writing() throws {
    let values = try value("values-4.pkl")
    #expect(try PickleValue(pickled: values.pickled(), path: "a") == values)
  }
}
