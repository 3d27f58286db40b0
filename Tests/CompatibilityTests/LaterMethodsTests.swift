import Compatibility
import Foundation
import PromptLearning
import TestSupport
import Testing

@Suite("The programs of the methods after CoCoOp are run as their authors run them")
struct LaterMethodsTests {
  /// A trainer with the settings that its authors' files have, in small, written by us.
  struct Program: Sendable, CustomTestStringConvertible {
    let trainer: String
    /// Its section and keys, as KEY VALUE pairs.
    let pairs: String
    let folder: String
    let isText: Bool
    /// The blocks of the model's towers.
    let layers: Int

    var testDescription: String { trainer }

    init(_ trainer: String, _ pairs: String, folder: String = "prompt_learner", isText: Bool = false, layers: Int = 3) {
      (self.trainer, self.pairs, self.folder, self.isText) = (trainer, pairs, folder, isText)
      self.layers = layers
    }
  }

  static let programs = [
    Program(
      "KgCoOp",
      "TRAINER.COOP.N_CTX 4 TRAINER.COOP.CSC False TRAINER.COOP.W 8.0 TRAINER.COOP.CTX_INIT True"
        + " TRAINER.COOP.CLASS_TOKEN_POSITION end", isText: true),
    Program("ProGrad", "TRAINER.COOP.CTX_INIT True TRAINER.COOP.CSC False LOSS.NAME prograd", isText: true),
    Program("TCP", "TRAINER.COOP.N_CTX 4 TRAINER.COOP.CTX_INIT False TRAINER.COOP.W 1.0 OPTIM.NAME adam", isText: true),
    Program(
      "IVLP",
      "TRAINER.IVLP.N_CTX_VISION 2 TRAINER.IVLP.N_CTX_TEXT 2 TRAINER.IVLP.PROMPT_DEPTH_VISION 3"
        + " TRAINER.IVLP.PROMPT_DEPTH_TEXT 2", folder: "VLPromptLearner"),
    Program("VPT", "TRAINER.VPT.N_CTX_VISION 8 TRAINER.VPT.PROMPT_DEPTH_VISION 3"),
    Program("MaPLe", "TRAINER.MAPLE.N_CTX 2 TRAINER.MAPLE.PROMPT_DEPTH 3", folder: "MultiModalPromptLearner"),
    Program(
      "PromptSRC",
      "TRAINER.PROMPTSRC.N_CTX_VISION 4 TRAINER.PROMPTSRC.N_CTX_TEXT 4"
        + " TRAINER.PROMPTSRC.PROMPT_DEPTH_VISION 3 TRAINER.PROMPTSRC.PROMPT_DEPTH_TEXT 3"
        + " TRAINER.PROMPTSRC.TEXT_LOSS_WEIGHT 25 TRAINER.PROMPTSRC.IMAGE_LOSS_WEIGHT 10"
        + " TRAINER.PROMPTSRC.GPA_MEAN 2 TRAINER.PROMPTSRC.GPA_STD 1", folder: "VLPromptLearner"),
    // On Caltech101 its program has prompts in 12 blocks, whatever it is given.
    Program(
      "CoPrompt",
      "TRAINER.CoPrompt.N_CTX 2 TRAINER.CoPrompt.PROMPT_DEPTH 9 TRAINER.W 1.0 DATALOADER.K_TRANSFORMS 2"
        + " INPUT.TRANSFORMS [\"randaugment\",\"normalize\"]", folder: "MultiModalPromptLearner", layers: 12),
    Program(
      "MMRL",
      "TRAINER.MMRL.REP_LAYERS [2,3] TRAINER.MMRL.REP_DIM 32 OPTIM.NAME adamw INPUT.RRCROP_SCALE (0.5,1) TASK B2N",
      folder: "MultiModalRepresentationLearner"),
  ]

  private func planned(_ options: String, _ pairs: String, in folder: URL) throws -> RunPlan {
    try plan(
      "--root \(folder.path)/data --seed 1 \(options) INPUT.SIZE (32,32) DATASET.NUM_SHOTS 2 OPTIM.MAX_EPOCH 2 "
        + "DATALOADER.TRAIN_X.BATCH_SIZE 2 \(pairs)", in: folder,
      workingFolder: folder)
  }

