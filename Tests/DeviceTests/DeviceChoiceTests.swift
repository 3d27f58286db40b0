import Testing
import Torch

@Suite("A device is chosen by name, and one that cannot be had is refused in one line")
struct DeviceChoiceTests {
  @Test("names are read as libtorch writes them")
  func names() {
    #expect(DeviceChoice("auto") == .automatic)
    #expect(DeviceChoice("cpu") == .device(.cpu))
    #expect(DeviceChoice("cuda") == .device(Device(.cuda)))
    #expect(DeviceChoice("cuda:3") == .device(Device(.cuda, index: 3)))
    #expect(DeviceChoice("mps") == .device(Device(.mps)))
    #expect(DeviceChoice("xpu:1") == .device(Device(.xpu, index: 1)))
    for wrong in [
      "", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:1:2", "cuda:x", "cuda:128", "cpu:0", "mps:0", "spare", "auto:1",
    ] {
      #expect(DeviceChoice(wrong) == nil, "\(wrong)")
    }
    #expect(Device(.cuda, index: 1).description == "cuda:1")
    #expect(Device.cpu.description == "cpu")
  }

  private func text(_ facts: DeviceFacts, _ device: Device) -> String? {
    facts.problem(with: device).map { "\($0.problem). \($0.remedy ?? "")" }
  }

  @Test("a device that answers is no problem")
  func answering() { #expect(text(DeviceFacts(count: 2), Device(.cuda, index: 1)) == nil) }

  @Test("there is no cuda:7 where there are two")
  func number() {
    #expect(
      text(DeviceFacts(count: 2), Device(.cuda, index: 7))
        == "There is no cuda:7: this machine has 2, cuda:0, cuda:1. Take one of these, or --device auto")
    #expect(
      text(DeviceFacts(count: 1), Device(.cuda, index: 1))
        == "There is no cuda:1: this machine has one, cuda:0. Take one of these, or --device auto")
  }

  @Test("a build for the CPU alone is named, with the way to another")
  func cpuBuild() {
    #expect(
      text(DeviceFacts(count: 0, folder: "/torch/lib/"), Device(.cuda))
        == "libtorch \(Libtorch.version) in /torch/lib/ is a build for the CPU alone, and --device cuda was asked for. "
        + "Install PyTorch \(Libtorch.version) for cuda with pip, then LIBTORCH=…/site-packages/torch make build, "
        + "or compute here with --device cpu")
  }

  @Test("a build for another device is named too")
  func otherBuild() {
    var facts = DeviceFacts(count: 0, folder: "/torch/lib/")
    facts.library = "libtorch_cuda.so"
    #expect(
      facts.problem(with: Device(.xpu))?.problem
        == "libtorch \(Libtorch.version) in /torch/lib/ is a build with libtorch_cuda.so, and --device xpu was asked for"
    )
  }

  @Test("no driver, an old driver, a hidden GPU and a library that does not open are told apart")
  func drivers() {
    var facts = DeviceFacts(count: 0, folder: "/torch/lib/")
    facts.library = "libtorch_cuda.so"
    facts.runtimeVersion = 13000
    #expect(
      text(facts, Device(.cuda))
        == "No GPU answers: libtorch \(Libtorch.version) was built for CUDA 13.0, and this machine has no NVIDIA driver. "
        + "Install the driver and see that nvidia-smi lists the GPU, or compute here with --device cpu")
    facts.driverVersion = 12020
    #expect(
      text(facts, Device(.cuda))
        == "The NVIDIA driver is too old: it runs CUDA 12.2, and libtorch \(Libtorch.version) was built for CUDA 13.0. "
        + "Update the driver, take a PyTorch that is built for its CUDA, or compute here with --device cpu")
    facts.driverVersion = 13010
    #expect(
      text(facts, Device(.cuda))
        == "No GPU answers, although libtorch \(Libtorch.version) was built for them. See that nvidia-smi lists the GPU "
        + "and that CUDA_VISIBLE_DEVICES does not hide it, or compute here with --device cpu")
    facts.failure = "libcudart.so.13: cannot open shared object file"
    #expect(
      text(facts, Device(.cuda))
        == "libtorch_cuda.so in /torch/lib/ could not be opened: libcudart.so.13: cannot open shared object file. "
        + "Leave PyTorch where pip has put it, with NVIDIA's libraries beside it, or compute here with --device cpu")
  }

  @Test("the CPU can always be had")
  func cpu() throws {
    #expect(try DeviceChoice.device(.cpu).resolved() == .cpu)
    #expect(Device.cpu.memory == nil)
    #expect(Device.cpu.title == "cpu")
  }

  @Test("another minor version of libtorch is refused, another patch is not")
  func version() throws {
    let built: UInt64 = 2 << 56 | 13 << 48
    try Libtorch.check()
    try Libtorch.check(loaded: built | 1 << 40, built: built)
    let error = #expect(throws: TorchError.self) { try Libtorch.check(loaded: 2 << 56 | 11 << 48, built: built) }
    #expect(error?.problem == "This program was built for libtorch 2.13, and 2.11 in \(Libtorch.folder) is loaded")
    #expect(
      error?.remedy
        == "Install PyTorch 2.13, or build for the other: LIBTORCH=…/torch make build, with the folder that holds lib/")
  }
}
