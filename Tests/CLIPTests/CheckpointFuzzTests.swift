import CLIP
import Foundation
import Support
import Testing
import TestSupport
import Torch

@Suite("Mutated descriptions of a checkpoint are read or refused, and never crash or hang")
struct CheckpointFuzzTests {
  static let pieces = [
    "\"", ",", "[", "]", "{", "}", ":", "-", "null", "true", "false", "1", "0", "999999999", "99999999999999999999",
    "1e400", "0.5", "..", "/", "\\u0000", "\\ud800", "é", "\0", "\"text_config_dict\": {},", "\"crop_size\": 31,",
    "\"size\": 32,", "\"num_attention_heads\": 1000000000,", "[[[[[[[[", "model-00001-of-00003.safetensors",
  ]

  @Test(
    "the index of shards, config.json and preprocessor_config.json",
    arguments: [
      ("model.safetensors.index.json", UInt64(1)), ("config.json", 2), ("preprocessor_config.json", 3),
    ])
  func mutations(name: String, seed: UInt64) throws {
    var mutate = Mutation(seed: seed, pieces: Self.pieces)
    try withTemporaryFolder { folder in
      let model = try SmallCheckpoint.writeShards(to: folder.appending(path: "hf"))
      let file = model.appending(path: name)
      let original = Array(try Data(contentsOf: file))
      // The allowance is for the other files of the checkpoint.
      let report = try Fuzzing(name, usually: 1000, allowance: 1 << 20) { _ in
        let damaged = mutate(original)
        try Data(damaged).write(to: file)
        return damaged
      } read: { _ in
        try Checkpoint(at: model).configuration()
      }
      #expect(report.problems.isEmpty)
      // The mutations are neither all harmless nor all fatal.
      #expect(report.read > 2 && report.refused > 2)
    }
  }
}
