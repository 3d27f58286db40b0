import Foundation
import Prediction
import PromptLearning
import Testing

@Suite("Prompts go to the reference and come back, and either form is evaluated and asked")
struct PromptFileTests {
  @Test("a run is exported, imported and measured from each of its forms with equal results")
  func journey() throws {
    try withWorkplace { place in
      #expect(try place.cocoop(Short.train("coop", output: "runs/a")).status == 0)
      let exported = try place.cocoop("prompts export --run runs/a out")
      #expect(exported.status == 0 && exported.errors.isEmpty, "\(exported.errors)")
      #expect(place.exists("out/prompt_learner/checkpoint"))
      let file = "out/prompt_learner/model.pth.tar-1"
      #expect(exported.output == "\(file)\n" && place.exists(file))
      #expect(
        try place.cocoop("prompts export --run runs/a out").errors.contains(
          "Choose another place or replace it with --force."))

      let run = "prompts import out --model tiny-clip --data openclipart --output runs/b"
      let imported = try place.cocoop(run)
      #expect(imported.status == 0 && imported.errors.isEmpty, "\(imported.errors)")
      #expect(imported.output == "CoOp with contexts [4, 256] in float32, epoch 1: runs/b\n")
      #expect(try place.cocoop(run).errors.contains("runs/b already. Choose another --output"))
      #expect(try place.cocoop("prompts export --run runs/b again.pth.tar").status == 0)
      #expect(try Data(contentsOf: place.file("again.pth.tar")) == Data(contentsOf: place.file(file)))

      let measure = "--classes new --split val --json"
      let trained: Evaluation = try place.cocoop("evaluate --run runs/a \(measure)").json()
      for form in [
        "runs/b", "out --model tiny-clip --data openclipart", "\(file) --model tiny-clip --data openclipart",
      ] {
        let measured: Evaluation = try place.cocoop("evaluate --run \(form) \(measure)").json()
        #expect(measured.accuracy == trained.accuracy && measured.macroF1 == trained.macroF1, "\(form)")
      }
      let own: [Prediction] = try place.cocoop(["predict", "--run", "runs/a", "--json", Short.photo]).json()
      let back: [Prediction] = try place.cocoop(["predict", "--run", "runs/b", "--json", Short.photo]).json()
      #expect(own == back)
      let direct: [Prediction] = try place.cocoop(
        ["predict", "--run", file, "--model", "tiny-clip", "--classes", "bird,cat", "--json", Short.photo]
      ).json()
      #expect(direct[0].top.count == 2)

      // Facts that a file of the reference lacks must be given.
      for (line, lacking) in [
        ("evaluate --run out --data openclipart", "which model its prompts were learned on. Name it with --model."),
        ("evaluate --run out --model tiny-clip", "which data its prompts were learned on. Name it with --data."),
        ("predict --run out --model tiny-clip photo.jpg", "which classes its prompts were learned on. Name them with"),
        (
          "prompts import out --model tiny-clip --data openclipart --classes all --output runs/c",
          "was learned for 14 classes, but 28 are named."
        ),
      ] {
        let outcome = try place.cocoop(line)
        #expect(outcome.status == 1 && outcome.errors.contains(lacking), "\(line): \(outcome.errors)")
      }
      #expect(!place.exists("runs/c"))
    }
  }

  @Test("the examples in the help are commands")
  func examples() throws {
    try withWorkplace { place in
      for command in ["import", "export"] {
        let help = try place.cocoop("prompts \(command) --help")
        #expect(help.status == 0 && help.output.contains("cocoop prompts \(command) "))
      }
      let example = try place.cocoop("prompts export --run runs/first exported")
      #expect(example.status == 1 && example.errors.contains("runs/first is no run: there is nothing at this path"))
    }
  }
}
