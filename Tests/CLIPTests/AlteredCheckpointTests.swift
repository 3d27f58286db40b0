import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@Suite("What a checkpoint is instead is named, with what to give")
struct AlteredCheckpointTests {
  /// The message for tensors, some of them of types that this package does not write: each with a name, a type and a
  /// number of bytes.
  private func loading(
    _ tensors: [String: Tensor], _ others: [(name: String, type: String, bytes: Int)] = [],
    file name: String = "clip.safetensors", metadata: [String: String] = [:], adapter: String? = nil
  ) throws -> String {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: name)
      try SafetensorsFile.write(tensors, metadata: metadata, to: file)
      if !others.isEmpty { try add(others, to: file) }
      if let adapter { try Data(adapter.utf8).write(to: folder.appending(path: "adapter_config.json")) }
      return message(in: folder) { try CLIPModel(weights: file) }
    }
  }

  /// Puts further tensors at the end of a file.
  private func add(_ others: [(name: String, type: String, bytes: Int)], to file: URL) throws {
    let bytes = try Data(contentsOf: file)
    let count = Int(bytes[..<8].enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) })
    var header = String(decoding: bytes[8..<8 + count], as: UTF8.self).trimmingCharacters(in: .whitespaces)
    header.removeLast()
    var end = bytes.count - 8 - count
    for other in others {
      header += header == "{" ? "" : ","
      let width = Tensor.Kind(rawValue: other.type)?.bytesPerElement ?? 1
      header += "\"\(other.name)\":{\"dtype\":\"\(other.type)\",\"shape\":[\(other.bytes / width)],"
      header += "\"data_offsets\":[\(end),\(end + other.bytes)]}"
      end += other.bytes
    }
    let text = Data("\(header)}".utf8)
    var whole = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
    whole += text
    whole += bytes[(8 + count)...]
    whole += Data(count: others.reduce(0) { $0 + $1.bytes })
    try whole.write(to: file)
  }

  private static let merge =
    "Load its base model and the adapter in Python with peft, merge them with merge_and_unload(), and give the folder"
    + " that save_pretrained writes then."

  // MARK: Adapters

  @Test("a LoRA adapter, whose base model its configuration or its metadata names")
  func adapter() throws {
    let name = "base_model.model.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight"
    let tensors = [name: try Tensor.zeros([4, 64])]
    func expected(_ kind: String, file: String = "adapter_model.safetensors") -> String {
      "\(file) holds no CLIP that can be loaded: it looks like \(kind), which is no model by itself. \(Self.merge)"
    }
    #expect(
      try loading(
        tensors, file: "adapter_model.safetensors",
        adapter: #"{"peft_type": "LORA", "base_model_name_or_path": "openai/clip-vit-base-patch32", "r": 4}"#)
        == expected("a LoRA adapter of 'openai/clip-vit-base-patch32'"))
    #expect(try loading(tensors, file: "adapter_model.safetensors") == expected("a LoRA adapter"))
    #expect(
      try loading(tensors, file: "adapter_model.safetensors", adapter: #"{"peft_type": "BOFT"}"#)
        == expected("an adapter of peft (BOFT)"))
    #expect(try loading(tensors, file: "adapter_model.safetensors", adapter: "[not JSON") == expected("a LoRA adapter"))
    let kohya = ["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": try Tensor.zeros([4, 64])]
    #expect(
      try loading(kohya, file: "a.safetensors", metadata: ["ss_base_model_version": "sd_v1"])
        == expected("a LoRA adapter of 'sd_v1'", file: "a.safetensors"))
    let openCLIP = ["visual.transformer.resblocks.0.attn.in_proj.lora_B": try Tensor.zeros([4, 64])]
    #expect(try loading(openCLIP, file: "a.safetensors") == expected("a LoRA adapter", file: "a.safetensors"))
    let loha = ["lycoris_text_model.hada_w1_a": try Tensor.zeros([4, 64])]
    #expect(try loading(loha, file: "a.safetensors") == expected("a LoHa adapter", file: "a.safetensors"))
  }

  @Test("a LoRA adapter beside the weights that it belongs to, with and without a configuration")
  func unmerged() throws {
    var tensors = try SmallCheckpoint.tensors
    tensors["visual.transformer.resblocks.0.mlp.c_fc.lora_A.default.weight"] = try .zeros([4, 64])
    let expected =
      "holds no CLIP that can be loaded: it looks like a CLIP with a LoRA adapter that is not merged into its weights. "
      + "Merge it in Python, with merge_and_unload() of peft, and give what save_pretrained writes then."
    #expect(try loading(tensors) == "clip.safetensors \(expected)")
    try withTemporaryFolder { folder in
      try SmallCheckpoint.writeOpenCLIP(to: folder, tensors)
      #expect(message(in: folder) { try CLIPModel(weights: folder) } == "open_clip_model.safetensors \(expected)")
    }
  }

  // MARK: Quantized weights

  private static let remedy = "Give the weights of 16 or 32 bits that they were made from."
  private static let weight = "transformer.resblocks.0.mlp.c_fc.weight"

  private static let kinds: [([(String, String, Int)], String)] = [
    ([(weight, "I8", 64)], "numbers of few bits (I8)"), ([(weight, "F8_E4M3", 64)], "floats of 8 bits (F8_E4M3)"),
    ([(weight, "U8", 64), ("\(weight).SCB", "F32", 4)], "8 bits, by bitsandbytes"),
    ([(weight, "U8", 64), ("\(weight).absmax", "U8", 4)], "4 bits, by bitsandbytes"),
    (
      [(weight, "U8", 64), ("\(weight).quant_state.bitsandbytes__nf4", "U8", 4)], "4 bits, by bitsandbytes"
    ),
    (
      [
        ("transformer.resblocks.0.mlp.c_fc.qweight", "I32", 64), ("transformer.resblocks.0.mlp.c_fc.g_idx", "I32", 4),
      ],
      "by GPTQ"
    ), ([("transformer.resblocks.0.mlp.c_fc.qweight", "I32", 64)], "by AWQ or GPTQ"),
    ([("transformer.resblocks.0.mlp.c_fc.weight_packed", "I32", 64)], "packed, by compressed-tensors"),
    ([("\(weight)._data", "I8", 64), ("\(weight)._scale", "F32", 4)], "by optimum-quanto"),
    ([("transformer.resblocks.0.mlp.c_fc._packed_params.dtype", "I64", 8)], "packed by torch"),
  ]

  @Test("quantized weights, by their kind", arguments: 0..<10)
  func quantized(index: Int) throws {
    let (others, kind) = Self.kinds[index]
    var tensors = try SmallCheckpoint.tensors
    tensors[Self.weight] = nil
    let message = try loading(tensors, others.map { (name: $0.0, type: $0.1, bytes: $0.2) })
    #expect(
      message
        == "clip.safetensors holds no CLIP that can be loaded: it looks like a CLIP with quantized weights: \(kind). "
        + Self.remedy)
  }

  @Test("a weight of whole numbers is none")
  func integers() throws {
    var tensors = try SmallCheckpoint.tensors
    tensors["ln_final.bias"] = try Tensor([Int](repeating: 1, count: 64), shape: [64])
    #expect(
      try loading(tensors)
        == "Tensor 'ln_final.bias' of clip.safetensors has elements of type I64, where a weight is of F32, F16, BF16 or "
        + "F64. Give the weights of 16 or 32 bits.")
  }

  @Test(
    "what torch has quantized, as it saves it",
    arguments: [("qint8.pt", "qint8 of torch"), ("packed.pt", "qint8, packed by torch")])
  func torch(file: String, kind: String) throws {
    let url = try #require(Bundle.module.url(forResource: "Fixtures/quantized/\(file)", withExtension: nil))
    #expect(
      message { try CLIPModel(weights: url) }
        == "\(file) holds no CLIP that can be loaded: it looks like a CLIP with quantized weights: \(kind). \(Self.remedy)"
    )
  }

  // MARK: Other files

  @Test(
    "files of other formats, by their first bytes",
    arguments: [
      ("GGUF\u{3}", "a GGUF file, whose weights are quantized for llama.cpp and its kin"),
      ("Rar!\u{1a}", "a RAR archive"), ("%PDF-1.7", "a PDF"), ("BZh9", "a file compressed with bzip2"),
    ])
  func formats(start: String, name: String) throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "clip.bin")
      try (Data(start.utf8) + Data(count: 100)).write(to: file)
      #expect(
        message(in: folder) { try CLIPModel(weights: file) }
          == "FOLDER/clip.bin: it is \(name), which is not read here. Give an open_clip or Hugging Face folder, or a file "
          + "of weights.")
    }
  }
}
