/// Where among the tensors of a file models lie: any prefix before names that are a CLIP's.
///
/// A training puts `state_dict.`, `module.`, `_orig_mod.`, `clip_model.` or whatever its author has called it before
/// the names, so the prefix is found by what is left after it and by no list.
struct ModelSearch {
  /// One place of a file where tensors of a CLIP lie.
  struct Model: Equatable {
    let prefix: String
    let spelling: CheckpointTensors.Spelling
    /// How many names are a CLIP's in this spelling.
    let count: Int
    /// Whether there are tensors of both towers.
    let isWhole: Bool
  }

  /// Names without PyTorch's own wrappers of single layers, and what the file calls them.
  let rawNames: [String: String]
  /// Names that are those of others but for such a wrapper.
  let duplicates: [String]
  /// The places where tensors of a CLIP lie, one spelling each, those with most names first.
  private let models: [Model]

  /// Those that have both towers.
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

  /// The model that is meant.
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

  /// Under which a training keeps an average of the model that it saves.
  private static let averages: Set = [
    "model_ema", "ema_model", "state_dict_ema", "ema_state_dict", "model_ema_state_dict", "ema_model_state_dict",
    "averaged_model", "swa_model", "swa_state_dict", "model_swa", "teacher_ema",
  ]

  /// Whether a prefix is that of an average beside the trained model: of `model.` and `ema.` nobody knows which is meant,
  /// of `state_dict.` and `ema.` everybody does.
  private static func isAverage(_ prefix: String, beside others: [String]) -> Bool {
    let first = prefix.prefix { $0 != "." }
    if averages.contains(String(first)) { return true }
    return first == "ema" && others.contains { $0.hasPrefix("state_dict.") || $0.hasPrefix("model_state_dict.") }
  }

  // MARK: Finding

  /// What FSDP, activation checkpointing and `torch.compile` put before the names of the layers that they wrap, which
  /// may be any.
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

  /// Where in a name the name of a CLIP's tensor could begin.
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

  /// What names of a CLIP begin with, in any spelling.
  private static let modules: Set<Substring> = [
    "visual", "transformer", "token_embedding", "positional_embedding", "ln_final", "text_projection", "logit_scale",
    "text", "text_model", "vision_model", "visual_projection",
  ]

  /// The first tensor of a text tower, in each spelling.
  fileprivate static let embeddings: Set = [
    "token_embedding.weight", "text.token_embedding.weight", "text_model.embeddings.token_embedding.weight",
  ]

  private static func spellings(of name: String) -> [CheckpointTensors.Spelling] {
    // Image towers have the same names in two spellings, and other towers than transformers have names of their own.
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
