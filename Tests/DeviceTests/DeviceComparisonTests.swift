import cocoop
import CTestDevice
import CLIP
import Embedded
import PromptLearning
import Support
import Testing
import Torch

extension OnTheDevice {
  @Suite("The check of a device compares it with the CPU, stage by stage")
  struct DeviceComparisonTests {
    @Test(
      "the device of tests passes, in float32, bfloat16 and float16",
      arguments: [Precision.float32, .bfloat16, .float16])
    func passes(precision: Precision) throws {
      let expected = try DeviceCourse(of: Models.cpu.get(), within: .automatic)
      let clip = try CLIPModel(weights: Embedded.tinyCLIP, precision: precision, on: DeviceOfTests.device)
      let comparison = try DeviceComparison(of: clip, with: expected, within: .automatic(on: clip.device))
      #expect(comparison.stages.map(\.stage) == DeviceStage.allCases)
      for row in comparison.stages {
        #expect(row.isWithin, "the \(row.stage.rawValue) differ by \(row.difference ?? .nan)")
        #expect(row.isRepeatable, "the \(row.stage.rawValue)")
      }
      #expect(comparison.fault(on: DeviceOfTests.device) == nil)
    }

    @Test("memory in use and its peak are counted")
    func memory() throws {
      let device = DeviceOfTests.device
      let kept = try Tensor.zeros([256, 1024], on: device)
      device.resetMemoryPeak()
      let before = try #require(device.memoryUse)
      #expect(before.now >= 1 << 20 && before.peak == before.now)
      _ = try kept + kept
      let after = try #require(device.memoryUse)
      #expect(after.now == before.now && after.peak >= before.now + 1 << 20)
      #expect(Device.cpu.memoryUse == nil)
    }
  }
}

@Suite("A device that is not as the CPU is told in one line")
struct DeviceFaultTests {
  private func text(
    difference: Float?, isRepeatable: Bool = true, in stage: DeviceStage = .gradients
  ) -> String? {
    let row = DeviceComparison.Row(stage: stage, difference: difference, bound: 1e-4, isRepeatable: isRepeatable)
    return DeviceComparison(model: "tiny-clip", precision: .float32, stages: [row])
      .fault(on: Device(.cuda))?.explanation
  }

  private static let remedy = " Compute with --device cpu, and report this with the output of 'cocoop doctor'."

  @Test("a difference, a value that is no number, and other bits the second time")
  func messages() {
    #expect(text(difference: 1e-4) == nil)
    #expect(
      text(difference: 0.5)
        == "cuda:0 differs from the CPU: the gradients of tiny-clip in float32 by 0.5 of the largest, at most 0.0001 was"
        + " expected." + Self.remedy)
    #expect(
      text(difference: nil, in: .losses)
        == "cuda:0 gives values that are no numbers: the losses of the steps of tiny-clip in float32." + Self.remedy)
    #expect(
      text(difference: 0, isRepeatable: false, in: .logits)
        == "cuda:0 does not repeat itself: two runs give other bits of the logits of tiny-clip in float32."
        + Self.remedy)
  }

  @Test("a course differs from another by the share of the largest value, and not where the values are missing")
  func difference() throws {
    func course(_ values: [[Float]]) throws -> DeviceCourse {
      DeviceCourse(imageFeatures: try .zeros([0, 0]), values: [.gradients: values])
    }
    let other = try course([[2, -4], [10, 5]])
    #expect(try course([[2, -3], [10, 5]]).difference(from: other, in: .gradients) == 0.25)
    #expect(try course([[2, -4], [10, 5]]).difference(from: other, in: .gradients) == 0)
    #expect(try course([[2, .nan], [10, 5]]).difference(from: other, in: .gradients) == nil)
    #expect(try course([[2, -4]]).difference(from: other, in: .gradients) == nil)
    #expect(try course([[2], [10, 5]]).difference(from: other, in: .gradients) == nil)
    #expect(try !course([[2, -4], [10, 5.000001]]).isEqual(to: other, in: .gradients))
    #expect(try course([[2, .nan]]).isEqual(to: course([[2, .nan]]), in: .gradients))
  }
}
