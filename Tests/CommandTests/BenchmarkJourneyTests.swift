import Embedded
import Foundation
import PromptLearning
import Runs
import Testing

@Suite("A person who has the reference's data gets from it to results")
struct BenchmarkJourneyTests {
  private static let names = ["bird", "bread", "clock", "fish"]

  /// Writes drawings of four classes to the location of Caltech101's photos in the reference's guide: for each, three
  /// for training, one for validation and three for testing.
  private func makeData(in place: Workplace) throws {
    func entries(_ numbers: Range<Int>) -> String {
      Self.names.enumerated()
        .flatMap { label, name in numbers.map { "[\"\(name)/00\($0).jpg\", \(label), \"\(name)\"]" } }
        .joined(separator: ", ")
    }
    try place.write(
      "{\"train\": [\(entries(0..<3))], \"val\": [\(entries(3..<4))], \"test\": [\(entries(4..<7))]}",
      to: "data/caltech-101/split_zhou_Caltech101.json")
    try FileManager.default.createSymbolicLink(
      at: place.file("data/caltech-101/101_ObjectCategories"),
      withDestinationURL: Embedded.openclipart.appending(path: "images"))
  }

  private let training =
    "train --root data --data caltech101 --classes base --method coop --shots 2 --epochs 1 --image-views 1"

  @Test("train --root and evaluate --root, also once the data have moved")
  func train() throws {
    try withWorkplace { place in
      try makeData(in: place)
      let trained = try place.cocoop("\(training) --output runs/a")
      #expect(trained.status == 0 && trained.output.hasPrefix("CoOp learned 2 classes from 4 images in "))
      #expect(!trained.errors.contains("note: "))
      let base: Evaluation = try place.cocoop("evaluate --run runs/a --json").json()
      #expect(base.images == 6 && base.perClass.map(\.class) == ["bird", "bread"])
      try FileManager.default.moveItem(at: place.file("data"), to: place.file("moved"))
      let new: Evaluation = try place.cocoop("evaluate --run runs/a --root moved --classes new --json").json()
      #expect(new.images == 6 && new.perClass.map(\.class) == ["clock", "fish"])
      let named: Evaluation = try place.cocoop(
        "evaluate --run runs/a --root moved --data caltech-101 --classes new --json"
      ).json()
      #expect(named.accuracy == new.accuracy)
    }
  }

  @Test("train --root takes the sample that the reference kept, and says so; a list that is named comes first")
  func keptSample() throws {
    try withWorkplace { place in
      try makeData(in: place)
      func list(_ number: Int) -> String {
        let train = Self.names.enumerated().map { "[\"\($1)/00\(number).jpg\", \($0), \"\($1)\"]" }
        return "{\"seed\": 1, \"shots\": 2, \"train\": [\(train.joined(separator: ", "))], \"val\": []}"
      }
      // The format follows from the file's content; FewShotListTests read the reference's own pickles.
      let kept = "data/caltech-101/split_fewshot/shot_2-seed_1.pkl"
      try place.write(list(0), to: kept)
      try place.write(list(1), to: "list.json")
      let trained = try place.cocoop("\(training) --output runs/a")
      #expect(trained.output.hasPrefix("CoOp learned 2 classes from 2 images in "))
      #expect(trained.errors.contains("note: The sample is the one that the reference kept, FOLDER/\(kept).\n"))
      #expect(try String(contentsOf: place.file("runs/a/run.json"), encoding: .utf8).contains("shot_2-seed_1.pkl"))
      #expect(try place.cocoop("\(training) --output runs/a --resume --quiet").status == 0)

      let other = try place.cocoop("\(training) --output runs/b --few-shot-list list.json")
      #expect(other.status == 0 && !other.errors.contains("the reference kept"))
      let drawn = try place.cocoop("\(training) --output runs/c --seed 2 --quiet")
      #expect(drawn.output.hasPrefix("CoOp learned 2 classes from 4 images in ") && drawn.errors.isEmpty)
    }
  }

  @Test("the reference's command line trains, prints its result lines, keeps its files, and tests them")
  func compat() throws {
    try withWorkplace { place in
      try makeData(in: place)
      try place.write("DATASET:\n  NAME: \"Caltech101\"\n", to: "caltech101.yaml")
      try place.write(
        """
        DATALOADER:
          TRAIN_X:
            BATCH_SIZE: 2
        INPUT:
          SIZE: (224, 224)
          INTERPOLATION: "bicubic"
          PIXEL_MEAN: [0.5, 0.5, 0.5]
          PIXEL_STD: [0.5, 0.5, 0.5]
          TRANSFORMS: ["random_resized_crop", "random_flip", "normalize"]
        OPTIM:
          NAME: "sgd"
          LR: 0.002
          MAX_EPOCH: 1
          LR_SCHEDULER: "cosine"
        MODEL:
          BACKBONE:
            NAME: "tiny-clip"

        """, to: "tiny.yaml")
      let common =
        "--root data --seed 1 --trainer CoCoOp --dataset-config-file caltech101.yaml --config-file tiny.yaml"
      let pairs = "DATASET.NUM_SHOTS 2 TRAINER.COCOOP.PREC fp32 DATASET.SUBSAMPLE_CLASSES"
      func results(_ text: String) -> [Substring] { text.split(separator: "\n").filter { $0.hasPrefix("* ") } }

      let trained = try place.cocoop("compat -- \(common) --output-dir out \(pairs) base")
      #expect(trained.status == 0 && trained.errors.isEmpty, "\(trained.errors)")
      #expect(
        results(trained.output).map { $0.prefix { $0 != ":" } } == [
          "* total", "* correct", "* accuracy", "* error", "* macro_f1",
        ])
      #expect(results(trained.output).first == "* total: 6")
      #expect(trained.output.contains("=> result\n") && trained.output.contains("Finish training\n"))
      let log = try String(contentsOf: place.file("out/log.txt"), encoding: .utf8)
      #expect(log.replacing(place.url.path, with: "FOLDER") == trained.output)
      #expect(place.exists("out/prompt_learner/model.pth.tar-1") && place.exists("out/prompt_learner/checkpoint"))

      let model = "--eval-only --model-dir out --load-epoch 1"
      let tested = try place.cocoop(
        "compat --memory-budget 1MiB -- \(common) --output-dir base \(model) \(pairs) base")
      #expect(results(tested.output) == results(trained.output))
      struct Printed: Decodable { let trainer, dataset: String; let images, classes: Int; let accuracy: Double }
      let new: Printed = try place.cocoop("compat --json -- \(common) --output-dir new \(model) \(pairs) new").json()
      #expect(new.trainer == "CoCoOp" && new.dataset == "Caltech101" && new.images == 6 && new.classes == 2)

      let wrong = try place.cocoop("compat -- \(common) --output-dir wrong \(pairs) base OPTIM.RATE 1")
      #expect(wrong.status == 1 && wrong.errors.hasPrefix("Error: ") && wrong.errors.contains("OPTIM.RATE"))
      #expect(wrong.errors.count { $0 == "\n" } == 1 && !place.exists("wrong"))
    }
  }
}
