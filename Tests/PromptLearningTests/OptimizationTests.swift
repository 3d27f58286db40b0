import Foundation
import PromptLearning
import Testing
import Torch

@Suite("The schedule and the optimiser are the reference's")
struct OptimizationTests {
  /// The tolerance of a learning rate, as a share: the schedule computes in 64 bits and returns 32.
  static let tolerance = 1e-7

  @Test("10 epochs: warm-up, then the published rates")
  func published() {
    let schedule = LearningRateSchedule(epochs: 10)
    let published = [
      1e-5, 2.000e-3, 1.951057e-3, 1.809017e-3, 1.587785e-3, 1.309017e-3, 1.000e-3, 6.909830e-4, 4.122147e-4,
      1.909830e-4,
    ]
    for (index, rate) in published.enumerated() {  // seven digits of which are published
      #expect(abs(Double(schedule(epoch: index + 1)) - rate) <= 3e-7 * rate, "epoch \(index + 1)")
    }
  }

  @Test("any number of epochs: ½ · peak · (1 + cos(π(e − 2) / T))", arguments: [1, 2, 5, 50, 200])
  func formula(epochs: Int) {
    let schedule = LearningRateSchedule(epochs: epochs)
    #expect(schedule(epoch: 1) == 1e-5)
    for epoch in 2..<max(3, epochs + 1) {
      let rate = 0.001 * (1 + cos(.pi * Double(epoch - 2) / Double(epochs)))
      #expect(abs(Double(schedule(epoch: epoch)) - rate) <= Self.tolerance * rate, "epoch \(epoch)")
    }
    #expect(schedule(epoch: epochs) > 0)
  }

  @Test("another peak scales the cosine and leaves the warm-up")
  func peak() {
    let schedule = LearningRateSchedule(peak: 0.01, epochs: 10)
    #expect(schedule(epoch: 1) == 1e-5)
    #expect(schedule(epoch: 2) == 0.01)
    #expect(schedule(epoch: 7) == 0.005)
  }

  /// The values were recorded with Dassl's scheduler (commit c61a1b5) on torch 2.13.0: peak 0.002, 6 epochs.
  @Test(
    "other warm-ups are the reference's, epoch by epoch",
    arguments: [
      (WarmUp.none, [2e-3, 1.866025e-3, 1.5e-3, 1e-3, 5e-4, 1.339746e-4]),
      (.constant(epochs: 2, rate: 3e-5), [3e-5, 3e-5, 2e-3, 1.866025e-3, 1.5e-3, 1e-3]),
      (.linear(epochs: 1, start: 1e-5), [1e-5, 2e-3, 1.866025e-3, 1.5e-3, 1e-3, 5e-4]),
      (.linear(epochs: 3, start: 2e-5), [2e-5, 6.666667e-4, 1.333333e-3, 2e-3, 1.866025e-3, 1.5e-3]),
    ])
  func warmUps(warmUp: WarmUp, recorded: [Double]) {
    let schedule = LearningRateSchedule(warmUp: warmUp, epochs: 6)
    for (index, rate) in recorded.enumerated() {
      #expect(abs(Double(schedule(epoch: index + 1)) - rate) <= 3e-7 * rate, "epoch \(index + 1)")
    }
  }

  @Test("three steps of SGD by hand: decay, momentum from the second step on, another rate in the third")
  func sgd() throws {
    var optimizer = SGD(momentum: 0.5, weightDecay: 0.25)
    #expect(optimizer.velocities.isEmpty)
    let gradients = [try Tensor([1.0, -2], shape: [2]), try Tensor([4.0], shape: [1, 1])]
    var parameters = [try Tensor([2.0, 4], shape: [2]), try Tensor([0.0], shape: [1, 1])]
    // g' = g + p / 4 = [1.5, -1], [4];  m = g';  p - m / 2
    parameters = try optimizer.step(parameters, along: gradients, learningRate: 0.5)
    #expect(try parameters.map { try $0.floats() } == [[1.25, 4.5], [-2]])
    // g' = [1.3125, -0.875], [3.5];  m = m / 2 + g' = [2.0625, -1.375], [5.5];  p - m / 2
    parameters = try optimizer.step(parameters, along: gradients, learningRate: 0.5)
    #expect(try parameters.map { try $0.floats() } == [[0.21875, 5.1875], [-4.75]])
    #expect(try optimizer.velocities.map { try $0.floats() } == [[2.0625, -1.375], [5.5]])
    // g' = [1.0546875, -0.703125], [2.8125];  m = [2.0859375, -1.390625], [5.5625];  p - m
    parameters = try optimizer.step(parameters, along: gradients, learningRate: 1)
    #expect(try parameters.map { try $0.floats() } == [[-1.8671875, 6.578125], [-10.3125]])
    #expect(parameters[1].shape == [1, 1])
  }

  @Test("the defaults are the reference's")
  func defaults() {
    #expect((SGD().momentum, SGD().weightDecay) == (0.9, 5e-4))
    let (cocoop, coop) = (TrainingConfiguration.cocoop, TrainingConfiguration.coop)
    #expect((cocoop.epochs, cocoop.batchSize, cocoop.learningRate, cocoop.views) == (10, 1, 0.002, .fresh))
    #expect((coop.epochs, coop.batchSize, coop.learningRate, coop.views) == (200, 32, 0.002, .fresh))
  }
}
