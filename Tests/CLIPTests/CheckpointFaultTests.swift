import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@Suite("What is no checkpoint is told for what it is, in one line")
struct CheckpointFaultTests {
  static let giveOther = "Give an open_clip or Hugging Face folder, or a file of weights."
  static let again = "Fetch the index and its shards again."
  static let pointer = """
    version https://git-lfs.github.com/spec/v1
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
    size 605247071

    """

  private func loading(_ name: String, in folder: URL) -> String {
    message(in: folder) { try CLIPModel(weights: folder.appending(path: name)) }
  }

  @Test(
    "one file of weights",
    arguments: [
      ("", "the file is empty. Fetch the file again."),
      (
        pointer,
        "it is a pointer of Git LFS, a text that stands for the file of 605247071 bytes. "
          + "Fetch the file itself, with 'git lfs pull' in its repository."
      ),
      (
        "\n  <!DOCTYPE html><html><head><title>Sign in</title>",
        "it is a web page, such as an error or a login, saved under this name. "
          + "Open it in a browser to read what it says, then fetch the file itself."
      ),
      ("Access denied", "it is a text, not weights. \(giveOther)"),
      ("{\"a\": 1}", "it is a text, not weights. \(giveOther)"),
      ("\0\0\0\0\0\0\0\0", "it is neither a safetensors file nor one that PyTorch has saved. \(giveOther)"),
    ])
  func content(content: String, expected: String) throws {
    try withTemporaryFolder { folder in
      for name in ["ViT-B-32.pt", "a.safetensors"] {
        try Data(content.utf8).write(to: folder.appending(path: name))
        #expect(loading(name, in: folder) == "FOLDER/\(name): \(expected)")
      }
    }
  }

