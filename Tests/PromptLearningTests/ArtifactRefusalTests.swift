import CLIP
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("A prompt file that is not whole is refused in one line")
struct ArtifactRefusalTests {
  static let remedy = "Train again, or restore the file from a copy."

  let clip: CLIPModel

  init() throws { clip = try TinyCLIP.clip }

  /// The message of reading, and of building the learner, after a change to the tensors and the metadata of a whole
  /// file.
  ///
  /// - Parameter isChecked: whether the file keeps the earlier checksum, which disagrees with any change.
  private func restoring(isChecked: Bool = false, _ change: SafetensorsChange) throws -> String {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "prompts.safetensors")
      let trainer = try SavedTraining.trained(ConditionalPrompts(for: SavedTraining.names, clip: clip))
      try Artifact(trainer, of: .cocoop, model: SavedTraining.identity, resumable: true).write(to: file)
      try SafetensorsFile.rewrite(file) { tensors, metadata in
        #expect(metadata["sha256"]?.count == 64)
        if !isChecked { metadata["sha256"] = nil }
        try change(&tensors, &metadata)
      }
      return message(in: folder) {
        try Artifact(contentsOf: file).classifier(on: clip, identity: SavedTraining.identity, path: file.path)
      }
    }
  }

  @Test("an unchanged file")
  func unchanged() throws {
    #expect(try restoring { _, _ in } == "no error")
    #expect(try restoring(isChecked: true) { _, _ in } == "no error")
  }

  @Test("one bit of a number or of the description that is another")
  func damaged() throws {
    let damaged =
      "FOLDER/prompts.safetensors holds no prompts of this package: it is damaged: its checksum is another. "
      + Self.remedy
    for name in ["ctx", "velocity.meta_net.linear1.bias"] {
      #expect(
        try restoring(isChecked: true) { tensors, _ in
          let tensor = try #require(tensors[name])
          var numbers = try tensor.floats()
          numbers[3] = numbers[3].nextUp
          tensors[name] = try Tensor(numbers, shape: tensor.shape)
        } == damaged)
    }
    #expect(
      try restoring(isChecked: true) { _, metadata in
        metadata["cocoop"] = metadata["cocoop"]?.replacing("grand piano", with: "grand pianp")
      } == damaged)
  }

  @Test("another version")
  func version() throws {
    #expect(
      try restoring(describing(#""version":1"#, as: #""version":2"#))
        == "FOLDER/prompts.safetensors has format version 2, but this program reads version 1. "
        + "Use the version of this program that wrote it.")
    #expect(
      try restoring { _, metadata in metadata["cocoop"] = #"{"version": 9, "anything": []}"# }
        == "FOLDER/prompts.safetensors has format version 9, but this program reads version 1. "
        + "Use the version of this program that wrote it.")
  }

  @Test("another model")
  func otherModel() throws {
    #expect(
      try restoring(describing("abababababab", as: "cdcdcdcdcdcd")).hasPrefix(
        "FOLDER/prompts.safetensors was learned on the model tiny-clip (cdcdcdcdcdcd), "))
    let checkpoint = Artifact(
      try ZeroShotPrompts(for: SavedTraining.names, clip: clip), model: SavedTraining.identity)
    let other = ModelIdentity(name: "ViT-B-16", sha256: String(repeating: "01", count: 32))
    #expect(
      message { try checkpoint.classifier(on: clip, identity: other, path: "prompts.safetensors") }
        == "prompts.safetensors was learned on the model tiny-clip (abababababab), "
        + "but the model given is ViT-B-16 (010101010101). Name the model that it was learned on with --model.")
  }

  @Test(
    "a missing tensor", arguments: ["ctx", "meta_net.linear2.bias", "velocity.ctx", "velocity.meta_net.linear1.weight"])
  func missing(name: String) throws {
    #expect(
      try restoring { tensors, _ in tensors[name] = nil }
        == "FOLDER/prompts.safetensors has no tensor '\(name)'. \(Self.remedy)")
  }

  @Test("extra tensors")
  func extra() throws {
    #expect(
      try restoring { tensors, _ in
        tensors["token_prefix"] = try .zeros([1])
        tensors["token_suffix"] = try .zeros([1])
      } == "FOLDER/prompts.safetensors has unexpected tensors: token_prefix, token_suffix. "
        + Self.remedy)
  }

  @Test(
    "a tensor of another shape",
    arguments: [
      ("ctx", [4, 255], "[4, 256]"), ("ctx", [256], "[4, 256]"), ("ctx", [2, 4, 256], "[4, 256]"),
      ("meta_net.linear1.weight", [31, 512], "[32, 512]"), ("meta_net.linear1.bias", [32, 1], "[32]"),
      ("meta_net.linear2.weight", [32, 256], "[256, 32]"), ("meta_net.linear2.bias", [512], "[256]"),
      ("velocity.ctx", [3, 256], "[4, 256]"), ("velocity.meta_net.linear2.bias", [], "[256]"),
    ])
  func shape(name: String, shape: [Int], expected: String) throws {
    #expect(
      try restoring { tensors, _ in
        tensors[name] = try .zeros(shape)
        if let velocity = tensors.keys.first(where: { $0 == "velocity.\(name)" }) { tensors[velocity] = tensors[name] }
      }
        == "Tensor '\(name)' of FOLDER/prompts.safetensors has shape \(shape), expected \(expected). "
        + Self.remedy)
  }

  @Test("a tensor that is not finite, and one of whole numbers")
  func values() throws {
    #expect(
      try restoring { tensors, _ in
        tensors["ctx"] = try Tensor([Float](repeating: .nan, count: 4 * 256), shape: [4, 256])
      } == "FOLDER/prompts.safetensors holds no prompts of this package: "
        + "tensor 'ctx' holds a number that is not finite. \(Self.remedy)")
    #expect(
      try restoring { tensors, _ in
        tensors["meta_net.linear1.bias"] = try Tensor([Int](repeating: 1, count: 32), shape: [32])
      }
        == "FOLDER/prompts.safetensors holds no prompts of this package: "
        + "tensor 'meta_net.linear1.bias' is not of 32-bit floats. \(Self.remedy)")
  }

  @Test("metadata that no training could have written")
  func metadata() throws {
    let unreadable = "FOLDER/prompts.safetensors holds no prompts of this package: its metadata cannot be read. "
    #expect(
      try restoring(describing(#""method":"cocoop""#, as: #""method":"magic""#))
        == "There is no method 'magic'. Use a version of this program that has it.")
    #expect(try restoring(describing(#""epochs":7"#, as: #""epochs":"seven""#)) == unreadable + Self.remedy)
    for (old, new) in [
      (#""batchSize":2"#, #""batchSize":0"#), (#""epochs":7"#, #""epochs":-7"#),
      (#""completedEpochs":1"#, #""completedEpochs":-1"#), (#""views":"3""#, #""views":"0""#),
      (#""learningRate":0.01"#, #""learningRate":-1"#),
    ] {
      let text = try restoring(describing(old, as: new))
      #expect(text == unreadable + Self.remedy, "\(new)")
    }
    #expect(
      try restoring(describing(#"["dog","grand piano"]"#, as: "[]"))
        == "There are no classes to tell apart. Name at least one class.")
  }

  @Test("files that are not ours")
  func notOurs() throws {
    #expect(
      try restoring { _, metadata in metadata = ["format": "pt"] }
        == "FOLDER/prompts.safetensors holds no prompts of this package: its metadata has no entry 'cocoop'. "
        + Self.remedy)
    #expect(
      try restoring { _, metadata in metadata["cocoop"] = "no JSON" }
        == "FOLDER/prompts.safetensors holds no prompts of this package: its metadata cannot be read. \(Self.remedy)")
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "prompts.safetensors")
      #expect(
        message(in: folder) { try Artifact(contentsOf: file) }
          == "FOLDER/prompts.safetensors: No such file or directory. "
          + "Give a safetensors file that exists and is readable.")
      try Data("hello".utf8).write(to: file)
      #expect(
        message(in: folder) { try Artifact(contentsOf: file) }
          == "FOLDER/prompts.safetensors: expected a safetensors file, found 5 bytes, too few for one. "
          + "Fetch or write the file again: it is damaged, or not a safetensors file.")
    }
  }

  @Test("a folder that cannot be written leaves nothing behind")
  func unwritable() throws {
    try withTemporaryFolder { folder in
      let checkpoint = Artifact(
        try ZeroShotPrompts(for: SavedTraining.names, clip: clip), model: SavedTraining.identity)
      let text = message(in: folder) { try checkpoint.write(to: folder.appending(path: "none/prompts.safetensors")) }
      #expect(text.hasPrefix("Cannot write FOLDER/none/"))
      #expect(
        text.hasSuffix(": No such file or directory. Choose a folder that exists, is writable and has room."))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }
}
