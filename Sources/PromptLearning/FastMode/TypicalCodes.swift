import CLIP
import Torch

/// Where the hidden codes of CoCoOp's meta-network lie for images like those that it learned from.
public struct TypicalCodes: Sendable, Hashable, Codable {
  /// Of each of the E/16 numbers of a code.
  public let means: [Float]
  /// Standard deviations; 0 for a number that no image changes.
  public let deviations: [Float]

  /// - Parameter imageFeatures: `[B, E]`, unit rows, of at least one image.
  public init(of imageFeatures: Tensor, for learner: ConditionalPrompts) throws {
    let codes = try learner.codes(of: imageFeatures)
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

  /// - Throws: `LearningError/codeWidth(expected:means:deviations:)` where they are not of prompts for this model.
  package func check(for clip: CLIPModel) throws {
    let width = ConditionalPrompts.codeWidth(for: clip.configuration)
    guard means.count == width, deviations.count == width else {
      throw LearningError.codeWidth(expected: width, means: means.count, deviations: deviations.count)
    }
  }

  /// The numbers that images change: those whose deviation is at least a thousandth of the largest.
  var axes: [Int] {
    let largest = deviations.max() ?? 0
    return deviations.indices.filter { deviations[$0] > 0 && deviations[$0] >= largest / 1000 }
  }

  /// The means, but for one number, which is so many of its deviations off.
  func shifted(along axis: Int, by deviations: Float) -> [Float] {
    var code = means
    code[axis] += deviations * self.deviations[axis]
    return code
  }
}
