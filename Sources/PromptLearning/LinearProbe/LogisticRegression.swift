import Torch

/// Multinomial logistic regression with an L2 penalty, as scikit-learn's `LogisticRegression(solver="lbfgs")` fits it.
///
/// It minimises mean cross-entropy + ‖W‖² / (2 · C · n) over n images, C being the inverse strength of the penalty,
/// which does not apply to the biases. Two classes have one row of weights, as a logistic function needs: the first
/// class's stays 0. Numbers have 64 bits. The minimum is unique up to a shift of all biases.
package struct LogisticRegression {
  package let weight: Tensor  // [C, E], 64-bit floats
  package let bias: Tensor  // [C]
  /// The number of the optimiser's steps.
  package let iterations: Int

  /// - Parameters:
  ///   - features: `[n, E]`, 64-bit floats.
  ///   - labels: n indices below `classes`.
  ///   - inverseRegularization: C.
  ///   - tolerance: the largest component of the gradient at the end; the default is scikit-learn's.
  package init(
    fitting features: Tensor, labels: [Int], classes: Int, inverseRegularization: Double, tolerance: Double = 1e-4,
    iterationLimit: Int = 1000
  ) throws {
    let (images, width) = (features.shape[0], features.shape[1])
    let rows = classes > 2 ? classes : classes - 1
    let absent = try Tensor(doubles: [Double](repeating: 0, count: images), shape: [images, 1])
    let targets = try Tensor(labels, shape: [images])
    let strength = 1 / (inverseRegularization * Double(images))
    let optimizer = LBFGS(gradientTolerance: tolerance, iterationLimit: iterationLimit)
    let start = [Double](repeating: 0, count: rows * (width + 1))
    let (result, iterations) = try optimizer.minimize(from: start) { point in
      let weight = point.prefix(rows * width)
      let (loss, gradients) = try valueWithGradient(
        at: [
          Tensor(doubles: Array(weight), shape: [rows, width]),
          Tensor(doubles: Array(point.dropFirst(rows * width)), shape: [rows]),
        ]
      ) { parameters in
        let logits = try features.matmul(parameters[0].permuted([1, 0])) + parameters[1]  // [n, rows]
        return try (rows == classes ? logits : .concatenated([absent, logits], axis: 1)).crossEntropy(targets)
      }
      let slopes = try gradients[0].doubles()
      let penalized = zip(slopes, weight).map { $0 + strength * $1 }
      let penalty = strength / 2 * weight.reduce(0) { $0 + $1 * $1 }
      return (try loss.doubles()[0] + penalty, try penalized + gradients[1].doubles())
    }
    let added = [Double](repeating: 0, count: classes - rows)
    let weights = added.flatMap { _ in [Double](repeating: 0, count: width) } + result.point.prefix(rows * width)
    weight = try Tensor(doubles: weights, shape: [classes, width])
    bias = try Tensor(doubles: added + result.point.dropFirst(rows * width), shape: [classes])
    self.iterations = iterations
  }

  /// The share of images whose largest logit is that of their label, where the first of equal ones counts.
  package func accuracy(on features: Tensor, labels: [Int]) throws -> Double {
    let classes = bias.shape[0]
    let logits = try (features.matmul(weight.permuted([1, 0])) + bias).doubles()
    let right = labels.enumerated().count { image, label in
      let row = logits[image * classes..<(image + 1) * classes]
      return row.firstIndex(of: row.max() ?? 0) == image * classes + label
    }
    return labels.isEmpty ? 0 : Double(right) / Double(labels.count)
  }
}
