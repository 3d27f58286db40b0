import Foundation
import Pickle
import Testing

@Suite("A kept function is called harmful where it does harm, and nowhere else")
struct FunctionPickleTests {
  private struct Recorded: Decodable {
    let harmless, harmful: [Entry]

    struct Entry: Decodable {
      let name: String
      let `protocol`: Int
      let pickle: String

      var bytes: [UInt8] {
        stride(from: 0, to: pickle.utf8.count, by: 2).map { start in
          let first = pickle.index(pickle.startIndex, offsetBy: start)
          return UInt8(pickle[first..<pickle.index(first, offsetBy: 2)], radix: 16) ?? 0
        }
      }
    }
  }

  private func recorded() throws -> Recorded {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/functions.json", withExtension: nil))
    return try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: url))
  }

  @Test("as Python pickles functions, methods and partial calls that do no harm")
  func harmless() throws {
    let entries = try recorded().harmless
    #expect(entries.count >= 40)
    for entry in entries {
      #expect(throws: Never.self, "\(entry.name), protocol \(entry.protocol)") {
        try PickleValue(pickled: entry.bytes, path: "a.pkl")
      }
    }
  }

  @Test("as Python pickles what reaches the system, however it gets there")
  func harmful() throws {
    let entries = try recorded().harmful
    #expect(entries.count >= 40)
    for entry in entries {
      do {
        _ = try PickleValue(pickled: entry.bytes, path: "a.pkl")
        Issue.record("\(entry.name), protocol \(entry.protocol), was let through")
      } catch let error as PickleError {
        guard case .dangerous = error.kind else {
          Issue.record("\(entry.name), protocol \(entry.protocol): \(error)")
          continue
        }
      }
    }
  }

  @Test(
    "names that only look harmful, and ones that only look harmless",
    arguments: [
      ("torch", "trace", false), ("numpy.core.multiarray", "_reconstruct", false), ("builtins", "map", false),
      ("mylib.data", "Dataset.filter", false), ("torch.nn.modules.module", "Module.eval", false),
      ("signal", "Signals", false), ("urllib.parse", "ParseResult", false),
      ("distutils.version", "LooseVersion", false),
      ("copyreg", "__newobj__", false), ("posixpath", "join", false), ("types", "MethodType", false),
      ("torch.serialization", "os.system", true), ("torch.serialization", "os", true), ("random", "_os.system", true),
      ("torch.nn", "__builtins__", true), ("torch.nn", "Module.forward.__globals__", true),
      ("builtins", "len.__self__.eval", true), ("pathlib", "PosixPath.write_text", true), ("numpy", "io.open", true),
      ("pandas.core.frame", "DataFrame.eval", true), ("torch", "_sys.modules", true), ("codecs", "open", true),
      ("a.b", "c.subprocess.run", true), ("a", "x.__class__.__mro__", true), ("types", "CodeType", true),
    ])
  func names(module: String, name: String, isHarmful: Bool) {
    let bytes = Array("c\(module)\n\(name)\n.".utf8)
    if isHarmful {
      #expect(throws: PickleError.dangerous(path: "a.pkl", global: .init(module, name))) {
        try PickleValue(pickled: bytes, path: "a.pkl")
      }
    } else {
      #expect(throws: Never.self) { try PickleValue(pickled: bytes, path: "a.pkl") }
    }
  }

  @Test("getattr may be called with a name that is written there, and nothing else")
  func getattr() throws {
    func read(_ text: String) throws -> PickleValue { try PickleValue(pickled: Array(text.utf8), path: "a.pkl") }
    #expect(try read("cbuiltins\ngetattr\n(cbuiltins\nstr\nVlower\ntR.") == .global(.init("builtins", "str.lower")))
    for harmful in [
      "cbuiltins\ngetattr\n.", "(lp0\ncbuiltins\ngetattr\na.", "cbuiltins\ngetattr\n(cbuiltins\nstr\nI1\ntR.",
      "cbuiltins\ngetattr\n(cbuiltins\nstr\ntR.", "cbuiltins\ngetattr\np0\n0(g0\nVx\nt.",
      "(cbuiltins\ngetattr\ncbuiltins\nstr\nVlower\no.", "(cbuiltins\nstr\nV__class__\nibuiltins\ngetattr\n.",
    ] {
      #expect(throws: PickleError.self, "\(harmful)") { try read(harmful) }
    }
  }
}
