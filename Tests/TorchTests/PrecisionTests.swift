import Support
import Testing
import Torch

@Suite("A precision is a device's, and what a device lacks is refused in one line")
struct PrecisionTests {
  @Test("which device has which")
  func availability() {
    let gpu = Device(.cuda)
    for precision in [Precision.float32, .bfloat16, .float16] {
      #expect(precision.problem(on: gpu, capability: nil) == nil)
    }
    #expect(Precision.tf32.problem(on: gpu, capability: 90) == nil)
    #expect(Precision.tf32.problem(on: gpu, capability: 80) == nil)
    for (device, capability) in [(gpu, 75), (gpu, nil), (Device(.mps), nil), (.cpu, nil)] as [(Device, Int?)] {
      #expect(
        Precision.tf32.problem(on: device, capability: capability)
          == "\(device.title) has no TF32, which NVIDIA's GPUs have from the A100 on")
    }
    #expect(Precision.float32.isAvailable && !Precision.tf32.isAvailable)
    if !Precision.float16.isAvailable {
      #expect(Precision.float16.problem(on: .cpu) == "This processor has no products of float16")
    }
  }

  // In a process of its own: a process has one switch.
  @Test("TF32 is off, and a precision switches it on and off again")
  func tf32() async {
    await #expect(processExitsWith: .success) {
      do {
        let first = try TF32Use(true)
        #expect(TF32Use.isOn)
        // One model may not change the products of another.
        let error = #expect(throws: TorchError.self) { try TF32Use(false) }
        #expect(
          error?.explanation
            == "A model on an accelerator computes in TF32, which is on or off for a whole process. Load both models in"
            + " one precision, or the second one when the first is gone.")
        withExtendedLifetime((first, try TF32Use(true))) { #expect(TF32Use.isOn) }
      }
      try withExtendedLifetime(TF32Use(false)) { #expect(!TF32Use.isOn) }
      #expect(throws: TorchError.self) { try Precision.tf32.use(on: .cpu) }
      #expect(!TF32Use.isOn)
    }
  }
}
