import Compatibility
import Datasets
import Foundation
import PromptLearning
import Runs
import Testing
import TestSupport

@Suite("The reference's settings mean here what they mean there")
struct PlanTests {
  @Test("a training of CoCoOp")
  func cocoop() throws {
    try withTemporaryFolder { folder in
      let plan = try plan(
        "--seed 1 --trainer CoCoOp --output-dir out DATASET.NUM_SHOTS 16 DATASET.SUBSAMPLE_CLASSES base", in: folder)
      #expect(plan.trainer.name == "CoCoOp" && plan.dataset == .caltech101 && plan.classes == .base)
      #expect(plan.seed == 1 && plan.shots == 16 && plan.outputFolder.lastPathComponent == "out")
      #expect(plan.context.words == "a photo of a" && plan.context.length == nil)
      guard case .train(let training, let saving) = plan.action else {
        Issue.record("it is no training")
        return
      }
      #expect(training == .cocoop)
      #expect(saving.frequency == nil && saving.printFrequency == 20 && !saving.keepsBest)
      #expect(
        plan.warnings == [
          "DATALOADER.NUM_WORKERS changes nothing here: threads are set with --threads before --",
          "TRAINER.COCOOP.PREC is fp16, but computing is in float32",
        ])
    }
  }

  @Test("every knob of the optimiser and the schedule")
  func knobs() throws {
    try withTemporaryFolder { folder in
      let plan = try plan(
        "--trainer CoCoOp OPTIM.LR 0.01 OPTIM.MAX_EPOCH 3 OPTIM.WARMUP_EPOCH 2 OPTIM.WARMUP_TYPE linear "
          + "OPTIM.WARMUP_MIN_LR 1e-4 OPTIM.MOMENTUM 0.5 OPTIM.WEIGHT_DECAY 0.0 DATALOADER.TRAIN_X.BATCH_SIZE 4 "
          + "TRAIN.CHECKPOINT_FREQ 2 TEST.FINAL_MODEL best_val TEST.SPLIT val RESUME other", in: folder)
      guard case .train(let training, let saving) = plan.action else {
        Issue.record("it is no training")
        return
      }
      let expected = try TrainingConfiguration(
        epochs: 3, batchSize: 4, learningRate: 0.01, warmUp: .linear(epochs: 2, start: 1e-4), momentum: 0.5,
        weightDecay: 0)
      #expect(training == expected)
      #expect(saving.frequency == 2 && saving.keepsBest && saving.resumeFolder.lastPathComponent == "other")
      #expect(plan.testing.split == .val && plan.seed == nil && plan.shots == nil)
    }
  }

  @Test("CoOp's contexts: random ones for each class, or words, which win")
  func contexts() throws {
    try withTemporaryFolder { folder in
      let random = try plan(
        "--trainer CoOp TRAINER.COOP.N_CTX 8 TRAINER.COOP.CSC True TRAINER.COOP.CLASS_TOKEN_POSITION middle", in: folder
      )
      #expect(random.context.words == nil && random.context.length == 8 && random.context.isClassSpecific)
      #expect(random.context.position == .middle)
      let words = try plan("--trainer CoOp TRAINER.COOP.CSC True TRAINER.COOP.CTX_INIT this_is_a", in: folder)
      #expect(words.context.words == "this is a" && words.context.length == nil && !words.context.isClassSpecific)
      #expect(
        words.warnings.contains("TRAINER.COOP.CSC changes nothing where CTX_INIT gives words, as in the reference"))
    }
  }

  @Test("testing alone needs no optimiser; --no-train loads alone")
  func actions() throws {
    try withTemporaryFolder { folder in
      let zeroShot = try plan("--trainer ZeroshotCLIP --eval-only OPTIM.NAME adam", in: folder)
      guard case .evaluate(nil, nil) = zeroShot.action else {
        Issue.record("it is no test")
        return
      }
      guard
        case .evaluate(let model?, 10) = try plan(
          "--trainer CoCoOp --eval-only --model-dir m --load-epoch 10", in: folder
        ).action
      else {
        Issue.record("it is no test of a folder")
        return
      }
      #expect(model.lastPathComponent == "m")
      guard case .load = try plan("--trainer CoOp --no-train", in: folder).action else {
        Issue.record("it does more than load")
        return
      }
    }
  }

  @Test(
    "what is not supported is refused by name",
    arguments: [
      ("--trainer CoCoOP", "TRAINER.NAME CoCoOP is not supported. Did you mean CoCoOp?"),
      (
        "--trainer DAEL",
        "TRAINER.NAME DAEL is not supported. Give CoOp or CoCoOp or KgCoOp or ProGrad or TCP or IVLP or VPT or MaPLe or"
          + " PromptSRC or CoPrompt or MMRL or ZeroshotCLIP or ZeroshotCLIP2."
      ),
      ("", "Neither --trainer nor TRAINER.NAME is given. Give --trainer."),
      ("--trainer ZeroshotCLIP", "ZeroshotCLIP has nothing to train. Add --eval-only."),
      ("--trainer CoCoOp OPTIM.NAME adam", "OPTIM.NAME adam is not supported. Give sgd."),
      (
        "--trainer CoCoOp OPTIM.LR_SCHEDULER single_step",
        "OPTIM.LR_SCHEDULER single_step is not supported. Give cosine."
      ),
      ("--trainer CoCoOp OPTIM.WARMUP_RECOUNT False", "OPTIM.WARMUP_RECOUNT False is not supported. Give True."),
      (
        "--trainer CoCoOp MODEL.INIT_WEIGHTS x.pth",
        "MODEL.INIT_WEIGHTS x.pth is not supported. Leave MODEL.INIT_WEIGHTS out."
      ),
      (
        "--trainer CoCoOp --transforms normalize cutout",
        "INPUT.TRANSFORMS [normalize, cutout] is not supported. Give [random_resized_crop, random_flip, normalize]."
      ),
      ("--trainer CoCoOp TEST.SPLIT tset", "TEST.SPLIT tset is not supported. Did you mean test?"),
      (
        "--trainer CoCoOp DATASET.NAME Caltech",
        "There is no dataset 'Caltech' (DATASET.NAME). Did you mean Caltech101?"
      ),
      ("--trainer CoCoOp DATASET.NAME eurosat", "There is no dataset 'eurosat' (DATASET.NAME). Did you mean EuroSAT?"),
      ("--trainer CoCoOp OPTIM.MAX_EPOCH 0", "The number of epochs must be from 1 to 100000, found 0."),
      ("--trainer CoCoOp TRAIN.PRINT_FREQ 0", "TRAIN.PRINT_FREQ must be 1 or more, found 0."),
    ])
  func refusals(options: String, expected: String) throws {
    try withTemporaryFolder { folder in
      let found = message { try plan(options, in: folder) }
      #expect(found == expected)
    }
  }

  @Test("a checkpoint is found by the backbone's name, and where it is not, the line says where it was looked for")
  func backbones() throws {
    try withTemporaryFolder { folder in
      let backbone = Backbone("ViT-L/14@336px", environment: ["COCOOP_MODELS": folder.path])
      let home = FileManager.default.homeDirectoryForCurrentUser.path
      let first = message(in: folder) { try backbone.source(model: nil) }
      #expect(
        first
          == "There is no checkpoint for MODEL.BACKBONE.NAME 'ViT-L/14@336px': looked for "
          + "FOLDER/ViT-L-14-336px[.pt|.safetensors|.bin], \(home)/.cache/clip/ViT-L-14-336px.pt."
          + " Put it there, fetch OpenAI's with 'cocoop models download NAME', or name one with"
          + " 'cocoop compat --model M -- …'.")
      #expect(try backbone.source(model: "tiny-clip").location.lastPathComponent == "tiny-clip")
      try FileManager.default.createDirectory(
        at: folder.appending(path: "ViT-L-14-336px"), withIntermediateDirectories: false)
      #expect(try backbone.source(model: nil).location.lastPathComponent == "ViT-L-14-336px")
    }
  }
}
