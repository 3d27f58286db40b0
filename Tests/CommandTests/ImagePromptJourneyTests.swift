import CLIP
import Foundation
import Prediction
import PromptLearning
import TestSupport
import Testing
import Torch

@Suite("A person with a vision transformer gets from images to predictions by prompts in its image tower")
struct ImagePromptJourneyTests {
  /// A small CLIP of two transformers with weights from a formula, as an open_clip folder.
  private func writeModel(_ place: Workplace) throws {
    try FormulaWeights.writeTransformers(to: place.file("vit"))
  }

  @Test(
    "each method is trained, measured, asked, exported and imported again",
    arguments: ["ivlp", "vpt", "maple", "promptsrc", "coprompt", "mmrl"])
  func journey(method: String) throws {
    try withWorkplace { place in
      try writeModel(place)
      let trained = try place.cocoop(Short.train(method, output: "runs/a", more: ["--model", "vit"]))
      #expect(trained.status == 0 && trained.errors.isEmpty, "\(trained.errors)")
      let new: Evaluation = try place.cocoop("evaluate --run runs/a --classes new --split val --json").json()
      #expect(new.classes == 14 && (0...100).contains(new.accuracy))
      let own: [Prediction] = try place.cocoop(["predict", "--run", "runs/a", "--json", Short.photo]).json()
      #expect(own[0].top.count > 0)

      #expect(try place.cocoop("prompts export --run runs/a out").status == 0)
      let imported = try place.cocoop(
        "prompts import out --method \(method) --model vit --data openclipart --output runs/b")
      #expect(imported.status == 0, "\(imported.errors)")
      let back: [Prediction] = try place.cocoop(["predict", "--run", "runs/b", "--json", Short.photo]).json()
      #expect(own == back)
      // Another run's prompts are another tower: its answers are not taken from the features of this one.
      let other: [Prediction] = try place.cocoop(
        ["predict", "--model", "vit", "--classes", "bird,cat", "--json", Short.photo]
      ).json()
      #expect(other[0].top.count == 2)
      let fast = try place.cocoop(["predict", "--run", "runs/a", "--fast", Short.photo])
      #expect(fast.status == 1 && fast.errors.contains("cannot answer fast: it is no run of CoCoOp's."))
    }
  }

