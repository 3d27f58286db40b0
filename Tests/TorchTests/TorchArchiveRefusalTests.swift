import Foundation
import Pickle
import Testing
import Torch

@Suite("A file that torch did not write whole is refused by name, and nothing of it is run")
struct TorchArchiveRefusalTests {
  /// The text of the refusal of these bytes, with the file's path as FILE.
  private func refusal(_ bytes: some Sequence<UInt8>) throws -> String {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "file.pt")
      try Data(bytes).write(to: url)
      do {
        _ = try TorchArchive(contentsOf: url)
        return "no error"
      } catch {
        let text = "\(error)"
        #expect(!text.contains { $0.isNewline })
        return text.replacing(url.path, with: "FILE")
      }
    }
  }

  @Test(
    "An attack is refused in each of its spellings, and its canary does not appear",
    arguments: [
      ("attack-system", "posix.system"), ("attack-popen", "commands.check_output"), ("attack-eval", "__builtin__.eval"),
      ("attack-hidden", "__builtin__.exec"), ("attack-legacy", "posix.system"),
    ])
  func attacks(name: String, function: String) throws {
    let text = try refusal(Data(contentsOf: fixture("\(name).pt")))
    #expect(text.contains("would call '\(function)'"), "\(text)")
    #expect(text.contains("Nothing of it was run."))
    #expect(!FileManager.default.fileExists(atPath: "CANARY"))
  }

  @Test("What was fetched instead of a file is recognised")
  func downloads() throws {
    #expect(try refusal([]) == "FILE: the file is empty. Fetch the file again.")
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 353976522\n"
    #expect(
      try refusal(pointer.utf8)
        == "FILE: it is a pointer of Git LFS, a text that stands for the file of 353976522 bytes. Fetch the file itself, "
        + "with 'git lfs pull' in its repository.")
    #expect(
      try refusal("\n<!DOCTYPE html><html>403".utf8)
        == "FILE: it is a web page, such as an error or a login, saved under this name. Open it in a browser to read what "
        + "it says, then fetch the file itself.")
    #expect(try refusal("{\"a\": 1}".utf8).contains("found JSON"))
    #expect(try refusal("hello".utf8).contains("found neither a zip archive nor a pickle"))
  }

  @Test("Half a download is not read")
  func truncation() throws {
    let zip = try Data(contentsOf: fixture("saved-zip.pt"))
    #expect(
      try refusal(zip.prefix(zip.count / 2))
        == "FILE is a damaged zip archive: it has no directory at its end, so it is only the beginning of the file. Fetch or "
        + "write the file again.")
    let legacy = try Data(contentsOf: fixture("saved-legacy.pt"))
    for count in stride(from: 20, to: legacy.count, by: 97) {
      let text = try refusal(legacy.prefix(count))
      #expect(
        text.contains("ends in the middle of a pickle") || text.contains("its storages should end at byte"), "\(text)")
    }
  }

  @Test("A pickle without tensors is no checkpoint")
  func noTensors() throws {
    let pickle = PickleValue.list([.integer(1)]).pickled()
    #expect(try refusal(pickle).contains("it is a pickle without tensors: it holds a list"))
  }

  @Test("A tensor must lie within its storage, and cannot become larger than the file explains")
  func storages() throws {
    func refusal(shape: [Int], strides: [Int], offset: Int = 0, count: Int = 4, key: String = "0") throws -> String {
      let storage = PickleValue.tuple([
        .string("storage"), .global(.init("torch", "FloatStorage")), .string(key), .string("cpu"), .integer(count),
      ])
      let value = PickleValue.object(
        class: .init("torch._utils", "_rebuild_tensor_v2"),
        arguments: .tuple([
          .persistent(storage), .integer(offset), .tuple(shape.map(PickleValue.integer)),
          .tuple(strides.map(PickleValue.integer)), .bool(false), .none,
        ]), state: nil)
      var bytes: [UInt8] = []
      try withoutActuallyEscaping({ (part: UnsafeRawBufferPointer) in bytes += part }) { append in
        var zip = ZipWriter(append: append)
        let pickle = PickleValue.dictionary([.init(key: .string("w"), value: value)]).pickled()
        try pickle.withUnsafeBytes { try zip.add("a/data.pkl", $0) }
        try [UInt8](repeating: 0, count: 16).withUnsafeBytes { try zip.add("a/data/0", $0) }
        try zip.finish()
      }
      return try self.refusal(bytes)
    }
    #expect(try refusal(shape: [2, 2], strides: [2, 1]) == "no error")
    #expect(
      try refusal(shape: [2, 2], strides: [3, 1])
        == "FILE: tensor “w” needs 5 elements of a storage that has 4. Fetch or write the file again: it is damaged.")
    #expect(try refusal(shape: [2], strides: [1], offset: 3).contains("needs 5 elements of a storage that has 4"))
    #expect(try refusal(shape: [2], strides: [.max]).contains("not negative and give a count"))
    #expect(try refusal(shape: [-1], strides: [1]).contains("not negative and give a count"))
    #expect(try refusal(shape: [.max, .max], strides: [1, 1]).contains("not negative and give a count"))
    #expect(try refusal(shape: [2], strides: [1, 1]).contains("one stride for each"))
    #expect(try refusal(shape: [1 << 40], strides: [0]).contains("its tensors would take 4398046511104 bytes"))
    #expect(try refusal(shape: [4], strides: [1], count: 5).contains("should have 20 bytes, but 16 are there"))
    #expect(try refusal(shape: [4], strides: [1], key: "1").contains("its storage “1” is not in the file"))
    #expect(try refusal(shape: [0], strides: [1], offset: 4) == "no error")
  }

  @Test("A tensor that is not there is named, with the nearest")
  func missing() throws {
    let archive = try TorchArchive(contentsOf: fixture("script.pt"))
    #expect(refused { try archive.tensor("inner.wieght") }.contains("Did you mean “inner.weight”?"))
  }
}
