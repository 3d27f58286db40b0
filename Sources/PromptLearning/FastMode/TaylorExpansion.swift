import CLIP
import Torch

/// A linear approximation of class features in the hidden code of an image.
///
/// An image changes CoCoOp's prompts through its code h ∈ ℝ^(E/16) alone, so that g_c(h) is a smooth function. With a
/// typical code m and the deviations σ of its components,
///
///     g_c(h) ≈ g_c(m) + Σ_k a_k s_ck,    a_k = (h_k − m_k) / σ_k,    s_ck = (g_c(m + σ_k e_k) − g_c(m − σ_k e_k)) / 2.
///
/// The slopes are those of chords over the codes that occur, not of the tangent: in measurements they approximate
/// better. Making an expansion takes 2R + 1 passes over the classes (``FastPreparation``), R being the number of axes;
/// using it takes products of matrices.
struct TaylorExpansion: Sendable {
  let codes: CodeStatistics
  private let axes: [Int]
  private let classCount: Int
  private let terms: Tensor  // [E, C · (1 + R)]: the feature and the slopes of each class
  private let products: Tensor  // [(1 + R)², C]: the scalar products of a class's terms

  /// - Parameter terms: for each class its feature at the typical code, then its slopes along each axis: `[C, E]` each.
  init(terms list: [Tensor], around codes: CodeStatistics) throws {
    axes = codes.axes
    self.codes = codes
    classCount = list[0].shape[0]
    let table = try Tensor.stacked(list).permuted([1, 0, 2])  // [C, 1 + R, E]
    terms = try table.reshaped([classCount * (1 + axes.count), -1]).transposed()
    products = try table.matmul(table.permuted([0, 2, 1])).reshaped([classCount, -1]).transposed()
  }

  /// The memory of its tensors.
  var bytes: Int { [terms, products].map { $0.shape.reduce(MemoryLayout<Float>.size, *) }.reduce(0, +) }

  /// The cosines of images and the classes' expanded features: B rows of C.
  ///
  /// - Parameters:
  ///   - imageFeatures: `[B, E]`, unit rows.
  ///   - codes: `[B, E/16]`, the images' codes.
  func cosines(of imageFeatures: Tensor, codes: Tensor) throws -> [Float] {
    let count = imageFeatures.shape[0]
    let weights = try weights(of: codes.floats(), count)  // [B, 1 + R]
    let along = try weights.unsqueezed(at: 2)
    let dots = try imageFeatures.matmul(terms).reshaped([count, classCount, -1]).matmul(along)  // [B, C, 1]
    let pairs = try along.matmul(weights.unsqueezed(at: 1)).reshaped([count, -1])  // [B, (1 + R)²]
    let squares = try pairs.matmul(products)  // [B, C]
    return try zip(dots.floats(), squares.floats()).map { $0 / max($1, .leastNormalMagnitude).squareRoot() }
  }

  private func weights(of codes: [Float], _ count: Int) throws -> Tensor {
    let width = self.codes.means.count
    let rows: [Float] = (0..<count).flatMap { image -> [Float] in
      [1] + axes.map { (codes[image * width + $0] - self.codes.means[$0]) / self.codes.deviations[$0] }
    }
    return try Tensor(rows, shape: [count, 1 + axes.count]).on(terms.device)
  }
}

/// The distribution of the hidden codes of CoCoOp's meta-network for images like the training images.
public struct CodeStatistics: Sendable, Hashable, Codable {
  /// The mean of each of the E/16 components of a code.
  public let means: [Float]
  /// The standard deviation of each component; 0 for one that no image changes.
  public let deviations: [Float]

  /// - Parameter imageFeatures: `[B, E]`, unit rows, of at least one image.
  public init(of imageFeatures: Tensor, for learner: ConditionalPrompts) throws {
    let codes = try learner.codes(of: imageFeatures.on(learner.parameters[0].device))
    let (count, width) = (codes.shape[0], codes.shape[1])
    let values = try codes.floats().map(Double.init)
    var (means, deviations) = ([Float](), [Float]())
    for column in 0..<width {
      let numbers = (0..<count).map { values[$0 * width + column] }
      let mean = numbers.reduce(0, +) / Double(count)
      means.append(Float(mean))
      deviations.append(Float((numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()))
    }
    self.means = means
    self.deviations = deviations
  }

  /// - Throws: `LearningError/codeWidth(expected:means:deviations:)` where they do not belong to prompts for this
  ///   model.
  package func check(for clip: CLIPModel) throws {
    let width = ConditionalPrompts.codeWidth(for: clip.configuration)
    guard means.count == width, deviations.count == width else {
      throw LearningError.codeWidth(expected: width, means: means.count, deviations: deviations.count)
    }
  }

  /// The components that images change: those whose deviation is at least a thousandth of the largest.
  var axes: [Int] {
    let largest = deviations.max() ?? 0
    return deviations.indices.filter { deviations[$0] > 0 && deviations[$0] >= largest / 1000 }
  }

  /// The means, with one component shifted by a number of its deviations.
  func shifted(along axis: Int, by deviations: Float) -> [Float] {
    var code = means
    code[axis] += deviations * self.deviations[axis]
    return code
  }
}
