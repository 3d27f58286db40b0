import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@Suite("A checkpoint is loaded whole or refused in one line")
struct StrictLoadingTests {
  static let weightsFile = "open_clip_model.safetensors"

  /// The message of loading tiny-clip after `change` to its tensors.
  private func loading(_ change: (inout [String: Tensor]) throws -> Void) throws -> String {
    try withTemporaryFolder { folder in
      let original = TinyCLIP.folder.appending(path: "open_clip_config.json")
      try FileManager.default.copyItem(at: original, to: folder.appending(path: original.lastPathComponent))
      var tensors = try TinyCLIP.tensors()
      try change(&tensors)
      try SafetensorsFile.write(tensors, to: folder.appending(path: Self.weightsFile))
      return message(in: folder) { try CLIPModel(weights: folder) }
    }
  }

  @Test("an unchanged copy loads")
  func unchanged() throws {
    #expect(try loading { _ in } == "no error")
  }

  @Test("a missing tensor")
  func missing() throws {
    #expect(
      try loading { $0["text_projection"] = nil }
        == "open_clip_model.safetensors has no tensor 'text_projection'. Check that the file is whole.")
    #expect(
      try loading { tensors in
        tensors["ln_finale.bias"] = tensors.removeValue(forKey: "ln_final.bias")
      } == "open_clip_model.safetensors has no tensor 'ln_final.bias'. Did you mean 'ln_finale.bias'?")
  }

  @Test("extra tensors, of which five are named")
  func extra() throws {
    #expect(
      try loading { $0["logit_bias"] = try .zeros([]) }
        == "open_clip_model.safetensors has tensors that the model does not use (1): logit_bias. "
        + "Check that the configuration names the architecture of these weights.")
    #expect(
      try loading { tensors in for index in 1...6 { tensors["visual.extra.\(index)"] = try .zeros([2]) } }
        == "open_clip_model.safetensors has tensors that the model does not use (6): "
        + "visual.extra.1, visual.extra.2, visual.extra.3, visual.extra.4, visual.extra.5, …. "
        + "Check that the configuration names the architecture of these weights.")
  }

  @Test("a tensor of another shape")
  func shape() throws {
    #expect(
      try loading { $0["visual.head.proj.weight"] = try .zeros([512, 1281]) }
        == "Tensor 'visual.head.proj.weight' of open_clip_model.safetensors has shape [512, 1281], "
        + "but the model needs [512, 1280]. Check that the configuration belongs to these weights.")
    #expect(
      try loading { $0["logit_scale"] = try .zeros([2]) }
        == "Tensor 'logit_scale' of open_clip_model.safetensors has shape [2], but the model needs []. "
        + "Check that the configuration belongs to these weights.")
  }

  @Test("a tensor that is not finite", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(value: Float) throws {
    #expect(
      try loading { tensors in
        var elements = [Float](repeating: 0.5, count: 256)
        elements[200] = value
        tensors["ln_final.bias"] = try Tensor(elements, shape: [256])
      } == "Tensor 'ln_final.bias' of open_clip_model.safetensors holds a number that is not finite. "
        + "The file is damaged or its training diverged; get another copy.")
  }

  @Test("weights that are cut off")
  func truncated() throws {
    try withTemporaryFolder { folder in
      let original = TinyCLIP.folder.appending(path: "open_clip_config.json")
      try FileManager.default.copyItem(at: original, to: folder.appending(path: original.lastPathComponent))
      let bytes = try Data(contentsOf: TinyCLIP.folder.appending(path: Self.weightsFile), options: .alwaysMapped)
      try bytes.prefix(1_000_000).write(to: folder.appending(path: Self.weightsFile))
      let text = message(in: folder) { try CLIPModel(weights: folder) }
      #expect(text.hasPrefix("FOLDER/open_clip_model.safetensors: tensor “"))
      #expect(text.hasSuffix("Fetch or write the file again: it is damaged, or not a safetensors file."))
    }
  }
}
