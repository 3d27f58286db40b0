/// The models among the tensors of a file: any prefix before names that are a CLIP's.
///
/// A training script puts `state_dict.`, `module.`, `_orig_mod.`, `clip_model.` or any name of its author's before the
/// names, so the prefix is found from the rest of the name and not from a list.
struct ModelSearch {
  /// One prefix of a file with tensors of a CLIP.
  struct Model: Equatable {
    let prefix: String
    let spelling: CheckpointTensors.Spelling
    /// The number of names that are a CLIP's in this spelling.
    let count: Int
    /// Whether there are tensors of both towers.
    let isWhole: Bool
  }

  /// The names without PyTorch's own wrappers of single layers, mapped to the file's names.
  let rawNames: [String: String]
  /// Names that differ from others only by such a wrapper.
  let duplicates: [String]
  /// The prefixes with tensors of a CLIP, one spelling each, those with the most names first.
  private let models: [Model]

  /// The models that have both towers.
  var whole: [Model] { models.filter(\.isWhole) }

  init(_ names: [String]) {
    var rawNames: [String: String] = [:]
    var duplicates: [String] = []
    for name in names {
      let plain = Self.withoutWrappers(name)
      if rawNames[plain] == nil { rawNames[plain] = name } else { duplicates.append(name) }
    }
    self.rawNames = rawNames
    self.duplicates = duplicates
    models = Self.models(in: rawNames.keys)
  }

  /// The wanted model.
  ///
  /// - Returns: `nil` where no tensor is a CLIP's.
  /// - Throws: ``CLIPError/checkpoint(path:_:)``.
  func model(under prefix: String?, path: String) throws -> Model? {
    if let prefix { return try named(prefix, path: path) }
    let whole = whole
    guard whole.count > 1 else { return whole.first ?? models.first }
    let trained = whole.filter { !Self.isAverage($0.prefix, beside: whole.map(\.prefix)) }
    guard trained.count == 1 else {
      throw CLIPError.checkpoint(path: path, .severalModels(prefixes: whole.map(\.prefix).sorted()))
    }
    return trained[0]
  }

  private func named(_ prefix: String, path: String) throws -> Model {
    let wanted = prefix.isEmpty || prefix.hasSuffix(".") ? prefix : prefix + "."
    let choices = whole.isEmpty ? models : whole
    if let exact = choices.first(where: { $0.prefix == wanted }) { return exact }
    let ending = choices.filter { !wanted.isEmpty && ".\($0.prefix)".contains(".\(wanted)") }
    guard ending.count == 1 else {
      throw CLIPError.checkpoint(path: path, .noModel(prefix: prefix, prefixes: choices.map(\.prefix).sorted()))
    }
    return ending[0]
  }

  // MARK: Averages

  /// The prefixes under which training scripts save an average of the model.
  private static let averages: Set = [
    "model_ema", "ema_model", "state_dict_ema", "ema_state_dict", "model_ema_state_dict", "ema_model_state_dict",
    "averaged_model", "swa_model", "swa_state_dict", "model_swa", "teacher_ema",
  ]

  /// Whether a prefix is that of an average next to the trained model. Of `model.` and `ema.` either may be meant; of
  /// `state_dict.` and `ema.` the first is.
  private static func isAverage(_ prefix: String, beside others: [String]) -> Bool {
    let first = prefix.prefix { $0 != "." }
    if averages.contains(String(first)) { return true }
    return first == "ema" && others.contains { $0.hasPrefix("state_dict.") || $0.hasPrefix("model_state_dict.") }
  }

  // MARK: Finding

  /// The words that FSDP, activation checkpointing and `torch.compile` put before the names of the layers that they
  /// wrap; any layer may be wrapped.
  private static let wrappers: Set<Substring> = [
    "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_orig_mod", "_fpw_module", "_forward_module",
  ]

  private static func withoutWrappers(_ name: String) -> String {
    guard name.contains("_"), wrappers.contains(where: name.contains) else { return name }
    return name.split(separator: ".", omittingEmptySubsequences: false).filter { !wrappers.contains($0) }
      .joined(separator: ".")
  }

  fileprivate struct Votes {
    var count = 0
    var hasText = false
    var hasImages = false
  }

  private static func models(in names: some Sequence<String>) -> [Model] {
    var votes: [String: [CheckpointTensors.Spelling: Votes]] = [:]
    for name in names {
      for start in starts(of: name) {
        let own = String(name[start...])
        for spelling in spellings(of: own) {
          votes[String(name[..<start]), default: [:]][spelling, default: Votes()].add(own)
        }
      }
    }
    let models = votes.compactMap { prefix, spellings -> Model? in
      let best = CheckpointTensors.Spelling.allCases.max {
        spellings[$0]?.count ?? 0 < spellings[$1]?.count ?? 0
      }
      guard let best, let votes = spellings[best] else { return nil }
      return Model(
        prefix: prefix, spelling: best, count: votes.count, isWhole: votes.hasText && votes.hasImages)
    }
    return models.sorted { ($1.count, $0.prefix.count, $0.prefix) < ($0.count, $1.prefix.count, $1.prefix) }
  }

  /// The positions in a name where the name of a CLIP's tensor could begin.
  private static func starts(of name: String) -> [String.Index] {
    var starts: [String.Index] = []
    var start = name.startIndex
    while true {
      let rest = name[start...]
      if modules.contains(rest.prefix { $0 != "." }) { starts.append(start) }
      guard let point = rest.firstIndex(of: ".") else { return starts }
      start = name.index(after: point)
    }
  }

  /// The first parts of a CLIP's names, in any spelling.
  private static let modules: Set<Substring> = [
    "visual", "transformer", "token_embedding", "positional_embedding", "ln_final", "text_projection", "logit_scale",
    "text", "text_model", "vision_model", "visual_projection",
  ]

  /// The first tensor of a text tower, in each spelling.
  fileprivate static let embeddings: Set = [
    "token_embedding.weight", "text.token_embedding.weight", "text_model.embeddings.token_embedding.weight",
  ]

  private static func spellings(of name: String) -> [CheckpointTensors.Spelling] {
    // Image towers have the same names in two spellings, and towers other than transformers have names of their own.
    if name.hasPrefix("visual.") { return [.openCLIP, .customText] }
    if name == "logit_scale" { return CheckpointTensors.Spelling.allCases }
    var spellings: [CheckpointTensors.Spelling] = []
    if TensorNaming.of(openCLIP: name) != nil { spellings.append(.openCLIP) }
    if name.hasPrefix("text."), TensorNaming.of(openCLIP: String(name.dropFirst(5))) != nil {
      spellings.append(.customText)
    }
    if TensorNaming.of(huggingFace: name) != nil { spellings.append(.huggingFace) }
    return spellings
  }
}

extension ModelSearch.Votes {
  fileprivate mutating func add(_ name: String) {
    count += 1
    hasText = hasText || ModelSearch.embeddings.contains(name)
    hasImages = hasImages || name.hasPrefix("visual.") || name.hasPrefix("vision_model.")
  }
}
