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
    let split = rows * width  // the weights come first, then the biases
    let absent = try Tensor(doubles: [Double](repeating: 0, count: images), shape: [images, 1])
    let targets = try Tensor(labels, shape: [images])
    var shown = [Double](repeating: 0, count: images * classes)
    for (image, label) in labels.enumerated() { shown[image * classes + label] = 1 }
    let wanted = try Tensor(doubles: shown, shape: [images, classes])
    let strength = 1 / (inverseRegularization * Double(images))
    let optimizer = LBFGS(gradientTolerance: tolerance, iterationLimit: iterationLimit)
    let start = [Double](repeating: 0, count: split + rows)
    let (result, iterations) = try optimizer.minimize(from: start) { point in
      let (weights, biases) = (Array(point[..<split]), Array(point[split...]))
      let weight = try Tensor(doubles: weights, shape: [rows, width])
      let scores = try features.matmul(weight.transposed()) + Tensor(doubles: biases, shape: [rows])  // [n, rows]
      let logits = try rows == classes ? scores : .concatenated([absent, scores], axis: 1)  // [n, C]
      // The derivative of cross-entropy by the logits: what is answered less what is wanted.
      let excess = try (logits.softmax() - wanted).sliced(classes - rows..<classes, axis: 1)  // [n, rows]
      var gradient = try excess.transposed().matmul(features).doubles()
      gradient.scale(by: 1 / Double(images))
      gradient.add(weights, scaledBy: strength)
      gradient += try excess.mean(over: [0]).doubles()
      return (try logits.crossEntropy(targets).doubles()[0] + strength / 2 * weights.dot(weights), gradient)
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
