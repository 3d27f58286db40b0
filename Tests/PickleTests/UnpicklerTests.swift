import Foundation
import Pickle
import Testing

@Suite("Pickles are read as data")
struct UnpicklerTests {
  private func value(_ text: String) throws -> PickleValue {
    try PickleValue(pickled: text.unicodeScalars.map { UInt8($0.value) }, path: "a.pkl")
  }

  @Test("Numbers, texts and constants, in the spelling of every protocol")
  func atoms() throws {
    #expect(try value("N.") == .none)
    #expect(try value("I01\n.") == .bool(true))
    #expect(try value("\u{80}\u{2}\u{89}.") == .bool(false))
    #expect(try value("I-12\n.") == .integer(-12))
    #expect(try value("L12L\n.") == .integer(12))
    #expect(try value("K\u{ff}.") == .integer(255))
    #expect(try value("M\u{0}\u{1}.") == .integer(256))
    #expect(try value("J\u{fe}\u{ff}\u{ff}\u{ff}.") == .integer(-2))
    #expect(try value("\u{8a}\u{1}\u{ff}.") == .integer(-1))
    #expect(try value("\u{8a}\u{0}.") == .integer(0))
    #expect(try value("F1.5\n.") == .double(1.5))
    #expect(try value("G\u{bf}\u{f0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}.") == .double(-1))
    #expect(try value("S'a\\'\\x41\\n'\n.") == .string("a'A\n"))
    #expect(try value("V\u{e9}\\u72ac\n.") == .string("é犬"))
    #expect(try value("U\u{2}\u{ff}a.") == .bytes([0xFF, 0x61]))
    #expect(try value("C\u{1}\u{0}.") == .bytes([0]))
  }

  @Test("An integer of more than 64 bits keeps its digits")
  func bigIntegers() throws {
    let type = PickleValue.Global("builtins", "int")
    let digits = String(repeating: "9", count: 30)
    #expect(try value("L\(digits)L\n.") == .object(class: type, arguments: .string(digits), state: nil))
    let bytes = [UInt8](repeating: 7, count: 10)
    let text = "\u{8a}\u{a}" + String(repeating: "\u{7}", count: 10) + "."
    #expect(try value(text) == .object(class: type, arguments: .bytes(bytes), state: nil))
  }

  @Test("A list that was remembered before it was filled is full everywhere, and one in itself ends there")
  func sharing() throws {
    #expect(
      try value("]q\u{0}h\u{0}K\u{1}a\u{86}.") == .tuple([.list([.integer(1)]), .list([.integer(1)])]))
    #expect(try value("]q\u{0}h\u{0}a.") == .list([.cycle]))
  }

  @Test("Objects of unknown classes are values with their arguments, attributes and items")
  func objects() throws {
    let found = try value("cpkg.mod\nThing\n)\u{81}}U\u{1}xK\u{7}sb.")
    #expect(
      found
        == .object(
          class: .init("pkg.mod", "Thing"), arguments: .tuple([]),
          state: .dictionary([.init(key: .string("x"), value: .integer(7))])))
    #expect(found["x"] == .integer(7))
    #expect(found["y"] == nil)
    #expect(try value("cpkg\nDict\n)RU\u{1}kK\u{3}s.")["k"] == .integer(3))
  }

  @Test("Python's own containers are containers, however they were made")
  func containers() throws {
    let one = PickleValue.dictionary([.init(key: .string("a"), value: .integer(1))])
    #expect(try value("ccollections\nOrderedDict\n)RU\u{1}aK\u{1}s.") == one)
    #expect(try value("ccollections\nOrderedDict\n((lp0\n(lp1\nU\u{1}aaK\u{1}aatR.") == one)
    #expect(try value("c__builtin__\nset\n(]K\u{1}atR.") == .set([.integer(1)]))
    #expect(
      try value("c_codecs\nencode\n(X\u{2}\u{0}\u{0}\u{0}\u{c3}\u{bf}X\u{6}\u{0}\u{0}\u{0}latin1tR.") == .bytes([0xFF]))
  }
}
