import CLIP
import Foundation
import Images
import PromptLearning
import Support
import Torch

/// The arithmetic that one pass of a prompt trie through the text transformer needs, in floating-point operations.
///
/// With N nodes, R distinct ends, P pairs of a node and an ancestor (itself included), width D, an MLP of width W
/// (usually 4 D) and ℓ layers:
/// - all layers but the last: 8 N D² + 4 N D W for the products and 4 P D for attention, each;
/// - the last layer: 4 N D² for keys and values, 4 R D² + 4 R D W for everything else, 4 P_R D for attention at the
///   ends;
/// - the projection: 2 R D E.
///
/// A training step adds the gradient with respect to hidden states, never to weights: products once more, and
/// attention 2.5 times more, since its weights are recomputed.
package struct TextCost: Sendable, Equatable {
  /// The operations of a forward pass of one image.
  package let forward: Double
  /// The operations of a forward and a backward pass of one image.
  package let trainingStep: Double

  package init(of trie: PromptTrie, in configuration: CLIPConfiguration) {
    let (width, layers) = (Double(configuration.text.width), Double(configuration.text.layers))
    let nodes = Double(trie.nodes.count)
    let ends = Set(trie.ends)
    let pairs = trie.nodes.map { Double($0.depth + 1) }.reduce(0, +)
    let endPairs = ends.map { Double(trie.nodes[$0].depth + 1) }.reduce(0, +)
    let leaves = Double(ends.count)
    let (square, perceptron) = (4 * width * width, 4 * width * Double(configuration.text.mlpWidth))
    let products =
      (layers - 1) * nodes * (2 * square + perceptron) + nodes * square + leaves * (square + perceptron)
      + 2 * leaves * width * Double(configuration.embeddingWidth)
    let attention = (layers - 1) * 4 * pairs * width + 4 * endPairs * width
    forward = products + attention
    trainingStep = 2 * products + 3.5 * attention
  }
}

/// The costs of the fast mode and of the exact answers, on the text side: medians, per image.
struct FastBenchmark: Sendable, Encodable {
  /// The number of images in a batch.
  static let images = 16

  /// The seconds for ``images`` together, and for a single one.
  let exactSecondsPerImage: Double
  let fastSecondsPerImage: Double
  let fastSecondsOfOneImage: Double
  /// The seconds for expanding the class list, once.
  let expansionSeconds: Double
  /// The number of components of a code along which the classes are expanded.
  let axes: Int

  /// - Parameter imageFeature: `[1, E]`, a unit row, around which the images are.
  init(
    of classifier: any FastAnswering, near imageFeature: Tensor, within budget: MemoryBudget,
    median: (() throws -> Void) throws -> Double
  ) throws {
    var generator = SeededGenerator(seed: 2)
    let shape = [Self.images, classifier.clip.embeddingWidth]
    let noise = (0..<shape[0] * shape[1]).map { _ in Float.random(in: -0.03..<0.03, using: &generator) }
    let device = imageFeature.device
    let features = try (Tensor(noise, shape: shape).on(device) + imageFeature).unitRows()
    let codes = try classifier.codeStatistics(of: features)
    axes = codes.deviations.count { $0 > 0 }
    let start = ContinuousClock.now
    let fast = try classifier.fastClassifier(around: codes, within: budget)
    try device.wait()
    expansionSeconds = (ContinuousClock.now - start).seconds
    let one = try features.sliced(0..<1, axis: 0)
    exactSecondsPerImage =
      try median { _ = try classifier.logits(ofEmbeddings: features, within: budget) } / Double(Self.images)
    fastSecondsPerImage =
      try median { _ = try fast.logits(ofEmbeddings: features, within: budget) } / Double(Self.images)
    fastSecondsOfOneImage = try median { _ = try fast.logits(ofEmbeddings: one, within: budget) }
  }
}
