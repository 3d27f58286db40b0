import Foundation
import Pickle
import Support
import Testing
import TestSupport

@Suite("A hostile pickle does nothing and costs little")
struct HostilePickleTests {
  private func refusal(_ bytes: [UInt8]) -> PickleError? {
    do {
      _ = try PickleValue(pickled: bytes, path: "a.pkl")
      return nil
    } catch {
      return error as? PickleError
    }
  }

  private func refusal(_ text: String) -> PickleError? { refusal(text.unicodeScalars.map { UInt8($0.value) }) }

  @Test(
    "Every spelling of a dangerous name is refused by that name",
    arguments: [
      ("cos\nsystem\n(S'touch CANARY'\ntR.", "os.system"), ("cposix\nsystem\n.", "posix.system"),
      ("cnt\nsystem\n.", "nt.system"), ("(S'x'\nios\nsystem\n.", "os.system"),
      ("(cos\nsystem\nS'x'\no.", "os.system"), ("c__builtin__\neval\n.", "__builtin__.eval"),
      ("cbuiltins\nexec\n.", "builtins.exec"), ("cbuiltins\n__import__\n.", "builtins.__import__"),
      ("cbuiltins\ngetattr\n.", "builtins.getattr"), ("csubprocess\nPopen\n.", "subprocess.Popen"),
      ("cimportlib\nimport_module\n.", "importlib.import_module"), ("crunpy\n_run_code\n.", "runpy._run_code"),
      ("cshutil\nrmtree\n.", "shutil.rmtree"), ("csocket\nsocket\n.", "socket.socket"), ("csys\nexit\n.", "sys.exit"),
      ("cctypes\nCDLL\n.", "ctypes.CDLL"), ("cpty\nspawn\n.", "pty.spawn"), ("cwebbrowser\nopen\n.", "webbrowser.open"),
      ("cos.path\nexists\n.", "os.path.exists"), ("crandom\n_os.system\n.", "random._os.system"),
      ("\u{8c}\u{2}os\u{8c}\u{6}system\u{93}.", "os.system"), ("V\\u006fs\nVsystem\n\u{93}.", "os.system"),
      ("S'o\\x73'\nS'system'\n\u{93}.", "os.system"), ("ctorch.serialization\nload\n.", "torch.serialization.load"),
      ("cpickle\nloads\n.", "pickle.loads"), ("ccollections\nabc.sys.modules\n.", "collections.abc.sys.modules"),
    ])
  func dangerous(pickle: String, name: String) {
    guard case .dangerous(let global)? = refusal(pickle)?.kind else {
      Issue.record("not refused: \(name)")
      return
    }
    #expect(global.description == name)
    #expect(!FileManager.default.fileExists(atPath: "CANARY"))
  }

  @Test("The refusal says what would have happened")
  func message() {
    #expect(
      refusal("cos\nsystem\n(S'x'\ntR.")?.explanation
        == "a.pkl would call 'os.system' if Python loaded it: it is made to do harm. Nothing of it was run. "
        + "Don't load it with Python; delete it, and tell whoever offers it.")
  }

  @Test("Lengths beyond the file are refused before anything is allocated")
  func lengths() {
    let lengths: [[UInt8]] = [
      [0x42, 0xFF, 0xFF, 0xFF, 0xFF], [0x58, 0xFF, 0xFF, 0xFF, 0x7F], [0x8E] + [UInt8](repeating: 0xFF, count: 8),
      [0x8D, 0, 0, 0, 0, 1, 0, 0, 0], [0x8B, 0xFF, 0xFF, 0xFF, 0xFF], [0x95, 0, 0, 0, 0, 0, 0, 0, 1], [0x47, 0],
    ]
    for bytes in lengths {
      guard refusal(bytes)?.kind == .truncated else {
        Issue.record("\(bytes)")
        return
      }
    }
  }

  @Test("A memo number costs one entry, however large it is")
  func memo() throws {
    #expect(try PickleValue(pickled: [0x4E, 0x72, 0xFF, 0xFF, 0xFF, 0x7F, 0x2E], path: "a") == .none)
  }

  @Test("Values 100,000 deep are refused, and their memory is given back without a deep stack")
  func depth() {
    for opcode: UInt8 in [0x85, 0x6C] {  // a tuple of one value; a list since a mark
      let marks = opcode == 0x6C ? [UInt8](repeating: 0x28, count: 100_000) : []
      let bytes = marks + [0x4E] + [UInt8](repeating: opcode, count: 100_000) + [0x2E]
      let error = refusal(bytes)
      #expect(error == .tooDeep(path: "a.pkl", limit: 500) || error == .tooLarge(path: "a.pkl", bytes: bytes.count))
    }
    let deep = [UInt8](repeating: 0x28, count: 20_000) + [0x4E] + [UInt8](repeating: 0x74, count: 600) + [0x2E]
    #expect(refusal(deep) == .tooDeep(path: "a.pkl", limit: 500))
  }

  @Test("References that would become exponentially many are refused")
  func references() {
    var bytes: [UInt8] = [0x5D]  // a list that holds the list before it twice, 60 times
    for _ in 0..<60 { bytes += [0x32, 0x86] }
    #expect(refusal(bytes + [0x2E]) == .tooLarge(path: "a.pkl", bytes: bytes.count + 1))
  }

  @Test("A million empty lists are refused, as they would be ten times the file")
  func expansion() {
    let bytes = [UInt8](repeating: 0x5D, count: 1_000_000) + [0x2E]
    #expect(refusal(bytes) == .tooLarge(path: "a.pkl", bytes: bytes.count))
  }

  @Test("What a pickle in an archive may cost follows from the archive's size")
  func archived() throws {
    let bytes = [UInt8](repeating: 0x5D, count: 100_000) + [0x2E]
    #expect(refusal(bytes) == .tooLarge(path: "a.pkl", bytes: bytes.count))
    let value = try bytes.withUnsafeBytes { try PickleValue(pickled: $0, path: "a.pkl", fileSize: 2_000_000) }
    #expect(value == .list([]))
  }

  @Test("Instructions without their operands, and unknown ones, are named by their place")
  func syntax() {
    for text in [
      ".", "R.", "K\u{1}a.", "h\u{0}.", "t.", "K\u{1}K\u{1}s.", "(K\u{1}u.", "b.", "\u{93}.", "(0.", "o.", "(o.",
    ] {
      guard refusal(text)?.kind == .syntax else {
        Issue.record("\(text): \(String(describing: refusal(text)))")
        continue
      }
    }
    #expect(
      refusal("\u{FF}")?.explanation
        == "a.pkl is no pickle that can be read: expected an instruction of a pickle at byte 0. Fetch or write the file again."
    )
  }

  @Test("Bytes at random, and damaged pickles, are read or refused")
  func damage() throws {
    let original = try [UInt8](
      Data(contentsOf: #require(Bundle.module.url(forResource: "Fixtures/values-4.pkl", withExtension: nil))))
    var generator = SplitMix64(state: 7)
    var mutate = Mutation(seed: 7)
    let report = try Fuzzing("pickle", usually: 6000, allowance: 1 << 20) { round in
      guard round % 2 == 0 else { return (0..<64).map { _ in UInt8(truncatingIfNeeded: generator.next()) } + [0x2E] }
      return mutate(original) + [0x2E]
    } read: { data in
      try PickleValue(pickled: Array(data), path: "a.pkl")
    }
    #expect(report.problems.isEmpty)
    #expect(report.read > 0 && report.refused > 0)
  }
}
