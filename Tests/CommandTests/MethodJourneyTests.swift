import Foundation
import Prediction
import PromptLearning
import TestSupport
import Testing

@Suite("Everything around the methods works for each of them")
struct MethodJourneyTests {
  private struct Exported: Decodable {
    let file: String
  }

  @Test(
    "each is trained, measured, asked, listed, compared, reported, exported and imported, or refused in one line",
    arguments: PromptLearning.Method.all.map(\.id))
  func journey(id: String) throws {
    let method = try #require(PromptLearning.Method.all.first { $0.id == id })
    try withWorkplace { place in
      try FormulaWeights.writeTransformers(to: place.file("vit"))
      func train(_ id: String, _ output: String) throws -> Outcome {
        try place.cocoop(Short.train(id, output: output, more: ["--model", "vit", "--no-cache"]))
      }
      func works(_ line: String) throws -> Outcome {
        let outcome = try place.cocoop(line)
        #expect(outcome.status == 0, "\(line): \(outcome.errors)")
        return outcome
      }
      func isRefused(_ line: String) throws {
        let outcome = try place.cocoop(line)
        #expect(outcome.status == 1 && hasOneError(outcome), "\(line): \(outcome.errors)")
      }
      /// Notices, such as of the classes that are left out, may come before the error.
      func hasOneError(_ outcome: Outcome) -> Bool {
        outcome.errors.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("Error: ") }.count == 1
      }
      let trained = try train(id, "runs/a")
      #expect(trained.status == 0 && trained.errors.isEmpty, "\(trained.errors)")

      // Measured on its own classes, and on new ones where it names them.
      let own: Evaluation = try works("evaluate --run runs/a --split val --json").json()
      #expect(own.classes == 14 && own.images > 0 && (0...100).contains(own.accuracy))
      let new = "evaluate --run runs/a --classes new --split val --json"
      if method.namesOtherClasses { _ = try works(new) } else { try isRefused(new) }

      // Asked, fast where it can.
      let answers: [Prediction] = try place.cocoop(["predict", "--run", "runs/a", "--json", Short.photo]).json()
      #expect(answers[0].top.count == 5)
      let fast = try place.cocoop(["predict", "--run", "runs/a", "--fast", Short.photo])
      #expect(
        method.answersFast
          ? fast.status == 0 : fast.status == 1 && hasOneError(fast) && fast.errors.contains("cannot answer fast"),
        "\(fast.errors)")
      let words = "prompts words --run runs/a --top 2"
      if method.learnsContexts { _ = try works(words) } else { try isRefused(words) }

      // Listed, compared and reported beside another run.
      #expect(try train("zero-shot", "runs/plain").status == 0)
      _ = try works("evaluate --run runs/plain --split val")
      #expect(try works("runs show runs/a").output.contains(method.title))
      #expect(try works("runs list runs").output.contains(id))
      #expect(try works("runs compare runs/plain runs/a").output.contains("runs/a"))
      _ = try works("report runs/a runs/plain -o report.html")
      #expect(try String(contentsOf: place.file("report.html"), encoding: .utf8).contains(method.title))

      // Served with the same answer.
      try place.serving("runs/a") { server in
        let served = try server.classify(Data(contentsOf: URL(filePath: Short.photo))).classification()
        #expect(served.results.first?.top?.first?.class == answers[0].top.first?.class)
      }

      // To its authors' program and back, with the same answers.
      let export = "prompts export --run runs/a out --json"
      guard method.traits.contains(.learns), method.reference != nil else { return try isRefused(export) }
      let file: Exported = try works(export).json()
      #expect(place.exists(file.file))
      try isRefused(export)
      _ = try works("prompts import out --method \(id) --model vit --data openclipart --output runs/b")
      let back: [Prediction] = try place.cocoop(["predict", "--run", "runs/b", "--json", Short.photo]).json()
      if !id.hasPrefix("tip-") { #expect(answers == back) }  // without α and β, which are in no file
      #expect(back[0].top.count == 5)
    }
  }

  @Test("a comparison plans each by its authors' own recipe")
  func plans() throws {
    try withWorkplace { place in
      try FormulaWeights.writeTransformers(to: place.file("vit"))
      let ids = PromptLearning.Method.all.map(\.id).joined(separator: ",")
      let outcome = try place.cocoop(
        "reproduce base-to-new --datasets openclipart --model vit --seeds 1 --methods \(ids) --plan")
      #expect(outcome.status == 0, "\(outcome.errors)")
      for method in PromptLearning.Method.all {
        #expect(outcome.output.contains("openclipart/\(method.id)-seed1"), "\(outcome.output)")
      }
    }
  }
}
