import Compatibility
import Foundation
import Testing
import TestSupport

@Suite("A run leaves what the reference's run leaves")
struct RunTests {
  /// Runs a command line in `folder`.
  ///
  /// - Returns: the lines of its log.
  @discardableResult
  private func run(_ options: String, in folder: URL, epochs: Int = 2, stoppingAt stop: Int = .max) throws -> [String] {
    let fixed =
      "--root \(folder.path)/data --seed 1 --output-dir \(folder.path)/out \(options) DATASET.NUM_SHOTS 2 "
      + "OPTIM.MAX_EPOCH \(epochs) DATALOADER.TRAIN_X.BATCH_SIZE 2 MODEL.BACKBONE.NAME tiny-clip TRAIN.CHECKPOINT_FREQ 1"
    var lines: [String] = []
    var steps = 0
    struct Stopped: Error {}
    _ = try CompatibleRun(try plan(fixed, in: folder))(
      print: { lines.append($0) },
      check: {
        steps += 1
        if steps > stop { throw Stopped() }
      })
    return lines
  }

  @Test("train, test on new classes, train again: logs, prompts and the same accuracies")
  func wholeWay() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      let output = folder.appending(path: "out")
      let trained = try run("--trainer CoCoOp DATASET.SUBSAMPLE_CLASSES base", in: folder)
      let files = [
        "checkpoint", "checkpoint/training.safetensors", "log.txt", "prompt_learner", "prompt_learner/checkpoint",
        "prompt_learner/model.pth.tar-1", "prompt_learner/model.pth.tar-2",
      ]
      #expect(contents(of: output) == files)
      let log = try String(contentsOf: output.appending(path: "log.txt"), encoding: .utf8)
      #expect(log == trained.map { $0 + "\n" }.joined())
      let ending = try #require(trained.firstIndex(of: "Finish training"))
      #expect(trained[ending...].contains("=> result") && trained[ending...].contains { $0.hasPrefix("* accuracy: ") })
      let newest = try String(contentsOf: output.appending(path: "prompt_learner/checkpoint"), encoding: .utf8)
      #expect(newest == "model.pth.tar-2\n")

      // A finished run is tested again, with a log of its own.
      let again = try run("--trainer CoCoOp DATASET.SUBSAMPLE_CLASSES base", in: folder)
      #expect(contents(of: output) == (files + ["log.txt-DATE"]).sorted())
      func result(_ lines: [String]) -> [String] { lines.filter { $0.hasPrefix("* ") } }
      #expect(result(again) == result(trained) && !again.contains { $0.hasPrefix("epoch [") })