  @Test("which of MMRL's features answer is decided by the classes, or by a person, and what is learned is not")
  func heads() throws {
    try withWorkplace { place in
      try writeModel(place)
      let more = ["--model", "vit", "--option", "width=32"]
      #expect(try place.cocoop(Short.train("mmrl", output: "runs/a", more: more)).status == 0)
      func probability(_ options: [String], classes: String = "") throws -> Float {
        let chosen = classes.isEmpty ? [] : ["--classes", classes]
        let given: [Prediction] = try place.cocoop(
          ["predict", "--run", "runs/a", "--json", "--top", "1", Short.photo] + chosen + options
        ).json()
        return try #require(given.first?.top.first).probability
      }
      #expect(try probability([]) == probability(["--option", "heads=2"]))
      #expect(try probability([]) != probability(["--option", "heads=1"]))
      #expect(try probability(["--option", "alpha=1"]) == probability(["--option", "heads=1"]))
      let unknown = "spaceship,teapot"
      #expect(try probability([], classes: unknown) == probability(["--option", "heads=1"], classes: unknown))
      #expect(try probability([], classes: unknown) != probability(["--option", "heads=2"], classes: unknown))

      // The server decides as predict does, for the run's classes and for others.
      try place.serving("runs/a") { server in
        let photo = try Data(contentsOf: URL(filePath: Short.photo))
        for (query, classes) in [("?top=1", ""), ("?top=1&classes=\(unknown)", unknown)] {
          let served = try server.classify(photo, query: query).classification().results.first?.top?.first
          #expect(try #require(served).probability == probability([], classes: classes))
        }
      }

      let measured = try place.cocoop("evaluate --run runs/a --classes new --split val --option heads=2")
      #expect(measured.status == 0)
      #expect(
        measured.errors.hasSuffix("note: The evaluation is not kept, since --option says otherwise than the run.\n"))
      let refused = try place.cocoop("evaluate --run runs/a --option depth=2")
      #expect(refused.status == 1)
      #expect(
        refused.errors == "Error: An option of a finished run of MMRL must be alpha or heads, found depth.\n")
      let alone = try place.cocoop(
        ["predict", "--model", "vit", "--classes", "a,b", "--option", "heads=1", Short.photo])
      #expect(alone.status == 64 && alone.errors.contains("--option is for a run: give --run."))
    }
  }

  @Test("sentences of a file are learned from, others do not resume the run, and what is no such file is refused")
  func sentences() throws {
    try withWorkplace { place in
      try writeModel(place)
      try SmallTraining.prepare(place)
      func write(_ count: Int, without missing: String = "", to path: String) throws {
        let names = SmallTraining.classes.filter { $0 != missing }
        let lists = names.map { name in (name, (0..<count).map { "the picture \($0) of a \(name)" }) }
        try place.write(JSONEncoder().encode(Dictionary(uniqueKeysWithValues: lists)), to: path)
      }
      try write(3, to: "three.json")
      try write(2, to: "two.json")
      try write(2, without: "fish", to: "fewer.json")
      let options =
        SmallTraining(method: "coprompt", views: "fresh", epochs: 2, batchSize: 4).options + ["--model", "vit"]
      func train(_ output: String, _ more: [String]) throws -> Outcome {
        try place.cocoop(options + ["--output", output] + more)
      }
      #expect(try train("runs/own", []).status == 0)
      #expect(try train("runs/three", ["--sentences", "three.json"]).status == 0)
      #expect(
        try place.bytes("runs/own/prompts.safetensors") != place.bytes("runs/three/prompts.safetensors"))
      #expect(try train("runs/three", ["--resume", "--sentences", "three.json"]).status == 0)
      let other = try train("runs/three", ["--resume", "--sentences", "two.json"])
      #expect(other.status == 1 && other.errors.contains("the sentences"), "\(other.errors)")

      let remedy = "Give a file of JSON with a list of sentences by the name of each class, all of one length.\n"
      let fewer = try train("runs/c", ["--sentences", "fewer.json"])
      #expect(fewer.status == 1 && fewer.errors.contains("it has no sentence for the class 'fish'. \(remedy)"))
      let none = try train("runs/c", ["--sentences", "data/images/fish/000.jpg"])
      #expect(none.status == 1)
      #expect(none.errors.contains("it is no object of JSON with lists of sentences. \(remedy)"))
      let maple = try place.cocoop(Short.train("maple", output: "runs/c", more: ["--sentences", "three.json"]))
      #expect(maple.status == 64 && maple.errors.contains("--sentences is for coprompt, found --method maple."))
      #expect(!place.exists("runs/c"))
    }
  }

  @Test("a model without a vision transformer, and too deep prompts, are refused in one line, and nothing is written")
  func refusals() throws {
    try withWorkplace { place in
      let refused = try place.cocoop(Short.train("maple", output: "runs/a"))
      #expect(refused.status == 1)
      #expect(
        refused.errors
          == "Error: Prompts stand among the tokens of a vision transformer, but the image tower of tiny-clip is an "
          + "EfficientNet. Take a model with a ViT, or a method that learns in the text tower alone.\n")
      #expect(!place.exists("runs/a"))
      try writeModel(place)
      let deep = try place.cocoop(
        Short.train("maple", output: "runs/a", more: ["--model", "vit", "--option", "depth=4"]))
      #expect(deep.status == 1)
      #expect(
        deep.errors == "Error: Prompts for 4 blocks were given, but the text tower has 3. Give a depth from 1 to 3.\n")
      #expect(!place.exists("runs/a"))
    }
  }

  @Test(
    "a training with a seed gives the same bytes again, and other settings do not resume it",
    arguments: ["maple", "promptsrc", "coprompt", "mmrl"])
  func repeated(method: String) throws {
    try withWorkplace { place in
      try writeModel(place)
      try SmallTraining.prepare(place)
      let training = SmallTraining(method: method, views: "fresh", epochs: 2, batchSize: 4)
      let options = training.options + ["--model", "vit"]
      #expect(try place.cocoop(options + ["--output", "runs/whole"]).status == 0)
      let again = try place.cocoop(options + ["--output", "runs/again"])
      #expect(again.status == 0)
      #expect(
        try place.bytes("runs/whole/prompts.safetensors") == place.bytes("runs/again/prompts.safetensors"))
      let other = try place.cocoop(options + ["--output", "runs/again", "--resume", "--option", "average-mean=3"])
      #expect(other.status == 1)
    }
  }
}
