import Foundation
import Testing
import TestSupport
import Torch

@Suite("A damaged safetensors file is refused in one line")
struct DamagedSafetensorsTests {
  /// Headers of files with eight bytes of tensors, and the problem of each, to be read after the path.
  static let headers: [(header: String, problem: String)] = [
    ("", "expected an object at byte 0 of the header"),
    ("[]", "expected an object at byte 0 of the header"),
    ("null", "expected an object at byte 0 of the header"),
    ("{", "expected a string at byte 1 of the header"),
    ("{} {}", "expected nothing after the object at byte 3 of the header"),
    (#"{"a"}"#, "expected a colon at byte 4 of the header"),
    (#"{"a":1}"#, "expected an object at byte 5 of the header"),
    (#"{"a":{},}"#, "tensor “a” has no dtype"),
    (#"{"a":{"dtype":"F32"}}"#, "tensor “a” has no shape"),
    (#"{"a":{"dtype":"F32","shape":[2]}}"#, "tensor “a” has no data_offsets"),
    (#"{"a":{"dtype":32}}"#, "expected a string at byte 14 of the header"),
    (#"{"a":{"strides":[1]}}"#, "tensor “a” has no dtype"),
    (#"{"a":{"strides":[1,}}"#, "expected a value of JSON at byte 19 of the header"),
    (#"{"__metadata__":nul}"#, "expected an object at byte 16 of the header"),
    (#"{"a":{"dtype":"F32","dtype":"F32"}}"#, "the header holds “dtype” twice"),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{}}"#,
      "the header holds “a” twice"
    ),
    (#"{"__metadata__":{"epoch":1}}"#, "expected a string at byte 25 of the header"),
    (#"{"__metadata__":{"a":{"b":"c"}}}"#, "expected a string at byte 21 of the header"),
    (#"{"__metadata__":{"a":"b","a":"c"}}"#, "the header holds “a” twice"),
    (#"{"\ud800":{}}"#, "expected a surrogate pair at byte 9 of the header"),
    (#"{"\x":{}}"#, "expected an escape of JSON at byte 4 of the header"),
    ("{\"a\n\":{}}", "expected no control character in a string at byte 4 of the header"),
    (tensor(shape: "[-2]"), "expected a whole number that is not negative at byte 29 of the header"),
    (tensor(shape: "[2.0]"), "expected a comma or the end of the list at byte 30 of the header"),
    (tensor(shape: "[02]"), "expected a whole number that is not negative at byte 31 of the header"),
    (tensor(shape: "[2"), "expected a whole number that is not negative at byte 31 of the header"),
    (tensor(shape: "[9223372036854775808]"), "expected a number below 2^63 at byte 47 of the header"),
    (
      tensor(shape: "[4294967296,4294967296]"),
      "tensor “a”: F32 of shape [4294967296, 4294967296] does not fill 8 bytes"
    ),
    (tensor(shape: "[3]"), "tensor “a”: F32 of shape [3] does not fill 8 bytes"),
    (tensor(offsets: "[8,0]"), "tensor “a”: expected two data_offsets in ascending order, found [8, 0]"),
    (tensor(offsets: "[8]"), "tensor “a”: expected two data_offsets in ascending order, found [8]"),
    (tensor(offsets: "[8,16]"), "tensor “a” ends at byte 16, but the file holds 8 bytes of tensors"),
    (tensor(shape: "[1]", offsets: "[4,8]"), "tensor “a” begins at byte 4, but the one before it ends at byte 0"),
    (tensor(shape: "[1]", offsets: "[0,4]"), "4 bytes belong to no tensor"),
    ("{}", "8 bytes belong to no tensor"),
    (
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#,
      "tensor “b” begins at byte 0, but the one before it ends at byte 8"
    ),
    (String(repeating: "[", count: 1_000_000), "expected an object at byte 0 of the header"),
    (
      String(repeating: #"{"a":"#, count: 1_000_000),
      "expected a value of JSON at byte 170 of the header"
    ),
  ]

  static func tensor(shape: String = "[2]", offsets: String = "[0,8]") -> String {
    #"{"a":{"dtype":"F32","shape":\#(shape),"data_offsets":\#(offsets)}}"#
  }

  @Test("The fault in a header is named", arguments: headers.indices)
  func headerFault(_ index: Int) throws {
    let (header, problem) = Self.headers[index]
    let text = try openingFails(file(header: Array(header.utf8)))
    #expect(text == "\(problem). Fetch or write the file again: it is damaged, or not a safetensors file.")
  }

  @Test("A header that is no UTF-8 is refused")
  func notUTF8() throws {
    let text = try openingFails(file(header: [UInt8](#"{""#.utf8) + [0xFF, 0xFE] + [UInt8](#"":{}}"#.utf8)))
    #expect(text.hasPrefix("expected UTF-8 text at byte 5 of the header."))
  }

  @Test("A file too short for its header is refused")
  func truncated() throws {
    #expect(try openingFails([]).hasPrefix("expected a safetensors file, found 0 bytes, too few for one."))
    #expect(try openingFails([1, 2, 3]).hasPrefix("expected a safetensors file, found 3 bytes, too few for one."))
    let whole = file(header: Array(Self.tensor().utf8))
    let length = Self.tensor().utf8.count
    #expect(try openingFails(whole.prefix(20)).hasPrefix("the header claims \(length) bytes, but only 12 follow."))
    #expect(
      try openingFails(whole.dropLast()).hasPrefix("tensor “a” ends at byte 8, but the file holds 7 bytes of tensors."))
    #expect(
      try openingFails([UInt8](repeating: 0xFF, count: 8)).hasPrefix(
        "expected a safetensors file, found a header that claims 18446744073709551615 bytes, above the limit of 100 MB."
      ))
  }

  @Test("A missing file, a folder and a pipe are refused with the system's reason")
  func notAFile() throws {
    try withTemporaryFolder { folder in
      let remedy = "Give a safetensors file that exists and is readable."
      let missing = folder.appending(path: "missing.safetensors")
      #expect(
        refused { try SafetensorsFile(contentsOf: missing) }
          == "\(missing.path): No such file or directory. \(remedy)")
      #expect(refused { try SafetensorsFile(contentsOf: folder) } == "\(folder.path): Not a file. \(remedy)")
      let pipe = folder.appending(path: "pipe")
      #expect(mkfifo(pipe.path, 0o600) == 0)
      #expect(refused { try SafetensorsFile(contentsOf: pipe) } == "\(pipe.path): Not a file. \(remedy)")
    }
  }

  @Test("An element type that is not read is an error only for its own tensor")
  func otherElementTypes() throws {
    let header =
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}"#
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "mixed.safetensors")
      try Data(file(header: Array(header.utf8))).write(to: url)
      let opened = try SafetensorsFile(contentsOf: url)
      #expect(opened.names == ["a", "b"])
      #expect(opened.kind(of: "b") == nil)
      #expect(opened.shape(of: "b") == [4])
      #expect(try opened.tensor("a").floats() == [0])
      #expect(
        refused { try opened.tensor("b") }
          == "\(url.path): tensor “b”: expected F32, F16, BF16, I64, F64 elements, found “U8”. "
          + "Convert the tensor to one of these.")
    }
  }

  @Test("A name that the file lacks is answered with the nearest one")
  func missingTensor() throws {
    let file = try SafetensorsFile(contentsOf: fixture("python.safetensors"))
    #expect(refused { try file.tensor("flots") }.hasSuffix("there is no tensor “flots”. Did you mean “floats”?"))
    #expect(refused { try file.tensor("visual.proj") }.hasSuffix("there is no tensor “visual.proj”."))
    #expect(file.shape(of: "flots") == nil)
  }

  @Test("A long or hostile name leaves the message one readable line")
  func hostileName() throws {
    let name = #"\n\u001b[31m"# + String(repeating: "x", count: 100_000)
    let text = try openingFails(file(header: Array(#"{"\#(name)":{}}"#.utf8)))
    #expect(text.hasPrefix(#"tensor “\n\u{1B}[31mxxx"#))
    #expect(text.contains("x…” has no dtype."))
  }

  @Test("Mutated files are opened or refused, never anything else")
  func mutations() throws {
    let original = try [UInt8](Data(contentsOf: fixture("python.safetensors")))
    let report = try SafetensorsFuzzer(original: original, seed: 3).run(usually: 4000)
    #expect(report.problems.isEmpty)
    // Both must happen, otherwise the mutations are too coarse or too fine to show anything.
    #expect(report.read > 20 && report.refused > 20)
  }

  /// A file with this header and eight bytes of tensors.
  private func file(header: [UInt8]) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + [UInt8](repeating: 0, count: 8)
  }

  /// The text of the error when a file of these bytes is opened, without its path.
  private func openingFails(_ bytes: some Sequence<UInt8>) throws -> String {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "damaged.safetensors")
      try Data(bytes).write(to: url)
      let text = refused { try SafetensorsFile(contentsOf: url) }
      #expect(text.hasPrefix("\(url.path): "))
      return String(text.dropFirst(url.path.count + 2))
    }
  }
}
