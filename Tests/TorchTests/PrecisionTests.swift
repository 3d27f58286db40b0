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
          == "\(device) has no TF32, which NVIDIA's GPUs have from the A100 on")
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
      #expect(!TF32.isUsed)
      try TF32.use(true)
      #expect(TF32.isUsed)
      try TF32.use(false)
      #expect(!TF32.isUsed)
      #expect(throws: TorchError.self) { try Precision.tf32.use(on: .cpu) }
      #expect(!TF32.isUsed)
    }
  }
}
