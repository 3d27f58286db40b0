import Embedded
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("The linear probe agrees with scikit-learn")
struct LinearProbeTests {
  struct Recipe: Decodable, Sendable {
    let trainLabels, valLabels: [Int]
    let chosen: Double
    let tried: [Tried]
    let folds: RecordedFolds

    struct RecordedFolds: Decodable, Sendable {
      let count: Int
      let parts: [Int]
      let tried: [Accuracies]
    }

    struct Accuracies: Decodable, Sendable {
      let exponent: Double
      let accuracies: [Double]
    }

    struct Tried: Decodable, Sendable {
      let exponent, accuracy: Double
      let iterations: Int
    }
  }

  private let fixture: Fixture<Recipe>
  private let training, validation: Tensor  // [56, E], as for scikit-learn

  init() throws {
    fixture = try Fixture("linear-probe", in: .module)
    training = try fixture.tensor("train").converted(to: .float64)
    validation = try fixture.tensor("val").converted(to: .float64)
  }

  private func fit(_ exponent: Double, tolerance: Double = 1e-4) throws -> LogisticRegression {
    try LogisticRegression(
      fitting: training, labels: fixture.recipe.trainLabels, classes: 14, inverseRegularization: pow(10, exponent),
      tolerance: tolerance, iterationLimit: 100_000)
  }

  @Test("every penalty that was tried gives the same validation accuracy in as many steps")
  func tried() throws {
    for tried in fixture.recipe.tried {
      let regression = try fit(tried.exponent)
      let accuracy = try regression.accuracy(on: validation, labels: fixture.recipe.valLabels)
      #expect(abs(accuracy - tried.accuracy) < 1e-9, "C = 10^\(tried.exponent)")
      #expect(abs(regression.iterations - tried.iterations) <= 1 + tried.iterations / 20, "C = 10^\(tried.exponent)")
    }
  }

  @Test("cross-validation has the same parts, with the same accuracy of each")
  func folds() throws {
    let recorded = fixture.recipe.folds
    let folds = Folds(of: fixture.recipe.trainLabels, count: recorded.count)
    #expect(folds.parts == recorded.parts)
    for tried in recorded.tried {
      let accuracies = try folds.accuracies(
        on: training, labels: fixture.recipe.trainLabels, classes: 14, inverseRegularization: pow(10, tried.exponent))
      #expect(zip(accuracies, tried.accuracies).allSatisfy { abs($0 - $1) < 1e-9 }, "C = 10^\(tried.exponent)")
    }
  }

  @Test("without validation images, the best mean over the parts chooses C, and the probe is fitted to all images")
  func crossValidated() throws {
    let labels = fixture.recipe.trainLabels
    var fits: [Int] = []
    let probe = try LinearProbe(
      for: (0..<14).map { "class \($0)" }, training: LabelledEmbeddings(embeddings: training, labels: labels),
      choosingBy: .crossValidation(folds: 4), clip: TinyCLIP.clip
    ) { number, most in
      fits.append(number)
      #expect(most == 16 * 4 + 1)
    }
    #expect(fits == fits.indices.map { $0 * 4 })  // told before each penalty, whose four parts are fitted side by side
    let accuracies = try Folds(of: labels, count: 4).accuracies(
      on: training, labels: labels, classes: 14, inverseRegularization: probe.inverseRegularization)
    #expect(abs((probe.validationAccuracy ?? 0) - 100 * accuracies.reduce(0, +) / 4) < 1e-9)
    let fitted = try fit(log10(probe.inverseRegularization))
    #expect(try probe.weight.isClose(to: fitted.weight.converted(to: .float32), within: 1e-6))

    let standard = try LinearProbe(
      for: (0..<14).map { "class \($0)" }, training: LabelledEmbeddings(embeddings: training, labels: labels),
      choosingBy: .standard, clip: TinyCLIP.clip)
    #expect(standard.inverseRegularization == 0.316 && standard.validationAccuracy == nil)
  }

  @Test("the minimum itself has the same weights")
  func minimum() throws {
    let regression = try fit(0, tolerance: 1e-9)
    #expect(try regression.weight.converted(to: .float32).isClose(to: fixture.tensor("tight.weight"), within: 1e-5))
    #expect(try regression.bias.converted(to: .float32).isClose(to: fixture.tensor("tight.bias"), within: 1e-5))
  }

