import CLIP
import Foundation
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

@Suite("A file of a linear probe that is not whole is refused in one line")
struct LinearProbeRefusalTests {
  static let remedy = " Train again, or restore the file from a copy."
  static let identity = SavedTraining.identity

  let clip: CLIPModel
  let probe: LinearProbe

  init() throws {
    clip = try TinyCLIP.clip
    probe = LinearProbe(
      clip: clip, classNames: ["dog", "grand piano", "cat"],
      weight: try FormulaWeights.values("w", [3, 512], scale: 1),
      bias: try FormulaWeights.values("b", [3], scale: 1), inverseRegularization: 0.5, validationAccuracy: 75)
  }

  /// The message of reading, and of restoring the probe, after a change to the tensors and the metadata of a whole
  /// file.
  private func restoring(_ change: SafetensorsChange) throws -> String {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "probe.safetensors")
      try Artifact(probe, model: Self.identity).write(to: file)
      try SafetensorsFile.rewrite(file, change)
      return message(in: folder) {
        try Artifact(contentsOf: file, noun: "linear probe").classifier(
          on: clip, identity: Self.identity, path: file.path)
      }
    }
  }

  @Test("an unchanged file gives the same probe, bit for bit")
  func unchanged() throws {
    #expect(try restoring { _, _ in } == "no error")
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "probe.safetensors")
      try Artifact(probe, model: Self.identity).write(to: file)
      let restored = try #require(
        Artifact(contentsOf: file, noun: "linear probe")
          .classifier(on: clip, identity: Self.identity, path: file.path) as? LinearProbe)
      #expect(try restored.weight.floats() == probe.weight.floats() && restored.bias.floats() == probe.bias.floats())
      #expect(restored.classNames == probe.classNames)
      #expect(restored.inverseRegularization == 0.5 && restored.validationAccuracy == 75)
    }
  }

  @Test(
    "tensors of another shape",
    arguments: [
      ("weight", [2, 512], "[3, 512]"), ("weight", [3, 511], "[3, 512]"), ("weight", [1536], "[3, 512]"),
      ("weight", [512, 3], "[3, 512]"), ("bias", [2], "[3]"), ("bias", [3, 1], "[3]"), ("bias", [], "[3]"),
    ])
  func shapes(name: String, shape: [Int], expected: String) throws {
    #expect(
      try restoring { tensors, _ in tensors[name] = try .zeros(shape) }
        == "Tensor '\(name)' of FOLDER/probe.safetensors has shape \(shape), expected \(expected)." + Self.remedy)
  }

  @Test("another model than the one it was trained on")
  func otherModel() throws {
    #expect(
      try restoring(describing("abababababab", as: "cdcdcdcdcdcd")).hasPrefix(
        "FOLDER/probe.safetensors was learned on the model tiny-clip (cdcdcdcdcdcd), but the model given is"))
  }

  @Test("another version, whatever else it holds")
  func version() throws {
    let text =
      "FOLDER/probe.safetensors has format version 2, but this program reads version 1."
      + " Use the version of this program that wrote it."
    #expect(try restoring(describing(#""version":1"#, as: #""version":2"#)) == text)
    #expect(try restoring { _, metadata in metadata["cocoop"] = #"{"version": 2, "anything": []}"# } == text)
  }

  @Test("missing and extra tensors, numbers that are none, whole numbers")
  func tensors() throws {
    let opening = "FOLDER/probe.safetensors holds no linear probe of this package: "
    #expect(
      try restoring { tensors, _ in tensors["bias"] = nil }
        == "FOLDER/probe.safetensors has no tensor 'bias'." + Self.remedy)
    #expect(
      try restoring { tensors, _ in tensors["ctx"] = try .zeros([1]) }
        == "FOLDER/probe.safetensors has unexpected tensors: ctx." + Self.remedy)
    #expect(
      try restoring { tensors, _ in tensors["bias"] = try Tensor([.nan, 0, 0], shape: [3]) }
        == opening + "tensor 'bias' holds a number that is not finite." + Self.remedy)
    #expect(
      try restoring { tensors, _ in tensors["bias"] = try Tensor([1, 2, 3] as [Int], shape: [3]) }
        == opening + "tensor 'bias' is not of 32-bit floats." + Self.remedy)
  }

  @Test("metadata that no training has written")
  func metadata() throws {
    let unreadable =
      "FOLDER/probe.safetensors holds no linear probe of this package: its metadata cannot be read." + Self.remedy
    #expect(
      try restoring { _, metadata in metadata = ["format": "pt"] }
        == "FOLDER/probe.safetensors holds no linear probe of this package: its metadata has no entry 'cocoop'."
        + Self.remedy)
    #expect(try restoring { _, metadata in metadata["cocoop"] = "no JSON" } == unreadable)
    #expect(try restoring(describing(#"["dog","grand piano","cat"]"#, as: "[]")) == unreadable)
    #expect(try restoring(describing("linear-probe", as: "cocoop")) == unreadable)
    #expect(try restoring(describing("search", as: "found")) == unreadable)
  }

  @Test("half a file, and none")
  func truncated() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "probe.safetensors")
      try Artifact(probe, model: Self.identity).write(to: file)
      let whole = try Data(contentsOf: file)
      for count in [0, 1, 7, 8, 100, whole.count / 2, whole.count - 1] {
        try FileManager.default.removeItem(at: file)
        try whole.prefix(count).write(to: file)
        let text = message(in: folder) { try Artifact(contentsOf: file, noun: "linear probe") }
        #expect(text.hasPrefix("FOLDER/probe.safetensors: ") && !text.contains("\n"), "\(count): \(text)")
      }
    }
  }

  @Test("mutated files are read or refused, and what is read names images")
  func mutations() throws {
    var mutate = Mutation(seed: 9, pieces: ArtifactFuzzTests.pieces)
    let embeddings = try FormulaWeights.values("features", [2, 512], scale: 1)
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "probe.safetensors")
      try Artifact(probe, model: Self.identity).write(to: file)
      let whole = [UInt8](try Data(contentsOf: file))
      let headerEnd = 8 + Int(whole[0]) + Int(whole[1]) << 8
      let report = try Fuzzing("probe.safetensors", usually: 1000, allowance: 1 << 20) { round in
        try? FileManager.default.removeItem(at: file)  // a mapped file must not be shortened
        let damaged =
          round % 4 == 0 ? mutate(whole) : ArtifactFuzzTests.mutated(whole, headerEnd: headerEnd, by: &mutate)
        try Data(damaged).write(to: file)
        return damaged
      } read: { _ in
        try Artifact(contentsOf: file, noun: "linear probe").classifier(
          on: clip, identity: Self.identity, path: file.path)
      } check: { probe in
        let logits = try probe.logits(ofEmbeddings: embeddings, within: .automatic)
        #expect(logits.shape == [2, 3])
      }
      #expect(report.problems.isEmpty)
      #expect(report.read > 20 && report.refused > 20)
    }
  }
}
