import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@Suite("A checkpoint loads as people keep it")
struct KeptCheckpointTests {
  private static let expected = Result { try SmallCheckpoint.expectedFeatures() }

  private func expectSame(_ url: URL, prefix: String? = nil, _ comment: Comment? = nil) throws {
    let checkpoint = try Checkpoint(at: url, prefix: prefix)
    #expect(try SmallCheckpoint.features(of: model(checkpoint)) == Self.expected.get(), comment)
  }

  /// The model of a checkpoint, loaded from the folder that a conversion writes.
  private func model(_ checkpoint: Checkpoint) throws -> CLIPModel {
    try withTemporaryFolder { folder in
      let converted = folder.appending(path: "converted")
      try checkpoint.convert(to: converted, for: .openCLIP, precision: .float32, replacing: false)
      return try CLIPModel(weights: converted)
    }
  }

  private func named(_ rename: (String) -> String) throws -> [String: Tensor] {
    try SmallCheckpoint.tensors.reduce(into: [:]) { $0[rename($1.key)] = $1.value }
  }

  private func saved(_ tensors: [String: Tensor], in folder: URL) throws -> URL {
    let file = folder.appending(path: "clip.safetensors")
    try SafetensorsFile.write(tensors, to: file)
    return file
  }

  private static let huggingFaceNames = Result {
    try withTemporaryFolder { folder in
      let hf = try SmallCheckpoint.writeHuggingFace(to: folder.appending(path: "hf"))
      let file = try SafetensorsFile(contentsOf: hf.appending(path: "model.safetensors"))
      return try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
    }
  }

  // MARK: Prefixes

  @Test(
    "behind any prefix, in every spelling",
    arguments: [
      "_orig_mod.", "module._orig_mod.", "_fsdp_wrapped_module.", "clip.", "clip_model.", "net.", "backbone.",
      "base_model.model.", "state_dict.model.clip.", "0.", "model.text.", "visual.", "text.", "a b/c.", "Modell.ü.",
    ])
  func prefixes(prefix: String) throws {
    try withTemporaryFolder { folder in
      let custom = { (name: String) in
        name.hasPrefix("visual.") || name == "logit_scale" ? "\(prefix)\(name)" : "\(prefix)text.\(name)"
      }
      let forms: [(CheckpointTensors.Spelling, [String: Tensor])] = [
        (.openCLIP, try named { prefix + $0 }), (.customText, try named(custom)),
        (.huggingFace, try Self.huggingFaceNames.get().reduce(into: [:]) { $0[prefix + $1.key] = $1.value }),
      ]
      for (spelling, tensors) in forms {
        let file = try saved(tensors, in: folder)
        let read = try Checkpoint(at: file).tensors
        let wrapped = prefix.replacing("_orig_mod.", with: "").replacing("_fsdp_wrapped_module.", with: "")
        #expect(read.prefix == wrapped && read.spelling == spelling && read.passedOver.isEmpty, "\(spelling)")
        try expectSame(file, "\(spelling)")
      }
    }
  }

  @Test("behind PyTorch's wrappers of single layers")
  func innerWrappers() throws {
    try withTemporaryFolder { folder in
      let wrapped = try named { name in
        "module."
          + name.replacing(".resblocks.1.", with: ".resblocks.1._checkpoint_wrapped_module.")
          .replacing("visual.", with: "visual._fsdp_wrapped_module.")
      }
      try expectSame(saved(wrapped, in: folder))
      var twice = wrapped
      twice["module._orig_mod.ln_final.bias"] = try .zeros([64])
      let file = try saved(twice, in: folder)
      #expect(message(in: folder) { try CLIPModel(weights: file) }.contains("does not use (1): module."))
    }
  }

  // MARK: Tensors outside the model

  @Test("beside counters, random states, metrics, averages, queues, heads and optimisers, which are named")
  func beside() throws {
    try withTemporaryFolder { folder in
      let number = try Tensor([55.5], shape: [1])
      let names = [
        "best_acc1", "rng", "torch_rng_state", "step", "best_loss", "val_acc", "epoch", "queue", "queue_ptr",
        "optimizer.state.0.exp_avg", "lr_scheduler.base", "head.weight", "classifier.0.bias", "fc.weight",
        "loss.logit_scale", "empty",
      ]
      for prefix in ["", "state_dict.module."] {
        var tensors = try named { prefix + $0 }
        for name in names { tensors[name] = try name == "empty" ? .zeros([0, 3]) : number }
        tensors["\(prefix)proj_head.weight"] = number
        let file = try saved(tensors, in: folder)
        let clip = try CLIPModel(weights: file)
        #expect(clip.passedOver.sorted() == (names + ["\(prefix)proj_head.weight"]).sorted())
        try expectSame(file)
      }
      #expect(try CLIPModel(weights: saved(named { $0 }, in: folder)).passedOver.isEmpty)
    }
  }

  @Test("within a tower nothing is passed over")
  func within() throws {
    try withTemporaryFolder { folder in
      for name in ["visual.adapter.weight", "transformer.resblocks.0.adapter", "logit_bias", "ln_final.gamma"] {
        var tensors = try named { "model.\($0)" }
        tensors["model.\(name)"] = try .zeros([1])
        let file = try saved(tensors, in: folder)
        #expect(throws: CLIPError.self, "\(name)") { try CLIPModel(weights: file) }
      }
    }
  }

  // MARK: Several models

  private func pair(_ first: String, _ second: String) throws -> [String: Tensor] {
    try named { first + $0 }.merging(named { second + $0 }.mapValues { try $0 * 2 }) { $1 }
  }

