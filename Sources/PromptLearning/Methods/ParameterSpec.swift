import CLIP
import Torch

/// A learned tensor of a method: its name in files, and its possible shapes.
public struct ParameterSpec: Sendable {
  /// The name in the original's checkpoint files.
  public let name: String
  /// The possible shapes, at least one; the first is the usual one.
  let shapes: [[Axis]]

  /// The length of an axis.
  enum Axis: Sendable, Equatable {
    /// Any length from 1 on; errors show `usual`.
    case any(usual: Int)
    /// D, the width of the text tower.
    case textWidth
    /// Dv, the width of a vision transformer.
    case imageWidth
    /// Any length from 0 on: how many blocks after the first have prompts of their own.
    case blocks(usual: Int)
    /// Any length from 1 on: how many blocks, the last ones of the tower with fewer, have tokens.
    case layers(usual: Int)
    /// E, the width of the shared embedding.
    case embeddingWidth
    /// E / 16, the bottleneck of CoCoOp's meta-network.
    case codeWidth
    /// E / 4, the bottleneck of TCP's network.
    case embeddingQuarter
    /// A multiple of D; `usual` is what an error shows.
    case textWidths(usual: Int)
    /// C, the number of classes that were learned.
    case classes
  }

  init(_ name: String, _ shapes: [Axis]...) {
    self.name = name
    self.shapes = shapes
  }
}

extension ParameterSpec.Axis {
  fileprivate func length(on clip: CLIPModel, classes: Int) -> Int {
    switch self {
    case .any(let usual), .blocks(let usual), .layers(let usual): usual
    case .imageWidth: (try? clip.visionTransformer.width) ?? 0
    case .textWidth: clip.textEncoder.width
    case .embeddingWidth: clip.embeddingWidth
    case .embeddingQuarter: clip.embeddingWidth / ClassTokenNetwork.reduction
    case .textWidths(let usual): usual * clip.textEncoder.width
    case .codeWidth: ConditionalPrompts.codeWidth(for: clip.configuration)
    case .classes: classes
    }
  }

  fileprivate func fits(_ found: Int, on clip: CLIPModel, classes: Int) -> Bool {
    switch self {
    case .any, .layers: found > 0
    case .blocks: found >= 0
    case .textWidths: found > 0 && found.isMultiple(of: clip.textEncoder.width)
    default: found == length(on: clip, classes: classes)
    }
  }

  /// What the axis says of a backbone; `nil` for one that any backbone may have.
  fileprivate var backbone: String? {
    switch self {
    case .textWidth: "a text tower"
    case .imageWidth: "an image tower"
    case .embeddingWidth: "image features"
    case .any, .blocks, .layers, .codeWidth, .embeddingQuarter, .textWidths, .classes: nil
    }
  }
}

extension ParameterSpec {
  func hasRank(_ rank: Int) -> Bool { shapes.contains { $0.count == rank } }

  /// - Returns: the expected shape, where `found` is not a possible shape of the tensor.
  func mismatch(_ found: [Int]?, on clip: CLIPModel, classes: Int) -> [Int]? {
    let fits = shapes.contains { shape in
      guard let found, found.count == shape.count else { return false }
      return zip(shape, found).allSatisfy { axis, length in
        axis.fits(length, on: clip, classes: classes)
      }
    }
    return fits ? nil : shapes.first?.map { $0.length(on: clip, classes: classes) }
  }

  /// Checks that the towers have as many blocks as a tensor has prompts for.
  ///
  /// - Throws: `CLIPError.depth`.
  func checkDepth(_ found: [Int], on clip: CLIPModel) throws {
    guard let shape = shapes.first, shape.count == found.count else { return }
    let depth: Int
    switch shape.first {
    case .blocks: depth = found[0] + 1
    case .layers: depth = found[0]
    default: return
    }
    if shape.contains(.textWidth), depth > clip.textEncoder.layerCount {
      throw CLIPError.depth(depth, tower: "text", blocks: clip.textEncoder.layerCount)
    }
    let blocks = try clip.visionTransformer.layerCount
    if shape.contains(.imageWidth), depth > blocks {
      throw CLIPError.depth(depth, tower: "image", blocks: blocks)
    }
  }

  /// The first axis of `found` that should be one of the model's widths and has another length: the tensor is of
  /// another backbone.
  func otherWidth(_ found: [Int], on clip: CLIPModel) -> (meaning: String, found: Int, expected: Int)? {
    guard let shape = shapes.first(where: { $0.count == found.count }) else { return nil }
    for (axis, length) in zip(shape, found) {
      guard let meaning = axis.backbone else { continue }
      let expected = axis.length(on: clip, classes: 0)
      if length != expected { return (meaning, length, expected) }
    }
    return nil
  }
}