  @Test("nothing, links in a circle or to nothing, a pipe")
  func places() throws {
    try withTemporaryFolder { folder in
      #expect(loading("none", in: folder) == "FOLDER/none: there is nothing at this path. Check the path.")
      for (link, target) in [("a.pt", "b.pt"), ("b.pt", "a.pt"), ("c.pt", "nothing")] {
        try FileManager.default.createSymbolicLink(
          atPath: folder.appending(path: link).path, withDestinationPath: target)
      }
      let remedy = "Give the file that the links should lead to."
      #expect(loading("a.pt", in: folder) == "FOLDER/a.pt: its symbolic links lead in a circle. \(remedy)")
      #expect(loading("c.pt", in: folder) == "FOLDER/c.pt: it is a symbolic link to nothing. \(remedy)")
      mkfifo(folder.appending(path: "pipe.pt").path, 0o644)
      #expect(
        loading("pipe.pt", in: folder)
          == "FOLDER/pipe.pt: expected a file of weights, found something that is no file. \(Self.giveOther)")
    }
  }

  @Test("folders: empty, with two candidates, called x.pt, with an index but no configuration")
  func folders() throws {
    try withTemporaryFolder { folder in
      let missing =
        "the folder has no weights: neither open_clip_model.safetensors nor model.safetensors. "
        + "Put the weights there, or give their file."
      try FileManager.default.createDirectory(
        at: folder.appending(path: "x.pt/y.pt"), withIntermediateDirectories: true)
      #expect(loading("x.pt", in: folder) == "FOLDER/x.pt: \(missing)")
      let model = folder.appending(path: "model")
      try SmallCheckpoint.writeOpenCLIP(to: model)
      let weights = model.appending(path: "open_clip_model.safetensors")
      for name in ["a.pt", "b.safetensors"] {
        try FileManager.default.copyItem(at: weights, to: model.appending(path: name))
      }
      try FileManager.default.removeItem(at: weights)
      #expect(
        loading("model", in: folder)
          == "FOLDER/model: the folder has 2 files of weights: a.pt, b.safetensors. Give one of the files.")
      for name in ["a.pt", "b.safetensors"] { try FileManager.default.removeItem(at: model.appending(path: name)) }
      #expect(loading("model", in: folder) == "FOLDER/model: \(missing)")
      try FileManager.default.removeItem(at: model.appending(path: "open_clip_config.json"))
      try Data("{}".utf8).write(to: model.appending(path: "model.safetensors.index.json"))
      #expect(
        loading("model", in: folder) == "FOLDER/model: the folder has model.safetensors.index.json but no config.json. "
          + "Put it there, or give the index as the file of weights.")
    }
  }

  @Test("shards that are missing, misplaced or out of bounds")
  func shards() throws {
    try withTemporaryFolder { folder in
      let model = try SmallCheckpoint.writeShards(to: folder.appending(path: "hf"))
      let index = model.appending(path: "model.safetensors.index.json")
      let original = try Data(contentsOf: index)
      func expect(_ expected: String, _ comment: Comment? = nil) {
        #expect(loading("hf", in: folder) == "FOLDER/hf/model.safetensors.index.json: \(expected)", comment)
      }
      func change(_ change: (inout [String: String]) -> Void) throws {
        let object = try JSONSerialization.jsonObject(with: original) as? [String: Any]
        var map = try #require(object?["weight_map"] as? [String: String])
        change(&map)
        try JSONSerialization.data(withJSONObject: ["weight_map": map]).write(to: index)
      }
      for text in ["", "{", "[]", "{}", #"{"weight_map": {}}"#, #"{"weight_map": {"a": 1}}"#] {
        try Data(text.utf8).write(to: index)
        expect("expected an object 'weight_map' from tensors to files. \(Self.again)", "\(text)")
      }
      for name in ["../hf/a.safetensors", "/etc/passwd", "..", "", "a/b", "a\0b"] {
        try change { $0["logit_scale"] = name }
        let shown = name.replacing("\0", with: "\\0")
        expect("it names the file '\(shown)', which is not in its own folder. \(Self.again)", "\(name)")
      }
      let first = "model-00001-of-00003.safetensors"
      try change { $0["logit_scale"] = first == $0["logit_scale"] ? "model-00002-of-00003.safetensors" : first }
      #expect(loading("hf", in: folder).contains("has the tensor 'logit_scale', which is not so. \(Self.again)"))
      try change { $0["logit_scale"] = nil }
      #expect(loading("hf", in: folder).contains("has the tensor 'logit_scale', which it does not place there."))
      try change { $0["logit_bias"] = first }
      expect("it says that \(first) has the tensor 'logit_bias', which is not so. \(Self.again)")
      try original.write(to: index)
      for shard in [1, 3] {
        try FileManager.default.removeItem(at: model.appending(path: "model-0000\(shard)-of-00003.safetensors"))
      }
      expect(
        "2 of 3 shards are missing: model-00001-of-00003.safetensors, model-00003-of-00003.safetensors. Fetch them.")
    }
  }

  @Test("another architecture than the configuration states is named")
  func otherArchitecture() throws {
    try withTemporaryFolder { folder in
      let model = try SmallCheckpoint.writeOpenCLIP(to: folder.appending(path: "model"))
      try CLIPConfiguration.openAI(.viTB16).openCLIPFile().write(to: model.appending(path: "open_clip_config.json"))
      #expect(
        loading("model", in: folder)
          == "FOLDER/model: open_clip_config.json describes ViT-B/16, but the weights are of ViT, width 64, 2 layers, "
          + "patches of 16, beside a text tower of width 64 and 2 layers. Give the weights their own configuration.")
      let hf = try SmallCheckpoint.writeHuggingFace(to: folder.appending(path: "hf"))
      try CLIPConfiguration.openAI(.viTB32).huggingFaceFiles().model.write(to: hf.appending(path: "config.json"))
      try CLIPConfiguration.openAI(.viTB32).huggingFaceFiles().preprocessing.write(
        to: hf.appending(path: "preprocessor_config.json"))
      #expect(
        loading("hf", in: folder).hasPrefix(
          "FOLDER/hf: config.json describes ViT-B/32, but the weights are of ViT, width 64, 2 layers,"))
    }
  }

  @Test("a missing, a wrong and an unknown tensor are called by the file's own names")
  func tensors() throws {
    try withTemporaryFolder { folder in
      let model = try SmallCheckpoint.writeHuggingFace(to: folder.appending(path: "hf"))
      let weights = model.appending(path: "model.safetensors")
      let file = try SafetensorsFile(contentsOf: weights)
      let tensors = try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
      func loading(_ change: (inout [String: Tensor]) throws -> Void) throws -> String {
        var changed = tensors
        try change(&changed)
        try SafetensorsFile.write(changed, to: weights)
        return self.loading("hf", in: folder)
      }
      let key = "text_model.encoder.layers.1.self_attn.k_proj.bias"
      #expect(try loading { $0[key] = nil }.hasPrefix("model.safetensors has no tensor '\(key)'. "))
      #expect(
        try loading { $0["visual_projection.weight"] = try .zeros([64, 63]) }
          == "Tensor 'visual_projection.weight' of model.safetensors has shape [63, 64], but the model needs [64, 64]. "
          + "Check that the configuration belongs to these weights.")
      #expect(
        try loading { $0["visual.proj"] = try .zeros([64, 64]) }
          == "model.safetensors has tensors that the model does not use (1): visual.proj. "
          + "Check that the configuration names the architecture of these weights.")
    }
  }

  @Test("tensors of no CLIP, of two, and what a training leaves that is unknown")
  func models() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "a.safetensors")
      let small = try SmallCheckpoint.tensors
      func loading(_ tensors: [String: Tensor]) throws -> String {
        try SafetensorsFile.write(tensors, to: file)
        return self.loading("a.safetensors", in: folder)
      }
      #expect(
        try loading([:])
          == "a.safetensors holds no CLIP that can be loaded: it looks like nothing: it has no tensors. "
          + "Give the checkpoint of a CLIP.")
      #expect(
        try loading(["conv1.weight": .zeros([1]), "layer1.0.bias": .zeros([1])])
          == "a.safetensors holds no CLIP that can be loaded: it looks like a residual network that classifies images, "
          + "without a text tower. Give the checkpoint of a CLIP.")
      let twice: [String: Tensor] = small.reduce(into: [:]) { all, next in
        all["model.\(next.key)"] = next.value
        all["state_dict.\(next.key)"] = next.value
      }
      #expect(
        try loading(twice)
          == "FOLDER/a.safetensors: it holds 2 models, under 'model.' and 'state_dict.'. Write the one that you want to a "
          + "folder, with 'cocoop models convert FILE FOLDER --prefix model.', and give that.")
      #expect(message(in: folder) { try Checkpoint(at: file, prefix: "model") } == "no error")
      #expect(
        message(in: folder) { try Checkpoint(at: file, prefix: "teacher") }
          == "FOLDER/a.safetensors: it has no model under 'teacher', but 'model.' and 'state_dict.'. "
          + "Give --prefix one of these.")
    }
  }
}
