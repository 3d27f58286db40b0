import Foundation
import Pickle
import Support
import Testing
import TestSupport
import Torch

@Suite("Torch's archives are read as torch reads them")
struct TorchArchiveTests {
  private static let saved = ["saved-zip", "saved-legacy", "saved-zip-protocol4", "saved-legacy-protocol5"]

  private func archive(_ name: String) throws -> TorchArchive { try TorchArchive(contentsOf: fixture("\(name).pt")) }

  @Test("Every element type, view and shared storage, in both forms and in other pickle protocols", arguments: saved)
  func tensors(name: String) throws {
    let archive = try archive(name)
    let expected = try SafetensorsFile(contentsOf: fixture("archives.safetensors"))
    for tensor in expected.names where !tensor.hasPrefix("script.") {
      #expect(archive.shape(of: tensor) == expected.shape(of: tensor), "\(tensor)")
      #expect(archive.kind(of: tensor) == expected.kind(of: tensor), "\(tensor)")
      #expect(try archive.tensor(tensor).bytes() == expected.tensor(tensor).bytes(), "\(tensor)")
    }
    #expect(try archive.tensor("list.1.0").floats() == [0, 0])
    #expect(!archive.isScript)
  }

  @Test("What is no tensor is there as a value, with whole objects of torch in it")
  func values() throws {
    let training = try #require(try archive("saved-zip").root["training"])
    #expect(training["epoch"] == .integer(10))
    #expect(training["val_result"]?.double == 81.25)
    #expect(training["note"] == PickleValue.none)
    let scheduler = try #require(training["scheduler"]?["successor"])
    #expect(scheduler.kind == "an object of torch.optim.lr_scheduler.CosineAnnealingLR")
    #expect(scheduler["T_max"]?.integer == 10)
    #expect(scheduler["optimizer"]?["param_groups"]?.elements?.count == 1)
  }

  @Test("TorchScript's parameters and buffers are attributes of its modules")
  func script() throws {
    let archive = try archive("script")
    let expected = try SafetensorsFile(contentsOf: fixture("archives.safetensors"))
    #expect(archive.isScript)
    #expect(archive.names == ["inner.bias", "inner.weight", "steps", "weight"])
    for name in archive.names {
      #expect(try archive.tensor(name).bytes() == expected.tensor("script.\(name)").bytes(), "\(name)")
    }
    #expect(archive.root["size"]?.integer == 224)
  }

  @Test("A pickled module's tensors have the names of its state dict")
  func module() throws {
    #expect(
      try archive("module").names == [
        "0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight",
      ])
  }

  @Test("What is written is read again, bit for bit")
  func writing() throws {
    var generator = SplitMix64(state: 4)
    let tensor = try Tensor.random([2, 3], &generator)
    let value = SavedValue.dictionary([
      ("float32", .tensor(tensor)), ("turned", .tensor(try tensor.transposed())),
      ("float16", .tensor(try tensor.converted(to: .float16))),
      ("scalar", .tensor(try Tensor([7] as [Int], shape: []))),
      ("none", .none), ("text", .string("犬")), ("list", .list([.bool(true), .integer(-70_000), .double(0.1)])),
    ])
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "saved.pt")
      try TorchArchive.write(value, to: url)
      let archive = try TorchArchive(contentsOf: url)
      #expect(archive.names == ["float16", "float32", "scalar", "turned"])
      #expect(try archive.tensor("float32").bytes() == tensor.bytes())
      #expect(try archive.tensor("turned").bytes() == tensor.transposed().bytes())
      #expect(try archive.tensor("float16").bytes() == tensor.converted(to: .float16).bytes())
      #expect(try archive.tensor("scalar").integers() == [7])
      #expect(archive.root["list"] == .list([.bool(true), .integer(-70_000), .double(0.1)]))
      #expect(archive.root["text"]?.string == "犬")
    }
  }
}
