import Datasets
import Embedded
import Foundation
import Prediction
import PromptLearning
import Reproduction
import Testing
import Torch

@Suite("A person gets from images to predictions")
struct JourneyTests {
  @Test("a run of each method is trained, measured and asked", arguments: ["zero-shot", "coop", "cocoop"])
  func trainEvaluatePredict(method: String) throws {
    try withWorkplace { place in
      let trained = try place.cocoop(Short.train(method, output: "runs/a"))
      #expect(trained.status == 0 && trained.errors.isEmpty)
      #expect(trained.output.contains(": runs/a (left out: insect, mammal, meat, "))
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

  @Test("zero-shot CLIP names a file, a folder and a path on standard input alike, by a list or a file of classes")
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
        input: Data("photos/b.JPG\n".utf8))
      let predictions: [Prediction] = try list.json()
      #expect(list.status == 0 && list.errors == "note: Left out: 1 file is no image this reads: 1 .txt.\n")
      #expect(predictions.map(\.file) == ["photos/a.jpg", "photos/a.jpg", "photos/b.JPG", "photos/b.JPG"])
      #expect(predictions.allSatisfy { isClose($0, to: predictions[0]) })
      let file: [Prediction] = try place.cocoop(
        "predict --model tiny-clip --classes-file classes.txt --json photos/a.jpg"
      ).json()
      #expect(file.count == 1 && isClose(file[0], to: predictions[0]))
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
      for command in [
        "cocoop predict --run runs/demo/cocoop-seed1 ", "cocoop train FOLDER-OF-CLASS-FOLDERS ", "cocoop help\n",
      ] {
        #expect(demo.errors.contains(command))
      }
      #expect(place.exists("runs/demo/zero-shot-seed1/prompts.safetensors"))
      struct Row: Decodable {
        let method, dataset: String
        let seeds: [Int]
        let base: Double
        let new, harmonicMean: Double?
      }
      struct Printed: Decodable { let methods: [Row] }
      let json = try place.cocoop("demo --methods zero-shot --seeds 1 --json --quiet")
      #expect(json.errors.isEmpty)
      let result = try #require(try json.json(Printed.self).methods.first)
      #expect(result.method == "zero-shot" && result.dataset == "openclipart" && result.seeds == [1])
      let new = try #require(result.new)
      #expect(try result.base > 20 && new > 20 && #require(result.harmonicMean) <= max(result.base, new))
    }
  }

  @Test("bfloat16 is kept with the run, is no other training's to continue, and is exact nowhere but near")
  func precision() throws {
    try withWorkplace { place in
      let arguments = Short.train("cocoop", output: "runs/a") + ["--precision", "bfloat16"]
      let trained = try place.cocoop(arguments)
      guard Precision.bfloat16.isAvailable else {
        #expect(trained.status == 1)
        #expect(trained.errors == "Error: This processor has no products of bfloat16. Give --precision float32.\n")
        return
      }
      #expect(trained.status == 0 && trained.errors.isEmpty)
      let record = try String(decoding: Data(contentsOf: place.file("runs/a/run.json")), as: UTF8.self)
      #expect(record.contains("\"precision\" : \"bfloat16\""))
      let other = try place.cocoop(Short.train("cocoop", output: "runs/a") + ["--resume"])
      #expect(other.status == 1 && other.errors.contains("the precision"))

      func probabilities(_ precision: String) throws -> [Float] {
        let named: [Prediction] = try place.cocoop(
          ["predict", "--run", "runs/a", "--top", "99", "--json", "--precision", precision, Short.photo]
        ).json()
        return named[0].top.sorted { $0.class < $1.class }.map(\.probability)
      }
      let (exact, near) = try (probabilities("float32"), probabilities("bfloat16"))
      #expect(exact != near && zip(exact, near).allSatisfy { abs($0 - $1) < 0.1 })
    }
  }

  @Test("CoCoOp answers fast and nearly alike, and says why where it cannot")
  func fast() throws {
    try withWorkplace { place in
      #expect(try place.cocoop(Short.train("cocoop", output: "runs/a")).status == 0)
      #expect(try place.cocoop(Short.train("coop", output: "runs/b")).status == 0)
      let ask = ["predict", "--top", "99", "--json", Short.photo, "--run"]
      let exact: [Prediction] = try place.cocoop(ask + ["runs/a"]).json()
      let fast: [Prediction] = try place.cocoop(ask + ["runs/a", "--fast"]).json()
      #expect(fast[0].top[0].class == exact[0].top[0].class)
      #expect(abs(fast[0].top[0].probability - exact[0].top[0].probability) <= 0.05)
      #expect(Set(fast[0].top.map(\.class)) == Set(exact[0].top.map(\.class)))

      func refusal(_ run: String) throws -> String {
        let refused = try place.cocoop(ask + [run, "--fast"])
        #expect(refused.status == 1 && refused.output.isEmpty)
        return refused.errors
      }
      #expect(try refusal("runs/b").hasSuffix("cannot answer fast: it is no run of CoCoOp's. Leave --fast out.\n"))
      let kept = try String(decoding: Data(contentsOf: place.file("runs/a/fast.json")), as: UTF8.self)
      let top1 = try #require(kept.firstMatch(of: /"top1" : [0-9.]+/))
      try place.write(Data(kept.replacing(top1.output, with: "\"top1\" : 90").utf8), to: "runs/a/fast.json")
      #expect(try refusal("runs/a").contains("on held-out images it agreed in 90.0 % (98 or more are asked for)"))
      try place.write(Data("{".utf8), to: "runs/a/fast.json")
      #expect(try refusal("runs/a").contains("its fast.json cannot be read"))
      try FileManager.default.removeItem(at: place.file("runs/a/fast.json"))
      #expect(try refusal("runs/a").contains("no photo was left to measure it on when the run was made"))
      try place.cocoop("prompts export --run runs/a a.pth.tar")
      try place.cocoop("prompts import a.pth.tar --model tiny-clip --data openclipart --classes base -o runs/c")
      #expect(
        try refusal("runs/c").hasSuffix(
          "runs/c cannot answer fast: its prompts were imported, and only a training here measures how near fast answers come."
            + " Leave --fast out.\n"))
    }
  }

  @Test("a linear probe is trained, measured and asked about its own classes, and about no others")
  func linearProbe() throws {
    try withWorkplace { place in
      let trained = try place.cocoop(
        "train --method linear-probe --data openclipart --classes base --shots 2 --no-test --output runs/a --quiet")
      #expect(trained.status == 0 && trained.errors.isEmpty)
      #expect(trained.output.hasPrefix("linear probe learned 14 classes from 28 images in "))
      #expect(
        place.contents.filter { $0.hasPrefix("runs/a/") }
          == ["runs/a/log.txt", "runs/a/probe.safetensors", "runs/a/run.json"])
      let own: Evaluation = try place.cocoop("evaluate --run runs/a --split val --json --quiet").json()
      #expect(own.classes == 14 && own.accuracy > 20)
      let asked: [Prediction] = try place.cocoop(["predict", "--run", "runs/a", "--top", "99", "--json", Short.photo])
        .json()
      #expect(asked[0].top.count == 14 && abs(asked[0].top.map(\.probability).reduce(0, +) - 1) < 1e-5)
      for arguments in [
        ["evaluate", "--run", "runs/a", "--classes", "new"],
        ["predict", "--run", "runs/a", "--classes", "a,b", Short.photo],
      ] {
        let refused = try place.cocoop(arguments)
        #expect(refused.status == 1 && refused.output.isEmpty)
        #expect(
          refused.errors.hasSuffix(
            "Error: A linear probe knows the 14 classes it was trained on and no others."
              + " Ask it about those alone, train it on the others too, or take a method with prompts.\n"))
      }
      var probe = try Data(contentsOf: place.file("runs/a/probe.safetensors"))
      probe.removeLast(4)
      try place.write(probe, to: "runs/a/probe.safetensors")
      #expect(try place.cocoop("evaluate --run runs/a").errors.hasPrefix("Error: FOLDER/runs/a/probe.safetensors: "))
    }
  }

  @Test("demo looks for room before it computes, and compares a linear probe by its own classes")
  func demoWithoutRoom() throws {
    try withWorkplace { place in
      try place.write("a file", to: "runs")
      let outcome = try place.cocoop("demo")
      #expect(outcome.status == 1)
      #expect(
        outcome.errors == "Error: Cannot write FOLDER/runs/demo/zero-shot-seed1: Not a directory."
          + " Choose a folder that exists, is writable and has room.\n")
      try FileManager.default.removeItem(at: place.file("runs"))
      let probe = try place.cocoop("demo --methods linear-probe --quiet")
      let rows = probe.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
      #expect(rows.count == 2 && rows[1][3...4] == ["–", "–"])
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

/// Whether two predictions rank the classes equally; the number of photos encoded together changes the last digits.
private func isClose(_ prediction: Prediction, to other: Prediction) -> Bool {
  prediction.top.map(\.class) == other.top.map(\.class)
    && zip(prediction.top, other.top).allSatisfy { abs($0.probability - $1.probability) <= 1e-5 }
}