  @Test("two classes are told apart by one row of weights")
  func twoClasses() throws {
    let rows = fixture.recipe.trainLabels.indices.filter { fixture.recipe.trainLabels[$0] < 2 }
    let regression = try LogisticRegression(
      fitting: training.gathered(Tensor(rows, shape: [rows.count]), axis: 0),
      labels: rows.map { fixture.recipe.trainLabels[$0] }, classes: 2, inverseRegularization: 1, tolerance: 1e-9)
    let weight = try regression.weight.converted(to: .float32)
    #expect(try weight.sliced(0..<1, axis: 0).floats().allSatisfy { $0 == 0 })
    #expect(try weight.sliced(1..<2, axis: 0).isClose(to: fixture.tensor("two.weight"), within: 1e-5))
    #expect(
      try regression.bias.converted(to: .float32).sliced(1..<2, axis: 0)
        .isClose(to: fixture.tensor("two.bias"), within: 1e-5))
  }

  @Test("the search chooses the same C, and the probe has the same weights")
  func search() throws {
    var fits: [Int] = []
    let probe = try LinearProbe(
      for: (0..<14).map { "class \($0)" },
      training: LabelledEmbeddings(embeddings: training, labels: fixture.recipe.trainLabels),
      validation: LabelledEmbeddings(embeddings: validation, labels: fixture.recipe.valLabels),
      clip: TinyCLIP.clip
    ) { number, most in
      fits.append(number)
      #expect(most == 16)
    }
    #expect(abs(log10(probe.inverseRegularization) - fixture.recipe.chosen) < 1e-12)
    #expect(fits == Array(0..<fixture.recipe.tried.count))
    #expect(try probe.weight.relativeDifference(from: fixture.tensor("chosen.weight")) < 1e-3)
    #expect(try probe.bias.relativeDifference(from: fixture.tensor("chosen.bias")) < 1e-3)
    let logits = try probe.logits(ofEmbeddings: validation.converted(to: .float32), within: .automatic)
    let evaluation = Evaluation(
      logits: try logits.floats(), labels: fixture.recipe.valLabels, classNames: probe.classNames, seconds: 0)
    #expect(evaluation.accuracy == probe.validationAccuracy)

    // Over some of its classes, in another order, it gives their columns.
    let part = try probe.withClasses(["class 12", "class 3"])
    #expect(part.classNames == ["class 12", "class 3"])
    let columns = try logits.gathered(Tensor([12, 3], shape: [2]), axis: 1)
    #expect(
      try part.logits(ofEmbeddings: validation.converted(to: .float32), within: .automatic)
        .isClose(to: columns, within: 1e-5))
    // Names are compared as they are read.
    let spelled = try probe.withClasses(["class_12", " class 3"])
    #expect(spelled.classNames == ["class_12", " class 3"])
    #expect(try spelled.weight.isClose(to: part.weight, within: 0) && spelled.bias.isClose(to: part.bias, within: 0))
    #expect(throws: LearningError.closedClasses(count: 14)) { try probe.withClasses(["class 3", "class 14"]) }
  }

  @Test("one class needs no weights")
  func oneClass() throws {
    let regression = try LogisticRegression(
      fitting: training, labels: fixture.recipe.trainLabels.map { _ in 0 }, classes: 1, inverseRegularization: 1)
    #expect(regression.weight.shape == [1, 512] && regression.iterations == 0)
  }
}

@Suite("L-BFGS finds minima")
struct LBFGSTests {
  @Test("of Rosenbrock's valley, from the usual start")
  func rosenbrock() throws {
    let (result, iterations) = try LBFGS(gradientTolerance: 1e-8, valueTolerance: 0).minimize(from: [-1.2, 1]) { x in
      let (a, b) = (1 - x[0], x[1] - x[0] * x[0])
      let gradient: [Double] = [-2 * a - 400 * x[0] * b, 200 * b]
      return (a * a + 100 * b * b, gradient)
    }
    #expect(abs(result.point[0] - 1) < 1e-7 && abs(result.point[1] - 1) < 1e-7)
    #expect(iterations < 60)
  }

  @Test("of a badly scaled bowl; at a minimum it makes no step")
  func bowl() throws {
    let scales = [1e-3, 1, 1e3]
    let (result, _) = try LBFGS(gradientTolerance: 1e-9, valueTolerance: 0).minimize(from: [1, 1, 1]) { x in
      let gradient = zip(scales, x).map { $0 * $1 }
      let value = zip(gradient, x).map { $0 * $1 }.reduce(0, +) / 2
      return (value, gradient)
    }
    #expect(result.gradient.allSatisfy { abs($0) <= 1e-9 })
    #expect(try LBFGS().minimize(from: [0]) { x in (x[0] * x[0], [2 * x[0]]) }.iterations == 0)
  }

  @Test("a function without a minimum ends")
  func unbounded() throws {
    #expect(try LBFGS(iterationLimit: 50).minimize(from: [0]) { x in (-x[0], [-1]) }.iterations <= 50)
    #expect(try LBFGS().minimize(from: [1]) { _ in (.nan, [.nan]) }.iterations == 0)
  }
}