  @Test(
    "an average of a training is passed over, and can be asked for",
    arguments: ["model_ema.", "ema_model.module.", "state_dict_ema.", "ema.", "swa_model."])
  func averages(average: String) throws {
    try withTemporaryFolder { folder in
      let file = try saved(pair("state_dict.", average), in: folder)
      try expectSame(file)
      #expect(try CLIPModel(weights: file).otherModels == [average])
      #expect(try Checkpoint(at: file, prefix: average).tensors.prefix == average)
      let alone = try saved(named { average + $0 }, in: folder)
      try expectSame(alone)
    }
  }

  @Test(
    "of two models one must be asked for",
    arguments: [
      ("student.", "teacher."), ("model.", "ema."), ("state_dict.model.", "state_dict.ema."), ("", "teacher."),
    ])
  func two(first: String, second: String) throws {
    try withTemporaryFolder { folder in
      let file = try saved(pair(first, second), in: folder)
      let prefixes = [first, second].sorted()
      let name = prefixes.first { !$0.isEmpty } ?? ""
      #expect(
        message(in: folder) { try CLIPModel(weights: file) }
          == "FOLDER/clip.safetensors: it holds 2 models, under '\(prefixes[0])' and '\(prefixes[1])'. "
          + "Write the one that you want to a folder, with 'cocoop models convert FILE FOLDER --prefix \(name)', and give that."
      )
      try expectSame(file, prefix: first)
      if !first.isEmpty { try expectSame(file, prefix: String(first.dropLast())) }
      #expect(try Checkpoint(at: file, prefix: second).tensors.otherModels == [first])
      #expect(throws: CLIPError.self) { try Checkpoint(at: file, prefix: "x") }
    }
  }

  @Test("a second model of which only a tower is there is no second model")
  func towerBeside() throws {
    try withTemporaryFolder { folder in
      var tensors = try named { "student.\($0)" }
      for (name, tensor) in try SmallCheckpoint.tensors where name.hasPrefix("visual.") {
        tensors["teacher.\(name)"] = tensor
      }
      try expectSame(saved(tensors, in: folder))
    }
  }

  // MARK: Small variations of the formats

  @Test("with a logit scale of one element, and with floats of 64 bits", arguments: [[1], [1, 1]])
  func numbers(shape: [Int]) throws {
    try withTemporaryFolder { folder in
      var tensors = try named { $0 }
      let scale = try #require(tensors["logit_scale"])
      tensors["logit_scale"] = try scale.reshaped(shape)
      try expectSame(saved(tensors, in: folder))
      try expectSame(saved(tensors.mapValues { try $0.converted(to: .float64) }, in: folder))
      tensors["logit_scale"] = try .zeros([2])
      let file = try saved(tensors, in: folder)
      #expect(throws: CLIPError.self) { try CLIPModel(weights: file) }
    }
  }

  @Test(
    "with a header as other writers make it",
    arguments: [
      (#"{"__metadata__":null,"#, "   "), (#"{"__metadata__":{},"#, " \n\t\r"), (#" {"__metadata__": null ,"#, ""),
      (#"{"__metadata__":{"format":"pt"},"#, ""),
    ])
  func headers(start: String, end: String) throws {
    try withTemporaryFolder { folder in
      let file = try saved(named { $0 }, in: folder)
      let bytes = try Data(contentsOf: file)
      let count = Int(bytes[..<8].enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) })
      let text = String(decoding: bytes[8..<8 + count], as: UTF8.self).trimmingCharacters(in: .whitespaces)
      // An additional key of a tensor is ignored, as by Python's library.
      let body = text.dropFirst().replacing(#""dtype":"F32","#, with: #""dtype":"F32","note":[1.5,{"a":null}],"#)
      let header = Data((start + body + end).utf8)
      var whole = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
      whole += header
      whole += bytes[(8 + count)...]
      try whole.write(to: file)
      try expectSame(file)
    }
  }

  // MARK: The hub's cache

  @Test("in the hub's cache: by the branch main, or the only snapshot; of several without a name all are listed")
  func cache() throws {
    try withTemporaryFolder { folder in
      let root = folder.appending(path: "models--org--clip-small")
      let snapshots = root.appending(path: "snapshots")
      try SmallCheckpoint.writeOpenCLIP(to: snapshots.appending(path: "aaa"))
      try expectSame(root)
      try expectSame(snapshots)
      #expect(try CheckpointFiles(at: root).name == "clip-small")
      try SmallCheckpoint.writeHuggingFace(to: snapshots.appending(path: "bbb"))
      #expect(
        message(in: folder) { try Checkpoint(at: root) }
          == "FOLDER/models--org--clip-small: it is a folder of the hub's cache without refs/main; its snapshots are "
          + "aaa, bbb. Give one of them, under 'snapshots'.")
      try FileManager.default.createDirectory(at: root.appending(path: "refs"), withIntermediateDirectories: true)
      try Data("bbb\n".utf8).write(to: root.appending(path: "refs/main"))
      #expect(try CheckpointFiles(at: root).form == .huggingFace)
      try expectSame(root)
      try Data("../../etc".utf8).write(to: root.appending(path: "refs/main"))
      #expect(
        message(in: folder) { try Checkpoint(at: root) }
          == "FOLDER/models--org--clip-small: it is a folder of the hub's cache without the snapshot '../../etc' that "
          + "refs/main names; its snapshots are aaa, bbb. Give one of them, under 'snapshots'.")
      try FileManager.default.removeItem(at: snapshots)
      #expect(
        message(in: folder) { try Checkpoint(at: root) }.hasSuffix("it has no snapshots. Download the model again."))
    }
  }
}
