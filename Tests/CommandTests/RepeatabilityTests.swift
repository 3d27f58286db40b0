import Foundation
import Testing

@Suite("A seed decides a run, however often it is interrupted")
struct RepeatabilityTests {
  @Test("the same seed gives the same bytes, another seed gives others")
  func seeds() throws {
    try withWorkplace { place in
      for (name, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
        try place.cocoop(Short.train("cocoop", output: name, more: ["--seed", seed, "--batch-size", "7"]))
      }
      let prompts = try ["a", "b", "c"].map { try Data(contentsOf: place.file("\($0)/prompts.safetensors")) }
      #expect(prompts[0] == prompts[1])
      #expect(prompts[0] != prompts[2])
    }
  }

  @Test("Ctrl-C keeps the last step, and --resume ends as if nothing had happened", arguments: ["coop", "cocoop"])
  func interruption(method: String) throws {
    try withWorkplace { place in
      func arguments(_ output: String) -> [String] {
        [
          "train", "--data", "openclipart", "--method", method, "--shots", "1", "--image-views", "2", "--batch-size",
          "7",
          "--epochs", method == "coop" ? "20" : "8", "--output", output, "--quiet",
        ]
      }
      let call = try place.start(arguments("stopped"))
      while call.process.isRunning, !place.exists("stopped/metrics.jsonl") { usleep(5000) }
      call.process.interrupt()
      let stopped = try call.outcome()
      #expect(stopped.status == 130)
      let advice = /\nInterrupted. Step \d+ of epoch (\d+) is kept. Go on with the same command and --resume.\n/
      let epoch = try #require(try advice.wholeMatch(in: stopped.errors), "\(stopped.errors)").1
      #expect(!place.exists("stopped/prompts.safetensors"))

      let early = try place.cocoop("evaluate --run stopped")
      let epochs = method == "coop" ? 20 : 8
      let unfinished =
        "Error: The training of the run in FOLDER/stopped is not finished: it was stopped in epoch \(epoch) of \(epochs)."
        + " Continue it with the 'cocoop train' that began it and --resume.\n"
      #expect(early.status == 1 && early.errors == unfinished)
      let other = try place.cocoop(arguments("stopped") + ["--resume", "--seed", "2"])
      #expect(
        other.errors == "Error: The run in FOLDER/stopped was started with the seed 1, not 2."
          + " Resume with the settings it was started with, or choose another --output.\n")

      #expect(try place.cocoop(arguments("stopped") + ["--resume"]).status == 0)
      try place.cocoop(arguments("whole"))
      let prompts = try ["stopped", "whole"].map { try Data(contentsOf: place.file("\($0)/prompts.safetensors")) }
      #expect(prompts[0] == prompts[1])
    }
  }
}
