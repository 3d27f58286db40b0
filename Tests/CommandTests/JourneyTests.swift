import Datasets
import Embedded
import Experiments
import Foundation
import PromptLearning
import Testing

@Suite("A person gets from images to predictions")
struct JourneyTests {
  @Test("a run of each method is trained, measured and asked", arguments: ["zero-shot", "coop", "cocoop"])
  func trainEvaluatePredict(method: String) throws {
    try withWorkplace { place in
      let trained = try place.cocoop(Short.train(method, output: "runs/a"))
      #expect(trained.status == 0 && trained.errors.isEmpty)
      #expect(trained.output.hasSuffix("runs/a\n"))
      #expect(place.exists("runs/a/run.json") && place.exists("runs/a/prompts.safetensors"))

      let new: Evaluation = try place.cocoop("evaluate --run runs/a --classes new --split val --json").json()
      #expect(new.images == new.perClass.map(\.images).reduce(0, +))
      #expect(new.classes == 14 && new.perClass.count == 14)
      #expect((0...100).contains(new.accuracy) && new.top5 >= new.accuracy && (0...100).contains(new.macroF1))
      let right = new.perClass.map { $0.accuracy * Double($0.images) }.reduce(0, +) / Double(new.images)
      #expect(abs(right - new.accuracy) < 1e-9)

      let own: [Prediction] = try place.cocoop(["predict", "--run", "runs/a", "--top", "99", "--json", Short.photo])
        .json()
      #expect(own.map(\.file) == [Short.photo] && own[0].top.count == 14)
      #expect(abs(own[0].top.map(\.probability).reduce(0, +) - 1) < 1e-5)
      let others: [Prediction] = try place.cocoop(
        ["predict", "--run", "runs/a", "--classes", "zebra, fire_truck", "--json", Short.photo]
      ).json()
      #expect(Set(others[0].top.map(\.class)) == ["zebra", "fire truck"])
    }
  }

  @Test("zero-shot CLIP names a file, a folder and standard input alike, by a list or a file of classes")
  func predict() throws {
    try withWorkplace { place in
      let photo = try Data(contentsOf: URL(filePath: Short.photo))
      try place.write(photo, to: "photos/a.jpg")
      try place.write(photo, to: "photos/b.JPG")
      try place.write("no photo", to: "photos/notes.txt")
      try place.write("bird\ncat\nsports_car\n\n", to: "classes.txt")
      let list = try place.cocoop(
        [
          "predict", "--model", "tiny-clip", "--classes", "bird,cat,sports car", "--json", "photos/a.jpg", "photos",
          "-",
        ],
        input: photo)
      let predictions: [Prediction] = try list.json()
      #expect(list.status == 0 && list.errors.isEmpty)
      #expect(predictions.map(\.file) == ["photos/a.jpg", "photos/a.jpg", "photos/b.JPG", "-"])
      #expect(predictions.allSatisfy { $0.top == predictions[0].top })
      let file: [Prediction] = try place.cocoop(
        "predict --model tiny-clip --classes-file classes.txt --json photos/a.jpg"
      ).json()
      #expect(file == [predictions[0]])
      let text = try place.cocoop("predict --model tiny-clip --classes-file classes.txt --top 2 photos/a.jpg")
      #expect(text.output.split(separator: "\n").count == 3 && text.output.hasPrefix("photos/a.jpg\n"))
    }
  }

  @Test("demo prints a table and ends with what to try next")
  func demo() throws {
    try withWorkplace { place in
      let demo = try place.cocoop("demo --methods zero-shot")
      let rows = demo.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(demo.status == 0 && rows.count == 2)
      #expect(rows.first == ["method", "base", "new", "H", "seconds"])
      #expect(rows.last?.prefix(2) == ["zero-shot", "CLIP"])
      for command in ["cocoop predict --run runs/demo/cocoop-seed1 ", "cocoop train --data ", "cocoop help\n"] {
        #expect(demo.errors.contains(command))
      }
      #expect(place.exists("runs/demo/zero-shot-seed1/prompts.safetensors"))
      struct Printed: Decodable { let methods: [MethodResult] }
      let json = try place.cocoop("demo --methods zero-shot --seeds 1 --json --quiet")
      #expect(json.errors.isEmpty)
      let result = try #require(try json.json(Printed.self).methods.first)
      #expect(result.method == .zeroShot && result.dataset == "openclipart" && result.seeds == [1])
      #expect(result.base > 20 && result.new > 20 && result.harmonicMean <= max(result.base, result.new))
    }
  }

  @Test("benchmark prints every figure of the contract")
  func benchmark() throws {
    try withWorkplace { place in
      let outcome = try place.cocoop("benchmark --backbone tiny-clip --classes 10 --json")
      let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
      let figures = try #require(object as? [String: Any])
      #expect(figures["backbone"] as? String == "tiny-clip" && figures["classes"] as? Int == 10)
      #expect(figures["densePositions"] as? Int == 770)
      for name in [
        "trieNodes", "textTrainStepSeconds", "textForwardSeconds", "imageForwardSeconds", "trainStepSeconds",
        "gemmPeakGFLOPS", "textTrainGFLOPS", "rooflineFraction", "peakMemoryMiB",
        "textTrainMemoryMiB", "evaluationImagesPerSecond", "cachedEvaluationImagesPerSecond",
        "startToPredictionSeconds",
      ] {
        #expect((figures[name] as? Double ?? 0) > 0, "\(name)")
      }
    }
  }

  @Test("models and datasets describe what ships with the package")
  func descriptions() throws {
    try withWorkplace { place in
      #expect(try place.cocoop("models list").output.hasPrefix("tiny-clip  EfficientNet-Lite0, "))
      #expect(try place.cocoop("models inspect tiny-clip").output.contains("image tower    EfficientNet-Lite0\n"))
      #expect(try place.cocoop("datasets list").output.hasPrefix("openclipart  28 classes, "))
      let check = try place.cocoop("datasets check openclipart")
      #expect(check.status == 0 && check.output.contains("└─ ✓ 28 classes: 14 base, 14 new\n"))
      #expect(place.contents.isEmpty)
    }
  }

  @Test("few-shot prints the sample that training learns from")
  func fewShot() throws {
    struct Printed: Decodable, Equatable {
      let seed: Int
      let shots: Int
      let train, val: [SplitFile.Entry]
    }
    try withWorkplace { place in
      let printed: Printed = try place.cocoop("datasets few-shot openclipart --shots 2 --seed 3 --json").json()
      let listing = try FewShotListing(of: Dataset(at: Embedded.openclipart), shots: 2, seed: 3)
      #expect(printed == Printed(seed: 3, shots: 2, train: listing.train, val: listing.val))
    }
  }
}