  @discardableResult
  private func run(_ options: String, _ pairs: String, in folder: URL) throws -> [String] {
    var lines: [String] = []
    _ = try CompatibleRun(planned(options, pairs, in: folder), model: folder.appending(path: "vit").path)(
      print: { lines.append($0) })
    return lines
  }

  @Test("train on base classes, test on new ones, resume: folders, files and accuracies", arguments: programs)
  func wholeWay(program: Program) throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      try FormulaWeights.writeTransformers(to: folder.appending(path: "vit"), layers: program.layers)
      try writeSentences(in: folder)
      let start = "--trainer \(program.trainer)"
      let base = program.pairs + " DATASET.SUBSAMPLE_CLASSES base"
      let trained = try run("\(start) --output-dir \(folder.path)/out", base, in: folder)
      #expect(
        contents(of: folder.appending(path: "out"))
          == [
            program.folder, "\(program.folder)/checkpoint", "\(program.folder)/model.pth.tar-2", "checkpoint",
            "checkpoint/training.safetensors", "log.txt",
          ].sorted())
      // Where the program's parse_test_res.py looks for the accuracy, and how that is written.
      let ending = try #require(trained.firstIndex(of: "Finished training"))
      let accuracy = try #require(trained[ending...].first { $0.hasPrefix("* accuracy: ") })
      let hasTwo = ["KgCoOp", "ProGrad"].contains(program.trainer)
      #expect(try accuracy.contains(Regex("\\.\\d{\(hasTwo ? 2 : 1)}%$")))
      #expect(trained.contains("=> result") && trained.contains("Loading trainer: \(program.trainer)"))

      func result(_ lines: [String]) -> [String] { lines.filter { $0.hasPrefix("* ") } }
      let testing =
        "\(start) --output-dir \(folder.path)/test --eval-only --model-dir \(folder.path)/out --load-epoch 2"
      #expect(try result(run(testing, base, in: folder)) == result(trained))
      let new = try run(testing, program.pairs + " DATASET.SUBSAMPLE_CLASSES new", in: folder)
      #expect(new.contains("* total: 6"))
      // The same command goes on, and a finished training is tested again.
      let again = try run("\(start) --output-dir \(folder.path)/out", base, in: folder)
      #expect(result(again) == result(trained) && !again.contains { $0.hasPrefix("epoch [") })
    }
  }

  @Test("keys become the method's settings")
  func keys() throws {
    try withTemporaryFolder { folder in
      let maple = try planned("--trainer MaPLe", "TRAINER.MAPLE.PROMPT_DEPTH 3", in: folder)
      #expect(maple.options.values == ["depth": 3])
      #expect(maple.context == ContextSettings(words: "a photo of a", length: 2))
      let independent = try planned(
        "--trainer IVLP", "TRAINER.IVLP.N_CTX_TEXT 6 TRAINER.IVLP.CTX_INIT a_photo TRAINER.IVLP.N_CTX_VISION 5",
        in: folder)
      #expect(independent.options.values == ["image-tokens": 5, "image-depth": 9, "text-depth": 9])
      // Words give up to four contexts; more are random.
      #expect(independent.context == ContextSettings(words: nil, length: 6))
      let src = try planned(
        "--trainer PromptSRC", "TRAINER.PROMPTSRC.GPA_MEAN 6 TRAINER.PROMPTSRC.TEXT_LOSS_WEIGHT 20", in: folder)
      #expect(
        src.options.values == ["image-depth": 9, "text-depth": 9, "average-mean": 6, "text-weight": 20])
      let vpt = try planned("--trainer VPT", "TRAINER.VPT.N_CTX_VISION 8", in: folder)
      #expect(vpt.options.values == ["image-depth": 1] && vpt.context == ContextSettings())
      // What its scripts do not give is the program's default of 1, not the 8 of the paper.
      let knowledge = try planned("--trainer KgCoOp", "TRAINER.COOP.CTX_INIT True TRAINER.COOP.N_CTX 16", in: folder)
      #expect(knowledge.options.values == ["weight": 1] && knowledge.context.initial == .words("a photo of a"))
    }
  }

  /// Sentences about the classes of the drawings, where CoPrompt's program reads its own.
  private func writeSentences(in folder: URL) throws {
    let names = ["bird", "bread", "clock", "fish"]
    let sentences = Dictionary(uniqueKeysWithValues: names.map { ($0, ["a picture of a \($0)", "this is a \($0)."]) })
    let file = folder.appending(path: "gpt_file/caltech_prompt.json")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try JSONEncoder().encode(sentences).write(to: file)
  }

  @Test("CoPrompt's settings for a dataset win over the command line, and MMRL's do not")
  func datasets() throws {
    try withTemporaryFolder { folder in
      let coprompt = try #require(Self.programs.first { $0.trainer == "CoPrompt" })
      let forced = try planned("--trainer CoPrompt", coprompt.pairs, in: folder)
      #expect(forced.options.values == ["depth": 12, "weight": 4])
      #expect(forced.context == ContextSettings(words: "a photo of a", length: 4))
      #expect(forced.sentences == folder.appending(path: "gpt_file/caltech_prompt.json"))
      let other = try planned("--trainer CoPrompt", coprompt.pairs + " DATASET.NAME ImageNetV2", in: folder)
      #expect(other.options.values == ["depth": 9, "weight": 1])

      let mmrl = "TRAINER.MMRL.REP_LAYERS [2,3] OPTIM.NAME adamw INPUT.RRCROP_SCALE (0.5,1)"
      func options(_ more: String) throws -> [String: Double] {
        try planned("--trainer MMRL", "\(mmrl) \(more)", in: folder).options.values
      }
      #expect(try options("") == ["depth": 2, "width": 512, "weight": 0.5, "heads": 1])
      #expect(try options("TRAINER.MMRL.REG_WEIGHT 3.0")["weight"] == 3)
      #expect(try options("DATASET.SUBSAMPLE_CLASSES base")["heads"] == 2)
      #expect(try options("TASK FS")["heads"] == 2)
      #expect(try options("TASK CD DATASET.SUBSAMPLE_CLASSES base")["heads"] == 1)
      guard case .train(let training, _) = try planned("--trainer MMRL", mmrl, in: folder).action else {
        Issue.record("it does not train")
        return
      }
      #expect(training.optimizer == .adamW && training.smallestCrop == 0.5)
    }
  }

  @Test("blocks that cannot be tokens', a crop without an end, and missing sentences are refused in one line")
  func laterRefusals() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      try FormulaWeights.writeTransformers(to: folder.appending(path: "vit"))
      func refusal(_ trainer: String, _ pairs: String) -> String {
        message(in: folder) { try run("--trainer \(trainer) --output-dir \(folder.path)/out", pairs, in: folder) }
      }
      #expect(
        refusal("MMRL", "OPTIM.NAME adamw TRAINER.MMRL.REP_LAYERS [1,3]")
          == "TRAINER.MMRL.REP_LAYERS must be blocks that follow each other, found [1, 3].")
      #expect(
        refusal("MMRL", "OPTIM.NAME adamw TRAINER.MMRL.REP_LAYERS [9223372036854775807]")
          == "TRAINER.MMRL.REP_LAYERS must be blocks up to the last, 3, found up to 9223372036854775807.")
      #expect(
        refusal("MMRL", "OPTIM.NAME adamw TRAINER.MMRL.REP_LAYERS [9223372036854775807,-9223372036854775808]")
          == "TRAINER.MMRL.REP_LAYERS must be blocks that follow each other, found [9223372036854775807, "
          + "-9223372036854775808].")
      #expect(
        refusal("MMRL", "OPTIM.NAME adamw TRAINER.MMRL.REP_LAYERS [1,2]")
          == "TRAINER.MMRL.REP_LAYERS must be blocks up to the last, 3, found up to 2.")
      #expect(
        refusal("MMRL", "OPTIM.NAME adamw") == "TRAINER.MMRL.REP_LAYERS must be 1 or more, found 0.")
      #expect(
        refusal("MMRL", "OPTIM.NAME adamw TRAINER.MMRL.REP_LAYERS [3] INPUT.RRCROP_SCALE (0.5,0.9)")
          == "INPUT.RRCROP_SCALE must be a number above 0 and at most 1, and then 1, found [0.5, 0.9].")
      let coprompt = try #require(Self.programs.first { $0.trainer == "CoPrompt" })
      #expect(
        refusal("CoPrompt", coprompt.pairs)
          == "FOLDER/gpt_file/caltech_prompt.json does not give sentences about the classes: it cannot be read."
          + " Give a file of JSON with a list of sentences by the name of each class, all of one length.")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out").path))
    }
  }

  @Test("prompts of another method, depth, count or width are refused by name and number")
  func refusals() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      try FormulaWeights.writeTransformers(to: folder.appending(path: "vit"))
      let maple = "TRAINER.MAPLE.PROMPT_DEPTH 3"
      try run("--trainer MaPLe --output-dir \(folder.path)/out", maple, in: folder)
      func refusal(_ options: String, _ pairs: String) -> String {
        message(in: folder) { try run(options, pairs, in: folder) }
      }
      let model = "--eval-only --output-dir \(folder.path)/test --model-dir \(folder.path)/out --load-epoch 2"
      let file = "FOLDER/out/MultiModalPromptLearner/model.pth.tar-2"
      #expect(
        refusal("--trainer MaPLe \(model)", "TRAINER.MAPLE.PROMPT_DEPTH 2")
          == "\(file) has prompts for 3 blocks, but TRAINER.MAPLE.PROMPT_DEPTH asks for 2."
          + " Give the settings that it was trained with.")
      #expect(
        refusal("--trainer MaPLe \(model)", maple + " TRAINER.MAPLE.N_CTX 3")
          == "\(file) has 2 context vectors, but TRAINER.MAPLE.N_CTX asks for 3."
          + " Give the settings that it was trained with.")
      #expect(
        refusal("--trainer IVLP \(model)", "TRAINER.IVLP.PROMPT_DEPTH_TEXT 3")
          == "There are no prompts FOLDER/out/VLPromptLearner/model.pth.tar-2."
          + " Give the --output-dir of a finished training.")
      #expect(
        refusal("--trainer MaPLe --output-dir \(folder.path)/deep", "TRAINER.MAPLE.PROMPT_DEPTH 4")
          == "Prompts for 4 blocks were given, but the text tower has 3. Give a depth from 1 to 3.")
      #expect(
        refusal("--trainer MaPLe --output-dir \(folder.path)/deep", "TRAINER.MAPLE.PROMPT_DEPTH 0")
          == "TRAINER.MAPLE.PROMPT_DEPTH must be 1 or more, found 0.")
      #expect(
        refusal("--trainer IVLP --output-dir \(folder.path)/deep", "TRAINER.IVLP.N_CTX_VISION 0")
          == "TRAINER.IVLP.N_CTX_VISION must be 1 or more, found 0.")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "deep").path))
    }
  }

  @Test("PromptSRC's mean over epochs is not in the authors' files: from those alone a training does not go on")
  func mean() throws {
    try withTemporaryFolder { folder in
      try makeDrawings(in: folder)
      try FormulaWeights.writeTransformers(to: folder.appending(path: "vit"))
      let program = try #require(Self.programs.first { $0.trainer == "PromptSRC" })
      try run("--trainer PromptSRC --output-dir \(folder.path)/out", program.pairs, in: folder)
      try FileManager.default.removeItem(at: folder.appending(path: "out/checkpoint"))
      let refused = message(in: folder) {
        try run(
          "--trainer PromptSRC --output-dir \(folder.path)/out", program.pairs + " OPTIM.MAX_EPOCH 3", in: folder)
      }
      #expect(
        refused
          == "FOLDER/out/VLPromptLearner/model.pth.tar-2 lacks the mean over its epochs that a training of PromptSRC ends"
          + " with, so that it cannot go on. Give an --output-dir without prompts.")
    }
  }
}
