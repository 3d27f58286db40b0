import Foundation
import PromptLearning
import Runs
import Testing

@Suite("A person reads what runs have learned")
struct ReportCommandTests {
  @Test("a page is made of runs, with the evaluations that they lacked, and made again")
  func report() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/zero-shot"))
      try place.cocoop(Short.train("cocoop", output: "runs/cocoop"))
      let made = try place.cocoop("report runs --quiet")
      #expect(made.status == 0 && made.errors.isEmpty && made.output == "report.html\n", "\(made.errors)")
      let page = try String(contentsOf: place.file("report.html"), encoding: .utf8)
      for part in [
        "<h1>Prompt learning on openclipart</h1>", "CoCoOp on the new classes", "What the conditional token",
        "Context vectors of CoCoOp as words", "shifted by the token of one image", "data:image/jpeg;base64,",
        "2 runs with tiny-clip",
      ] {
        #expect(page.contains(part), "\(part)")
      }
      #expect(!page.contains("Not everything could be shown") && !page.contains(place.url.path))
      #expect(place.exists("runs/cocoop/evaluations/openclipart-new-test/evaluation.json"))

      struct Printed: Decodable { let report: String, bytes: Int }
      let again: Printed = try place.cocoop("report runs/zero-shot runs/cocoop --as-is --json --quiet").json()
      #expect(again.report == "report.html" && again.bytes > 100_000)
      #expect(try place.cocoop("report runs --quiet").output == "report.html\n")
      #expect(try String(contentsOf: place.file("report.html"), encoding: .utf8) == page)
    }
  }

  @Test("contexts of each class's own are measured on their classes alone, and prompts of others as they were imported")
  func otherRuns() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("coop", output: "runs/own", more: ["--class-specific"]))
      // There are as many new classes as base classes: only their names distinguish them.
      #expect(
        try place.cocoop("evaluate --run runs/own --classes new --quiet").errors
          == "Error: These contexts were learned for 14 classes, one set each, and there is none for 'insect'."
          + " Evaluate them on the classes they were learned for, or learn unified contexts.\n")
      try place.cocoop("prompts export --run runs/own own.pth.tar")
      let data = ["--model", "tiny-clip", "--data", "openclipart"]
      try place.cocoop(["prompts", "import", "own.pth.tar", "--output", "runs/imported"] + data)
      try place.cocoop("prompts import own.pth.tar --model tiny-clip --output runs/unknown")
      #expect(try place.cocoop("report runs --quiet").status == 0)
      let page = try String(contentsOf: place.file("report.html"), encoding: .utf8)
      for part in [
        "<h1>Prompt learning on openclipart</h1>", "CoOp, class-specific", "CoOp, imported",
        "Vectors of the class arrow", "Nothing was measured here so far.",
        "<a href=\"#remarks\">1 remark</a>",
        "does not say which data its prompts were learned on. Name it with --data.",
      ] {
        #expect(page.contains(part), "\(part)")
      }
      #expect(!page.contains("on the new classes"))
      let evaluations = place.contents.filter { $0.hasSuffix("/evaluation.json") }
      #expect(
        evaluations == ["imported", "own"].map { "runs/\($0)/evaluations/openclipart-base-test/evaluation.json" })
    }
  }

  @Test("a path without runs and a file that is no report end in a line, and nothing is written")
  func refusals() throws {
    try withWorkplace { place in
      try place.write("Dear Ada", to: "letter.html")
      try place.write("", to: "photos/a.txt")
      for (line, expected) in [
        ("report nowhere", "Error: FOLDER/nowhere is no run: there is nothing at this path."),
        ("report photos", "Error: There is no run in FOLDER/photos, nor below it."),
        (
          "report photos --output letter.html",
          "Error: There is a file FOLDER/letter.html already, and it is no report."
        ),
        ("report photos --output photos", "Error: FOLDER/photos is a folder, where a file is to be written."),
        ("report photos --output no/page.html", "Error: Cannot write FOLDER/no/page.html: No such file or directory."),
      ] {
        let outcome = try place.cocoop(line)
        #expect(outcome.status == 1 && outcome.errors.hasPrefix(expected), "\(outcome.errors)")
      }
      #expect(place.contents == ["letter.html", "photos", "photos/a.txt"])
    }
  }

  @Test("context vectors are read as words: shared ones, those of each class, and those that an image shifts")
  func words() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("cocoop", output: "runs/a"))
      let shared: ContextWords = try place.cocoop(
        ["prompts", "words", "--run", "runs/a", "--image", Short.photo, "--top", "3", "--json"]
      ).json()
      #expect(shared.contexts.count == 2 && shared.contexts.map(\.class) == [nil, nil])
      #expect(shared.contexts[0].image == nil && shared.contexts[1].image == Short.photo)
      #expect(shared.contexts.allSatisfy { $0.vectors.count == 4 && $0.vectors.allSatisfy { $0.count == 3 } })
      // One epoch of warm-up hardly changes the initial words of the vectors.
      #expect(shared.contexts[0].vectors.map { $0[0].token } == ["a</w>", "photo</w>", "of</w>", "a</w>"])
      #expect(shared.contexts[0].vectors[0][0].distance < shared.contexts[1].vectors[0][0].distance)

      try place.cocoop(Short.train("coop", output: "runs/b", more: ["--class-specific"]))
      let own: ContextWords = try place.cocoop("prompts words --run runs/b --json").json()
      #expect(own.contexts.count == 14 && own.contexts.allSatisfy { $0.class != nil && $0.vectors.count == 4 })
      let text = try place.cocoop("prompts words --run runs/b --top 1")
      #expect(text.output.hasPrefix("arrow\nv1  a (0.") && text.output.split(separator: "\n").count == 14 * 5)

      try place.cocoop(Short.train("zero-shot", output: "runs/c"))
      for (arguments, expected) in [
        (["--run", "runs/c"], "has no context vectors: zero-shot CLIP learns none. Give a run of coop or cocoop."),
        (["--run", "runs/b", "--image", Short.photo], "are the same for every image: CoOp does not look at one."),
        (["--run", "runs/a", "--image", "none.jpg"], "none.jpg"),
      ] {
        let outcome = try place.cocoop(["prompts", "words"] + arguments)
        #expect(outcome.status == 1 && outcome.output.isEmpty && outcome.errors.contains(expected), "\(outcome.errors)")
      }
    }
  }
}
