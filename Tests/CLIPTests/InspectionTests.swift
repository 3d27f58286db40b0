import CLIP
import Foundation
import Support
import Testing
import TestSupport
import Torch

@Suite("An inspection tells what is odd, and whether the checkpoint would load")
struct InspectionTests {
  private func inspecting(
    _ change: (inout [String: Tensor]) throws -> Void, _ configuration: CLIPConfiguration? = nil
  ) throws -> CheckpointInspection {
    try withTemporaryFolder { folder in
      var tensors = try SmallCheckpoint.tensors
      try change(&tensors)
      try SmallCheckpoint.writeOpenCLIP(to: folder, tensors)
      if let configuration {
        try configuration.openCLIPFile().write(to: folder.appending(path: "open_clip_config.json"))
      }
      return try CheckpointInspection(Checkpoint(at: folder))
    }
  }

  @Test("nothing")
  func nothing() throws {
    let inspection = try inspecting { _ in }
    #expect(inspection.refusal == nil && inspection.oddities.isEmpty)
    #expect(inspection.configuration == SmallCheckpoint.configuration)
    #expect(
      try inspection.logitScale
        == CLIPModel(
          name: "a", configuration: SmallCheckpoint.configuration,
          weights: CheckpointSource(SmallCheckpoint.tensors, name: "a")
        ).logitScale)
  }

  @Test("every kind of oddity at once; the first one that loading would meet is the refusal")
  func oddities() throws {
    let inspection = try inspecting { tensors in
      tensors["ln_final.bias"] = nil
      tensors["visual.ln_post.bias"] = try .zeros([63])
      tensors["logit_bias"] = try .zeros([])
      tensors["visual.ln_pre.weight"] = try Tensor([.infinity] + [Float](repeating: 1, count: 63), shape: [64])
      tensors["visual.ln_pre.bias"] = try .zeros([64])
      tensors["ln_final.weight"] = try Tensor([Float](repeating: 1, count: 64), shape: [64])
    }
    let found = Dictionary(uniqueKeysWithValues: inspection.oddities.map { ($0.tensor, $0.reason) })
    #expect(
      found == [
        "ln_final.bias": .missing, "visual.ln_post.bias": .shape(expected: [64], found: [63]),
        "logit_bias": .unknown, "visual.ln_pre.weight": .notFinite, "visual.ln_pre.bias": .allZero,
        "ln_final.weight": .constant(1),
      ])
    #expect(
      inspection.refusal?.problem
        == "Tensor 'visual.ln_pre.weight' of open_clip_model.safetensors holds a number that is not finite")
  }

  @Test("another architecture, and one that no memory holds")
  func otherArchitecture() throws {
    let other = try inspecting({ _ in }, .openAI(.viTB32))
    #expect(
      other.refusal?.explanation.contains("open_clip_config.json describes ViT-B/32, but the weights are of") == true)
    #expect(other.oddities.count > 100)
    var absurd = SmallCheckpoint.configuration
    absurd.text.layers = 1_000_000_000
    let refused = try inspecting({ _ in }, absurd)
    #expect(refused.refusal != nil && refused.oddities.count < 10_000)
  }

  @Test("a configuration that is refused leaves the tensors to tell the architecture")
  func refusedConfiguration() throws {
    try withTemporaryFolder { folder in
      try SmallCheckpoint.writeOpenCLIP(to: folder)
      try Data("{}".utf8).write(to: folder.appending(path: "open_clip_config.json"))
      let inspection = try CheckpointInspection(Checkpoint(at: folder))
      #expect(inspection.configuration?.text.width == 64)
      #expect(inspection.refusal?.problem == "open_clip_config.json: 'model_cfg' must be an object, found nothing")
    }
  }
}
