import CLIP
import Foundation
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

@Suite("Mutated prompt files are read or refused, and never crash or hang")
struct ArtifactFuzzTests {
  static let pieces = [
    "\"", ",", "[", "]", "{", "}", "-", "1e400", "null", "true", "0", "99999999999999999999", "F16", "I64", "ctx",
    "\\\"", "\\ud800", "\0", "é", "\"coop\"", "\"zero-shot\"", "stored", "1.5", "[]",
  ]

  /// Mutates mostly the header: any bytes of a tensor are a number.
  static func mutated(_ whole: [UInt8], headerEnd: Int, by mutate: inout Mutation) -> [UInt8] {
    let header = mutate(Array(whole[8..<headerEnd]))
    var length = UInt64(header.count).littleEndian
    return withUnsafeBytes(of: &length, Array.init) + header + whole[headerEnd...]
  }

  @Test("of a training's file: what is read also trains")
  func mutations() throws {
    let clip = try TinyCLIP.clip
    let identity = SavedTraining.identity
    let batch = try Batch(imageFeatures: SavedTraining.images, labels: [0, 0])
    let learner = try ContextPrompts(for: SavedTraining.names, initialContext: "a", clip: clip)
    let trainer = try SavedTraining.trained(learner)

    var mutate = Mutation(seed: 2, pieces: Self.pieces)
    var trained = 0
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "prompts.safetensors")
      try Artifact(trainer, of: .coop, model: identity, resumable: true).write(to: file)
      // The checksum is removed, since it would refuse nearly every mutation before anything else.
      let written = try SafetensorsFile(contentsOf: file)
      let tensors = try Dictionary(uniqueKeysWithValues: written.names.map { ($0, try written.tensor($0)) })
      try SafetensorsFile.write(tensors, metadata: written.metadata.filter { $0.key != "sha256" }, to: file)
      let whole = try [UInt8](Data(contentsOf: file))
      let headerEnd = 8 + Int(whole[0]) + Int(whole[1]) << 8
      let report = try Fuzzing("prompts.safetensors", usually: 3000, allowance: 1 << 20) { round in
        let bytes = round % 4 == 0 ? mutate(whole) : Self.mutated(whole, headerEnd: headerEnd, by: &mutate)
        try Data(bytes).write(to: file)
        return bytes
      } read: { _ in
        try Artifact(contentsOf: file)
      } check: { restored in
        do {
          let classifier = try restored.classifier(on: clip, identity: identity, path: file.path)
          guard let training = restored.training, let prompts = classifier as? Classifier<ContextPrompts>
          else { return }
          var continued = Trainer(
            prompts, configuration: training.configuration, seed: training.seed, state: training.state)
          _ = try continued.step(on: batch, learningRate: 0.002)
          trained += 1
        } catch let error as any UserFacingError {
          #expect(!error.explanation.contains("\n"))
        }
      }
      #expect(report.problems.isEmpty)
      #expect(report.read > 50 && report.refused > 50 && trained > 50)
    }
  }
}
