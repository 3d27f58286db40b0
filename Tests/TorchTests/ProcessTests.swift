import Foundation
import Support
import Testing
import Torch

// Each of these needs a separate process: other tests change the measured values, or the setting is made once in a
// process.
@Suite("A process that trains")
struct ProcessTests {
  #if os(Linux)
    @Test("Memory stays flat over 10,000 training steps")
    func memory() async {
      await #expect(processExitsWith: .success) {
        // The smallest leak in each step, 32 bytes, would be 312 KiB, and a tensor above 2 MiB; the allocator
        // extends its heap by 132 KiB at a time, once or not at all over these steps.
        let bound = 256 * 1024
        try Threads.use(1)
        var model = try ToyModel(seed: 4)
        for _ in 0..<1_000 { _ = try model.step() }
        let before = try residentBytes()
        for _ in 0..<10_000 { _ = try model.step() }
        let growth = try residentBytes() - before
        #expect(growth <= bound, "grew by \(growth) bytes")
      }
    }
  #endif

  @Test("Work that is divided among threads gives the bits of one thread, in order, and the first error")
  func divided() async {
    await #expect(processExitsWith: .success) {
      try Threads.use(3)
      let matrices = try (0..<40).map { number in
        try Tensor(doubles: (0..<10_000).map { sin(Double($0 + number)) }, shape: [100, 100])
      }
      @Sendable func product(_ matrix: Tensor) throws -> [Double] { try matrix.matmul(matrix).softmax().doubles() }
      let divided = try Threads.map(matrices, product)
      #expect(divided == (try Threads.map([matrices], { try $0.map(product) }))[0])
      #expect(try Threads.map([Int](), { $0 }).isEmpty)
      // Each of them computes by itself.
      #expect(try Threads.map([0, 1, 2], { try Threads.map([$0], { $0 * 2 })[0] }) == [0, 2, 4])
      let failure = #expect(throws: TorchError.self) {
        try Threads.map(Array(0..<20)) { number in
          guard number < 7 else { throw TorchError.threadCount(requested: number, inUse: nil) }
          return number
        }
      }
      #expect(failure == .threadCount(requested: 7, inUse: nil))
    }
  }

  @Test("The number of threads is set once")
  func threads() async {
    await #expect(processExitsWith: .success) {
      #expect(throws: TorchError.threadCount(requested: 0, inUse: nil)) { try Threads.use(0) }
      try Threads.use(1)
      try Threads.use(1)
      #expect(Threads.count == 1)
      let error = #expect(throws: TorchError.self) { try Threads.use(2) }
      #expect(
        error?.explanation == "2 threads were asked for, but this process already computes with 1. "
          + "Set the number of threads once, before the first operation.")
      #expect(Threads.count == 1)
    }
  }

  @Test("A number of threads that makes no sense is refused")
  func badCount() {
    let text = "Cannot compute with -1 threads. Give a number from 1 to 1024."
    #expect(refused { try Threads.use(-1) } == text)
  }

  @Test("The version is libtorch's")
  func version() {
    #expect(Libtorch.version.wholeMatch(of: /2\.\d+\.\d+/) != nil)
  }
}

#if os(Linux)
  /// The bytes of this process that are in memory (proc(5): the second field of statm counts pages).
  private func residentBytes() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return try #require(Int(fields[1])) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
#endif