      let tested = try run(
        "--trainer CoCoOp --eval-only --model-dir \(output.path) --load-epoch 2 DATASET.SUBSAMPLE_CLASSES base",
        in: folder)
      #expect(result(tested) == result(trained))
      let new = try run(
        "--trainer CoCoOp --eval-only --model-dir \(output.path) --load-epoch 1 DATASET.SUBSAMPLE_CLASSES new",
        in: folder)
      #expect(new.contains("* total: 6"))
    }
  }

  @Test("a training that was stopped goes on with the same command, and ends as one that was not")
  func resuming() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      let prompts = folder.appending(path: "out/prompt_learner/model.pth.tar-2")
      try run("--trainer CoOp DATASET.SUBSAMPLE_CLASSES base TEST.NO_TEST True", in: folder)
      let whole = try Data(contentsOf: prompts)
      try FileManager.default.removeItem(at: folder.appending(path: "out"))
      _ = message {
        try run("--trainer CoOp DATASET.SUBSAMPLE_CLASSES base TEST.NO_TEST True", in: folder, stoppingAt: 3)
      }
      #expect(!FileManager.default.fileExists(atPath: prompts.path))
      let lines = try run("--trainer CoOp DATASET.SUBSAMPLE_CLASSES base TEST.NO_TEST True", in: folder)
      #expect(lines.contains("Found checkpoint at \(folder.path)/out (epoch 1)"))
      let resumed = try Data(contentsOf: prompts)
      #expect(resumed == whole)
    }
  }

  @Test("a training goes on from the reference's files alone, and takes the few-shot sample that the reference kept")
  func fromTheReference() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      try run("--trainer CoCoOp DATASET.SUBSAMPLE_CLASSES base", in: folder)
      try FileManager.default.removeItem(at: folder.appending(path: "out/checkpoint"))
      let lines = try run("--trainer CoCoOp DATASET.SUBSAMPLE_CLASSES base", in: folder, epochs: 3)
      #expect(lines.contains("Found checkpoint at \(folder.path)/out (epoch 2)"))
      #expect(lines.contains { $0.hasPrefix("epoch [3/3]") } && !lines.contains { $0.hasPrefix("epoch [2/3]") })
      let newest = try String(contentsOf: folder.appending(path: "out/prompt_learner/checkpoint"), encoding: .utf8)
      #expect(newest == "model.pth.tar-3\n")

      // Any list in the format of `datasets few-shot --json` may replace the cache.
      let cache = folder.appending(path: "data/caltech-101/split_fewshot")
      try FileManager.default.createDirectory(at: cache, withIntermediateDirectories: true)
      let train = ["bird", "bread", "clock", "fish"].enumerated().map { "[\"\($1)/000.jpg\", \($0), \"\($1)\"]" }
      try Data("{\"seed\": 1, \"shots\": 2, \"train\": [\(train.joined(separator: ", "))], \"val\": []}".utf8)
        .write(to: cache.appending(path: "shot_2-seed_1.pkl"))
      let tested = try run("--trainer ZeroshotCLIP --eval-only", in: folder)
      #expect(tested.contains("4 classes, 4 images for training, 0 for validation, 12 for testing"))
    }
  }

  @Test("zero-shot CLIP, with one template and seven more; the best epoch is kept where that is asked for")
  func others() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      for trainer in ["ZeroshotCLIP", "ZeroshotCLIP2"] {
        let lines = try run("--trainer \(trainer) --eval-only TEST.PER_CLASS_RESULT True", in: folder)
        #expect(lines.contains("* total: 12") && lines.contains { $0.hasPrefix("* class: 3 (fish)\ttotal: 3\t") })
      }
      let best = try run("--trainer CoOp TEST.FINAL_MODEL best_val", in: folder)
      #expect(best.contains("Evaluate on the *val* set") && best.contains("Evaluate on the *test* set"))
      let kept = folder.appending(path: "out/prompt_learner/model-best.pth.tar")
      #expect(FileManager.default.fileExists(atPath: kept.path))
      let lines = try run("--trainer CoOp --eval-only --model-dir \(folder.path)/out", in: folder)
      #expect(lines.suffix(6) == best.filter { $0.hasPrefix("* ") || $0 == "=> result" }.suffix(6))
    }
  }

  @Test("what is not there or does not fit costs one line, and no folder is made")
  func refusals() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      try run("--trainer CoOp --output-dir \(folder.path)/coop", in: folder)
      func refusal(_ options: String) -> String {
        message(in: folder) { try run(options, in: folder) }
      }
      let model = "--eval-only --model-dir \(folder.path)/coop"
      #expect(
        refusal("--trainer CoOp \(model) --load-epoch 50")
          == "There are no prompts FOLDER/coop/prompt_learner/model.pth.tar-50."
          + " There are model.pth.tar-1, model.pth.tar-2.")
      #expect(
        refusal("--trainer CoOp \(model)")
          == "There are no prompts FOLDER/coop/prompt_learner/model-best.pth.tar."
          + " There are model.pth.tar-1, model.pth.tar-2.")
      #expect(
        refusal("--trainer CoOp --eval-only --model-dir \(folder.path)/data --load-epoch 2")
          == "There are no prompts FOLDER/data/prompt_learner/model.pth.tar-2."
          + " Give the --output-dir of a finished training.")
      #expect(
        refusal("--trainer CoCoOp \(model) --load-epoch 2")
          == "FOLDER/coop/prompt_learner/model.pth.tar-2 holds prompts of CoOp, not of CoCoOp."
          + " Give the --trainer that it was trained with.")
      #expect(
        refusal("--trainer CoOp \(model) --load-epoch 2 TRAINER.COOP.N_CTX 4")
          == "FOLDER/coop/prompt_learner/model.pth.tar-2 has 16 context vectors, but TRAINER.COOP.N_CTX asks for 4."
          + " Give the settings that it was trained with.")
      #expect(
        refusal("--trainer CoOp INPUT.SIZE (336,336)")
          == "INPUT.SIZE is [336, 336], but the checkpoint takes images of 224 × 224.")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out").path))
    }
  }
}
