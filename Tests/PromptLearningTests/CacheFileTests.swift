import CLIP
import Foundation
import PromptLearning
import TestSupport
import Testing
import Torch

@Suite("Tip-Adapter's files come in and go out unchanged")
struct CacheFileTests {
  private static let identity = ModelIdentity(name: "tiny-clip", sha256: "0")
  private static let names = ["cat", "dog"]

  /// Three keys, two of the first class, as the authors' program writes them.
  private func write(
    _ keys: Tensor, as name: String, values: [Float] = [1, 0, 0, 1, 1, 0], shape: [Int] = [3, 2], to folder: URL
  ) throws {
    try TorchArchive.write(.tensor(keys), to: folder.appending(path: "\(name)_2shots.pt"))
    try TorchArchive.write(.tensor(Tensor(values, shape: shape)), to: folder.appending(path: "values_2shots.pt"))
  }

  @Test("keys are transposed, trained keys are not; classes, names and numbers are kept")
  func roundTrip() throws {
    let keys = try FormulaWeights.values("keys", [3, 512], scale: 0.05)
    for (method, name) in [(PromptLearning.Method.tipAdapter, "keys"), (.tipAdapterF, "best_F")] {
      try withTemporaryFolder { folder in
        try write(method == .tipAdapter ? keys.transposed() * 1 : keys, as: name, to: folder)
        let read = try ReferencePrompts(at: folder)
        #expect(read.method == method && read.classCount == 2 && read.parameters["keys"]?.shape == [3, 512])
        let artifact = try read.checkpoint(
          on: TinyCLIP.clip, identity: Self.identity, classNames: Self.names, dataset: "OxfordFlowers")
        #expect(try artifact.parameters["labels"]?.floats() == [0, 1, 0])
        // α and β are in no file: those that the dataset's configuration begins with.
        #expect(try artifact.parameters["strengths"]?.floats() == [10, 1])
        let classifier = try artifact.classifier(on: TinyCLIP.clip, identity: Self.identity, path: folder.path)
        #expect(classifier.classNames == Self.names)
        let output = folder.appending(path: "out")
        try CacheFiles.write(artifact, precision: .float32, toFolder: output)
        #expect(
          try FileManager.default.contentsOfDirectory(atPath: output.path).sorted()
            == [
              "\(name)_2shots.pt", "values_2shots.pt",
            ].sorted())
        let again = try ReferencePrompts(at: output, of: method)
        for (name, tensor) in read.parameters { #expect(try again.parameters[name]?.bytes() == tensor.bytes()) }
      }
    }
  }

  @Test("what is no cache, or another model's, is refused by name and number")
  func refusals() throws {
    func refusal(_ keys: [Int], values: [Float] = [1, 0, 0, 1, 1, 0], shape: [Int] = [3, 2]) throws -> String {
      try withTemporaryFolder { folder in
        try write(.zeros(keys), as: "keys", values: values, shape: shape, to: folder)
        return message(in: folder) {
          try ReferencePrompts(at: folder).checkpoint(
            on: TinyCLIP.clip, identity: Self.identity, classNames: Self.names)
        }
      }
    }
    let remedy =
      " Give the folder with keys_Kshots.pt and values_Kshots.pt, or with best_F_Kshots.pt for tip-adapter-f."
    #expect(
      try refusal([512, 4])
        == "FOLDER/keys_2shots.pt holds no cache of Tip-Adapter's: it has 4 keys, but values_2shots.pt has values of 3."
        + remedy)
    #expect(
      try refusal([512, 3], values: [1, 0, 1, 1, 1, 0])
        == "FOLDER/values_2shots.pt holds no cache of Tip-Adapter's: row 1 is not one-hot." + remedy)
    #expect(
      try refusal([1024, 3])
        == "FOLDER/keys_2shots.pt was learned on another backbone than tiny-clip: its 'keys' is for image features 1024"
        + " wide, but tiny-clip has 512. Name the model that it was learned on with --model.")
    #expect(
      try refusal([512, 3], values: [1, 0, 0, 0, 1, 0, 0, 0, 1], shape: [3, 3]).contains("3 classes"))
    try withTemporaryFolder { folder in
      try TorchArchive.write(.tensor(.zeros([512, 3])), to: folder.appending(path: "keys_2shots.pt"))
      #expect(
        message(in: folder) { try ReferencePrompts(at: folder) }
          == "FOLDER/keys_2shots.pt holds no cache of Tip-Adapter's: there is no values_2shots.pt beside it." + remedy)
      try write(.zeros([512, 3]), as: "keys", to: folder)
      #expect(
        message(in: folder) {
          try ReferencePrompts(at: folder).checkpoint(on: TinyCLIP.clip, identity: Self.identity, classNames: [])
        }
          == "FOLDER/keys_2shots.pt holds votes for 2 classes, but not their names."
          + " Name them with --data or --classes-file, in the order that the cache was made with.")
    }
  }
}
