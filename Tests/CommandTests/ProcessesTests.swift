import Foundation
import Testing
import TestSupport

@Suite("A training by several processes", .serialized)
struct ProcessesTests {
  private static let options = [
    "train", "openclipart", "--shots", "1", "--epochs", "3", "--image-views", "1", "--no-test", "--quiet",
    "--process-timeout", "20",
  ]

  private func start(
    _ rank: Int, of size: Int, port: UInt16, in place: Workplace, _ arguments: [String]
  ) throws -> Call {
    try place.start(
      Self.options + ["--threads", "1"] + arguments,
      environment: [
        "RANK": "\(rank)", "WORLD_SIZE": "\(size)", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)",
      ])
  }

  /// Runs two processes to their end, each with its own further options.
  private func two(in place: Workplace, _ arguments: (Int) -> [String]) throws -> [Outcome] {
    let port = try LoopbackPort.free()
    let calls = try (0..<2).map { try start($0, of: 2, port: port, in: place, arguments($0)) }
    return try calls.map { try $0.outcome() }
  }

  @Test("writes the prompts of one process with as many threads, and one whose run was killed and resumed, too")
  func killed() throws {
    try withWorkplace { place in
      let alone = try place.cocoop(Self.options + ["--threads", "2", "--output", "alone"])
      #expect(alone.status == 0, "\(alone.errors)")
      let expected = try place.bytes("alone/prompts.safetensors")

      let port = try LoopbackPort.free()
      let calls = try (0..<2).map { rank in
        try start(rank, of: 2, port: port, in: place, ["--output", "run", "--checkpoint-every", "1"])
      }
      place.wait(for: "run/checkpoint/previous.safetensors", of: calls[0])
      kill(calls[1].process.processIdentifier, SIGKILL)
      _ = try calls[1].outcome()
      let left = try calls[0].outcome()
      #expect(left.status == 1)
      #expect(
        left.errors == "Error: Process 1 of 2 stops, because another process has ended. See that process's messages. "
          + "'train' goes on with --resume.\n")

      let resumed = try two(in: place) { _ in ["--output", "run", "--resume"] }
      for outcome in resumed { #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)") }
      #expect(resumed[1].output.isEmpty)
      #expect(try place.bytes("run/prompts.safetensors") == expected)
      // A finished run is said to be so by all.
      let again = try two(in: place) { _ in ["--output", "run", "--resume"] }
      for outcome in again { #expect(outcome.status == 0, "\(outcome.errors)") }
    }
  }

  @Test("has the least memory of any process, goes on with it, and needs the run in the first process alone")
  func memory() throws {
    try withWorkplace { place in
      func recorded() throws -> String {
        let text = try String(contentsOf: place.file("run/run.json"), encoding: .utf8)
        return text.split(separator: "\n").first { $0.contains("memoryBudget") }.map(String.init) ?? ""
      }
      let port = try LoopbackPort.free()
      let budgets = [["--memory-budget", "3GiB"], ["--memory-budget", "2GiB"]]
      let calls = try (0..<2).map { rank in
        try start(rank, of: 2, port: port, in: place, ["--output", "run", "--checkpoint-every", "1"] + budgets[rank])
      }
      place.wait(for: "run/checkpoint/previous.safetensors", of: calls[0])
      for call in calls { kill(call.process.processIdentifier, SIGKILL) }
      for call in calls { _ = try call.outcome() }
      #expect(try recorded().contains("2147483648"))

      let resumed = try two(in: place) { ["--output", $0 == 0 ? "run" : "nowhere", "--resume"] }
      for outcome in resumed { #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)") }
      #expect(try recorded().contains("2147483648"))
      #expect(!place.exists("nowhere"))
    }
  }

  @Test("computes on the CPU, and says so to whoever asks for something else")
  func device() throws {
    try withWorkplace { place in
      let outcomes = try two(in: place) { _ in ["--output", "run", "--device", "cuda"] }
      for outcome in outcomes {
        #expect(outcome.status == 64)
        #expect(
          outcome.errors.hasPrefix("Error: train on several processes computes on the CPU: leave --device cuda:0 out."),
          "\(outcome.errors)")
      }
      #expect(!place.exists("run"))
    }
  }

  @Test("does not begin where the processes differ, and says in what")
  func different() throws {
    try withWorkplace { place in
      for (options, thing) in [
        (["--classes", "bird,clock,arrow"], "list of classes"), (["--seed", "2"], "list of photos"),
        (["--epochs", "2"], "set of options"),
      ] {
        let outcomes = try two(in: place) { $0 == 0 ? ["--output", "run"] : ["--output", "run"] + options }
        for outcome in outcomes {
          #expect(outcome.status == 1)
          #expect(
            outcome.errors.hasPrefix("Error: Process 2 of 2 has another \(thing) than process 1: ")
              && outcome.errors.hasSuffix("Start all processes with one command, and with the same files.\n"),
            "\(outcome.errors)")
        }
      }
      #expect(!place.exists("run"))
    }
  }

  @Test("refuses a method without steps, half an environment and a number that there is not; --processes off is one")
  func refused() throws {
    try withWorkplace { place in
      let outcomes = try two(in: place) { _ in ["--method", "zero-shot", "--output", "run"] }
      for outcome in outcomes {
        #expect(
          outcome.errors
            == "Error: The method 'zero-shot' has no steps, so that the training cannot be divided over processes. "
            + "Start it as one process, or with --processes off.\n")
      }
      let half = try place.start(["train", "openclipart"], environment: ["WORLD_SIZE": "2"]).outcome()
      #expect(
        half.status == 1
          && half.errors
            == "Error: WORLD_SIZE is set and RANK is not. Set the whole set, as torchrun does, or none of it, "
            + "or give --processes off.\n"
      )
      let off = try place.start(
        ["train", "openclipart", "--method", "zero-shot", "--processes", "off", "--no-test", "--quiet"],
        environment: ["WORLD_SIZE": "2"]
      ).outcome()
      #expect(off.status == 0, "\(off.errors)")
    }
  }
}
