import Torch

/// The name of one tensor in open_clip and in Hugging Face's `transformers`: the one table for reading and for writing.
///
/// `*` represents a layer's number. OpenAI's names are open_clip's. Source: the parameter names of
/// `transformers.CLIPModel` and `open_clip.CLIP`.
struct TensorNaming: Sendable, Equatable {
  /// open_clip's name.
  let openCLIP: String
  /// Hugging Face's name, or the three names whose rows open_clip stores as one tensor.
  let huggingFace: [String]
  /// Whether the axes of one are those of the other, exchanged.
  let isTransposed: Bool

  private init(_ openCLIP: String, _ huggingFace: String..., isTransposed: Bool = false) {
    self.init(openCLIP: openCLIP, huggingFace: huggingFace, isTransposed: isTransposed)
  }

  private init(openCLIP: String, huggingFace: [String], isTransposed: Bool) {
    self.openCLIP = openCLIP
    self.huggingFace = huggingFace
    self.isTransposed = isTransposed
  }

  // MARK: The table

  private static let table: [TensorNaming] =
    [
      TensorNaming("logit_scale", "logit_scale"),
      TensorNaming("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
      TensorNaming("positional_embedding", "text_model.embeddings.position_embedding.weight"),
      TensorNaming("text_projection", "text_projection.weight", isTransposed: true),
      TensorNaming("visual.class_embedding", "vision_model.embeddings.class_embedding"),
      TensorNaming("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
      TensorNaming("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
      TensorNaming("visual.proj", "visual_projection.weight", isTransposed: true),
    ]
    + layer("ln_final", "text_model.final_layer_norm")
    + layer("visual.ln_pre", "vision_model.pre_layrnorm")  // sic
    + layer("visual.ln_post", "vision_model.post_layernorm")
    + block("transformer.resblocks.*", "text_model.encoder.layers.*")
    + block("visual.transformer.resblocks.*", "vision_model.encoder.layers.*")

  private static func block(_ openCLIP: String, _ huggingFace: String) -> [TensorNaming] {
    let parts = [
      ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("attn.out_proj", "self_attn.out_proj"),
      ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"),
    ]
    let fused = ["weight", "bias"].map { kind in
      TensorNaming(
        openCLIP: "\(openCLIP).attn.in_proj_\(kind)",
        huggingFace: ["q", "k", "v"].map { "\(huggingFace).self_attn.\($0)_proj.\(kind)" }, isTransposed: false)
    }
    return fused + parts.flatMap { layer("\(openCLIP).\($0.0)", "\(huggingFace).\($0.1)") }
  }

  private static func layer(_ openCLIP: String, _ huggingFace: String) -> [TensorNaming] {
    ["weight", "bias"].map { TensorNaming("\(openCLIP).\($0)", "\(huggingFace).\($0)") }
  }

  // MARK: Looking up

  private static let byOpenCLIP = Dictionary(uniqueKeysWithValues: table.map { ($0.openCLIP, $0) })
  private static let byHuggingFace = Dictionary(
    uniqueKeysWithValues: table.flatMap { spelling in spelling.huggingFace.map { ($0, spelling) } })

  /// The row of a tensor by open_clip's name, with its layer's number; `nil` for one without a counterpart.
  static func of(openCLIP name: String) -> TensorNaming? { look(up: name, in: byOpenCLIP) }

  /// The row that has `name` among Hugging Face's names.
  static func of(huggingFace name: String) -> TensorNaming? { look(up: name, in: byHuggingFace) }

  private static func look(up name: String, in table: [String: TensorNaming]) -> TensorNaming? {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let place = parts.firstIndex(where: { Int($0) != nil }) else { return table[name] }
    let number = parts[place]
    guard number == "\(Int(number) ?? -1)" else { return nil }  // not 01 or +1: two names for one layer
    parts[place] = "*"
    guard let spelling = table[parts.joined(separator: ".")] else { return nil }
    func numbered(_ name: String) -> String { name.replacing("*", with: number) }
    return TensorNaming(
      openCLIP: numbered(spelling.openCLIP), huggingFace: spelling.huggingFace.map(numbered),
      isTransposed: spelling.isTransposed)
  }
}

/// The tensors of a CLIP under Hugging Face's names: the inverse of ``CheckpointTensors``.
struct HuggingFaceTensors: TensorFile {
  private let tensors: CheckpointTensors
  /// The origin of each tensor: a tensor by open_clip's name, and which of how many equal parts of its rows.
  private let origins: [String: (spelling: TensorNaming, part: Int)]

  /// - Throws: ``CLIPError/unreadTensors(names:file:)`` where a tensor has no counterpart.
  init(_ tensors: CheckpointTensors) throws {
    self.tensors = tensors
    var origins: [String: (spelling: TensorNaming, part: Int)] = [:]
    for name in tensors.names {
      guard let spelling = TensorNaming.of(openCLIP: name) else {
        throw CLIPError.unreadTensors(names: [tensors.spelled(name)], file: tensors.path)
      }
      for (part, name) in spelling.huggingFace.enumerated() { origins[name] = (spelling, part) }
    }
    self.origins = origins
  }

  var path: String { tensors.path }
  var names: [String] { origins.keys.sorted() }

  func shape(of name: String) -> [Int]? {
    guard let (spelling, _) = origins[name], let shape = tensors.shape(of: spelling.openCLIP) else { return nil }
    if spelling.isTransposed { return shape.reversed() }
    guard spelling.huggingFace.count > 1, let rows = shape.first else { return shape }
    return [rows / spelling.huggingFace.count] + shape.dropFirst()
  }

  func kind(of name: String) -> Tensor.Kind? {
    origins[name].flatMap { tensors.kind(of: $0.spelling.openCLIP) }
  }

  func tensor(_ name: String) throws -> Tensor {
    guard let (spelling, part) = origins[name] else { return try tensors.tensor(name) }
    let tensor = try tensors.tensor(spelling.openCLIP)
    if spelling.isTransposed { return try tensor.transposed() }
    guard spelling.huggingFace.count > 1 else { return tensor }
    let rows = tensor.shape[0] / spelling.huggingFace.count
    return try tensor.sliced(part * rows..<(part + 1) * rows, axis: 0)
  }
}
