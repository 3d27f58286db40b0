/// Where among the tensors of a file the model's lie, and whose names they have.
enum ModelPrefix {
  /// The prefix and the spelling that most tensors agree on; none and open_clip's, where they are of no CLIP.
  ///
  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where the tensors are of several.
  static func find(
    in names: [String], path: String
  ) throws -> (prefix: String, spelling: CheckpointTensors.Spelling) {
    var groups: [String: [CheckpointTensors.Spelling: Int]] = [:]
    for name in names {
      let prefix = prefix(of: name)
      for spelling in spellings(of: String(name.dropFirst(prefix.count))) {
        groups[prefix, default: [:]][spelling, default: 0] += 1
      }
    }
    let ranked = groups.sorted { ($1.value.values.max() ?? 0, $0.key) < ($0.value.values.max() ?? 0, $1.key) }
    guard let (prefix, votes) = ranked.first else { return ("", .openCLIP) }
    let models = ranked.map(\.key).filter { names.contains($0 + "logit_scale") }
    guard models.count < 2 else {
      throw CLIPError.checkpoint(path: path, .severalModels(prefixes: models.sorted()))
    }
    let spelling = CheckpointTensors.Spelling.allCases.max { votes[$0, default: 0] < votes[$1, default: 0] }
    return (prefix, spelling ?? .openCLIP)
  }

  /// Whether a tensor outside the model is what a training may leave there.
  static func isBeside(_ name: String, prefix: String) -> Bool {
    guard let container = components(prefix).first, Bookkeeping.containers.contains(String(container)) else {
      return false
    }
    return Bookkeeping.trainingState.contains(String(components(name)[0]))
  }

  private static func components(_ name: String) -> [Substring] {
    name.split(separator: ".", omittingEmptySubsequences: false)
  }

  private static func prefix(of name: String) -> String {
    components(name).dropLast()
      .prefix { Bookkeeping.containers.contains(String($0)) || $0 == Bookkeeping.wrapper }
      .map { $0 + "." }.joined()
  }

  private static func spellings(of name: String) -> [CheckpointTensors.Spelling] {
    var spellings: [CheckpointTensors.Spelling] = []
    // The image tower has the same names in two spellings, and does not tell them apart.
    if !name.hasPrefix("visual."), TensorSpelling.of(openCLIP: name) != nil { spellings.append(.openCLIP) }
    if name.hasPrefix("text."), TensorSpelling.of(openCLIP: String(name.dropFirst(5))) != nil {
      spellings.append(.customText)
    }
    if TensorSpelling.of(huggingFace: name) != nil { spellings.append(.huggingFace) }
    return spellings
  }
}
