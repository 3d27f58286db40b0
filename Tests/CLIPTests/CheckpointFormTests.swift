import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@Suite("A checkpoint is one model, whatever its form")
struct CheckpointFormTests {
  /// The features from the plain form.
  private static let expected = Result { try SmallCheckpoint.expectedFeatures() }

  private func expectSame(_ url: URL, _ comment: Comment? = nil) throws {
    #expect(try SmallCheckpoint.features(of: CLIPModel(weights: url)) == Self.expected.get(), comment)
  }

  /// Writes tensors under other names and expects the same model.
  private func expectSame(in folder: URL, _ rename: (String) -> String, more: [String: Tensor] = [:]) throws {
    var tensors = more
    for (name, tensor) in try SmallCheckpoint.tensors { tensors[rename(name)] = tensor }
    let file = folder.appending(path: "weights.safetensors")
    try SafetensorsFile.write(tensors, to: file)
    try expectSame(file)
  }

  @Test("an open_clip folder, and its file")
  func openCLIP() throws {
    try withTemporaryFolder { folder in
      try SmallCheckpoint.writeOpenCLIP(to: folder)
      try expectSame(folder)
      let file = folder.appending(path: "open_clip_model.safetensors")
      try expectSame(file)
      #expect(try CheckpointFiles(at: file).name == folder.lastPathComponent)
      #expect(try CheckpointFiles(at: folder).form == .openCLIP)
    }
  }

  @Test("elements of 16 bits", arguments: [Tensor.Kind.float16, .bfloat16])
  func precision(kind: Tensor.Kind) throws {
    try withTemporaryFolder { folder in
      var tensors = try SmallCheckpoint.tensors.mapValues { try $0.converted(to: kind) }
      tensors["logit_scale"] = try SmallCheckpoint.tensors["logit_scale"]  // of another type, as in OpenAI's
      try SmallCheckpoint.writeOpenCLIP(to: folder, tensors)
      try expectSame(folder)
    }
  }

  @Test("a Hugging Face folder: q, k and v apart, projections transposed, other names")
  func huggingFace() throws {
    try withTemporaryFolder { folder in
      let model = try SmallCheckpoint.writeHuggingFace(to: folder.appending(path: "hf"))
      try expectSame(model)
      #expect(try CheckpointFiles(at: model).form == .huggingFace)
      let names = try SafetensorsFile(contentsOf: model.appending(path: "model.safetensors")).names
      #expect(names.contains("text_model.encoder.layers.1.self_attn.q_proj.bias"))
      #expect(names.contains("vision_model.pre_layrnorm.weight") && names.count == 78)
    }
  }

  @Test("shards with an index, and one that is a link")
  func shards() throws {
    try withTemporaryFolder { folder in
      let model = try SmallCheckpoint.writeShards(to: folder.appending(path: "hf"))
      try expectSame(model)
      try expectSame(model.appending(path: "model.safetensors.index.json"))
      let shard = model.appending(path: "model-00002-of-00003.safetensors")
      let blob = folder.appending(path: "blob")
      try FileManager.default.moveItem(at: shard, to: blob)
      try FileManager.default.createSymbolicLink(at: shard, withDestinationURL: blob)
      try expectSame(model)
    }
  }

  @Test("weights alone, by any library's names, with what training puts before and beside them")
  func alone() throws {
    try withTemporaryFolder { folder in
      let state = ["optimizer.state.0.exp_avg": try Tensor([1, 2], shape: [2]), "epoch": try Tensor([3], shape: [])]
      try expectSame(in: folder, { $0 })
      try expectSame(in: folder, { "module.\($0)" })
      try expectSame(in: folder, { "state_dict.module.\($0)" }, more: state)
      try expectSame(in: folder, { "model.\($0)" }, more: state)
      try expectSame(in: folder, { $0.hasPrefix("visual.") || $0 == "logit_scale" ? $0 : "text.\($0)" })
      let counters = ["input_resolution", "context_length", "vocab_size"]
      try expectSame(in: folder, { $0 }, more: Dictionary(uniqueKeysWithValues: counters.map { ($0, try .zeros([])) }))
      try SmallCheckpoint.writeHuggingFace(to: folder.appending(path: "hf"))
      let file = folder.appending(path: "any name")
      try FileManager.default.moveItem(at: folder.appending(path: "hf/model.safetensors"), to: file)
      try expectSame(file)
      let configuration = try Checkpoint(at: file).configuration()
      #expect(
        configuration.architecture
          == "ViT, width 64, 2 layers, patches of 16, beside a text tower of width 64 and 2 layers")
      #expect(configuration.assumptions.count == 1)
    }
  }

  @Test("files of torch.save: a state dict, and a training's file with its optimizer, of 16 bits")
  func torchSave() throws {
    try withTemporaryFolder { folder in
      let tensors = try SmallCheckpoint.tensors.sorted { $0.key < $1.key }
      let plain = folder.appending(path: "ViT-B-32.safetensors")  // the name does not matter
      try TorchArchive.write(.dictionary(tensors.map { ($0.key, .tensor($0.value)) }), to: plain)
      try expectSame(plain)
      let state = try tensors.map { ("module.\($0.key)", SavedValue.tensor(try $0.value.converted(to: .float16))) }
      let moments = SavedValue.list([.tensor(try .zeros([2])), .double(0.9)])
      let trained = folder.appending(path: "trained.pth.tar")
      try TorchArchive.write(
        .dictionary([("epoch", .integer(3)), ("state_dict", .dictionary(state)), ("optimizer", moments)]), to: trained)
      try expectSame(trained)
      let tensorsOfTrained = try Checkpoint(at: trained).tensors
      #expect(tensorsOfTrained.prefix == "state_dict.module." && tensorsOfTrained.passedOver == ["optimizer.0"])
      let half = try Data(contentsOf: trained).prefix(1_000_000)
      try half.write(to: trained)
      #expect(
        message(in: folder) { try CLIPModel(weights: trained) }
          == "FOLDER/trained.pth.tar is a damaged zip archive: it has no directory at its end, "
          + "so it is only the beginning of the file. Fetch or write the file again.")
    }
  }

  @Test("a folder with one file of weights and no word on it is that file")
  func lonelyFile() throws {
    try withTemporaryFolder { folder in
      try SafetensorsFile.write(SmallCheckpoint.tensors, to: folder.appending(path: "clip.pt"))  // by its content
      try expectSame(folder)
      #expect(try CheckpointFiles(at: folder).name == "clip")
    }
  }

  @Test("the hash of shards is that of what sha256sum prints for them")
  func hash() throws {
    try withTemporaryFolder { folder in
      let model = try SmallCheckpoint.writeShards(to: folder.appending(path: "hf"))
      var lines = ""
      for shard in 1...3 {
        let name = "model-0000\(shard)-of-00003.safetensors"
        let alone = folder.appending(path: "alone.safetensors")
        try? FileManager.default.removeItem(at: alone)
        try FileManager.default.copyItem(at: model.appending(path: name), to: alone)
        lines += "\(try CheckpointFiles(at: alone).hash())  \(name)\n"
      }
      let sums = folder.appending(path: "sums.safetensors")
      try Data(lines.utf8).write(to: sums)
      #expect(try CheckpointFiles(at: model).hash() == CheckpointFiles(at: sums).hash())
    }
  }
}
