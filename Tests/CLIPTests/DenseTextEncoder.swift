import CLIP
import Torch

/// CLIP's text transformer as published: every prompt separately, padded to the model's 77 positions, with a causal
/// mask. It consists of matrix products and softmax alone, and is the reference for the trie.
struct DenseTextEncoder {
  private let weights: [String: Tensor]
  private let tower: CLIPConfiguration.TextTower
  private let activation: Activation
  private let mask: Tensor  // [L, L], -infinity where a key comes after the query

  init(_ weights: [String: Tensor], _ configuration: CLIPConfiguration) throws {
    self.weights = try weights.filter { $0.value.kind != .int64 }.mapValues { try $0.converted(to: .float32) }
    tower = configuration.text
    activation = configuration.activation
    let length = tower.tokenLimit
    let entries = (0..<length).flatMap { query in (0..<length).map { $0 > query ? -Float.infinity : 0 } }
    mask = try Tensor(entries, shape: [length, length])
  }

  /// - Parameter contexts: `[B, M, D]`, or `nil` where no prompt refers to one.
  /// - Returns: `[B, C, E]`, not of unit length.
  func features(_ prompts: [[PromptSymbol]], contexts: Tensor?) throws -> Tensor {
    let images = contexts?.shape[0] ?? 1
    let features = try (0..<images).map { image in
      let vectors = try contexts?.sliced(image..<image + 1, axis: 0).reshaped([-1, tower.width])
      return try transformed(embedded(prompts, vectors)).last.map { try read($0, at: prompts.map { $0.count - 1 }) }
    }
    return try Tensor.stacked(features.compactMap { $0 })
  }

  /// The same with contexts that are replaced behind the start symbol in front of inner blocks.
  ///
  /// - Parameter contexts: those of each block from the first, `[M, D]`.
  /// - Returns: `[1, C, E]`, not of unit length.
  func features(_ prompts: [[PromptSymbol]], deepContexts contexts: [Tensor]) throws -> Tensor {
    let states = try transformed(embedded(prompts, contexts[0]), replacing: contexts)
    return try read(states[states.count - 1], at: prompts.map { $0.count - 1 }).unsqueezed(at: 0)
  }

  /// The hidden state at the end of one prompt: embedded, after each layer, after the last norm.
  func stages(of prompt: [PromptSymbol]) throws -> [Tensor] {
    let hidden = try transformed(embedded([prompt], nil))
    let states = hidden + [try norm("ln_final", hidden[hidden.count - 1])]
    return try states.map { try $0.sliced(prompt.count - 1..<prompt.count, axis: 1).reshaped([tower.width]) }
  }

  /// `[C, L, D]`: tokens and contexts, then zeros' embeddings, with positions.
  private func embedded(_ prompts: [[PromptSymbol]], _ contexts: Tensor?) throws -> Tensor {
    let padded = prompts.map { $0 + [PromptSymbol](repeating: .token(0), count: tower.tokenLimit - $0.count) }
    let ids = Set(padded.joined().compactMap { if case .token(let id) = $0 { id } else { nil } }).sorted()
    let rowOfID = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
    let rows = padded.joined().map { symbol in
      switch symbol {
      case .token(let id): rowOfID[id] ?? 0
      case .context(let index): ids.count + index
      }
    }
    let tokens = try weight("token_embedding.weight").gathered(Tensor(ids, shape: [ids.count]), axis: 0)
    let table = try contexts.map { try Tensor.concatenated([tokens, $0], axis: 0) } ?? tokens
    let embeddings = try table.gathered(Tensor(rows, shape: [rows.count]), axis: 0)
    return try embeddings.reshaped([prompts.count, tower.tokenLimit, tower.width]) + weight("positional_embedding")
  }

  /// The input, and the output of each layer.
  private func transformed(_ x: Tensor, replacing contexts: [Tensor] = []) throws -> [Tensor] {
    try (0..<tower.layers).reduce(into: [x]) { states, layer in
      let path = "transformer.resblocks.\(layer)"
      var x = states[states.count - 1]
      if layer > 0, layer < contexts.count {
        let (count, length) = (x.shape[0], contexts[layer].shape[0])
        let rows = try contexts[layer].expanded(to: [count, length, tower.width])
        x = try .concatenated(
          [x.sliced(0..<1, axis: 1), rows, x.sliced(1 + length..<tower.tokenLimit, axis: 1)], axis: 1)
      }
      let attended = try x + linear("\(path).attn.out_proj", attention(path, norm("\(path).ln_1", x)))
      let expanded = try activation(linear("\(path).mlp.c_fc", norm("\(path).ln_2", attended)))
      states.append(try attended + linear("\(path).mlp.c_proj", expanded))
    }
  }

  private func attention(_ path: String, _ x: Tensor) throws -> Tensor {
    let (count, length, width) = (x.shape[0], x.shape[1], tower.width)
    let fused = try Linear(weight: weight("\(path).attn.in_proj_weight"), bias: weight("\(path).attn.in_proj_bias"))(x)
    func heads(_ part: Int) throws -> Tensor {  // [C, heads, L, D / heads]
      try fused.sliced(part * width..<(part + 1) * width, axis: 2)
        .reshaped([count, length, tower.heads, width / tower.heads]).permuted([0, 2, 1, 3])
    }
    let scale = 1 / Float(width / tower.heads).squareRoot()
    let scores = try heads(0).matmul(heads(1).permuted([0, 1, 3, 2])) * scale + mask  // [C, heads, L, L]
    return try scores.softmax().matmul(heads(2)).permuted([0, 2, 1, 3]).reshaped([count, length, width])
  }

  /// The features at one position of each prompt: `[C, E]`.
  private func read(_ hidden: Tensor, at ends: [Int]) throws -> Tensor {
    let rows = ends.enumerated().map { $0 * tower.tokenLimit + $1 }
    let states = try hidden.reshaped([-1, tower.width]).gathered(Tensor(rows, shape: [rows.count]), axis: 0)
    return try norm("ln_final", states).matmul(weight("text_projection"))
  }

  private func norm(_ path: String, _ x: Tensor) throws -> Tensor {
    try LayerNorm(weight: weight("\(path).weight"), bias: weight("\(path).bias"))(x)
  }

  private func linear(_ path: String, _ x: Tensor) throws -> Tensor {
    try Linear(weight: weight("\(path).weight"), bias: weight("\(path).bias"))(x)
  }

  private func weight(_ name: String) throws -> Tensor {
    guard let tensor = weights[name] else { throw CLIPError.missingTensor(name: name, file: "tests", nearest: nil) }
    return tensor
  }
}
