import CLIP
import Datasets
import Embedded
import Foundation
import PromptLearning
import Testing

@Suite("The first article of the documentation is true")
struct DocumentationTests {
  /// The article's first code block, with `shots` for its 16 and `epochs` for its 10.
  func mainFlow(shots: Int, epochs: Int) throws {
    // main flow
    let clip = try CLIPModel(weights: Embedded.tinyCLIP)  // frozen
    let data = try Dataset(at: Embedded.openclipart).fewShot(shots, seed: 1).base
    let learner = try ConditionalPrompts(for: data.classNames, initialContext: "a photo of a", clip: clip)
    var trainer = Trainer(Classifier(clip, learner), configuration: .cocoop, seed: 1)
    for epoch in 0..<epochs { print(try trainer.runEpoch(epoch, on: data)) }
    print(try Evaluator(trainer.classifier).report(on: data))
    // new classes
    let new = try Dataset(at: Embedded.openclipart).new
    let named = try trainer.classifier.learner.withClasses(new.classNames, on: clip)
    print(try Evaluator(Classifier(clip, named)).report(on: new))
    // end
  }

  @Test("its code runs")
  func runs() throws { try mainFlow(shots: 1, epochs: 1) }

  @Test("the code that runs is the code that it prints")
  func isThatOfTheArticle() throws {
    let source = try lines(of: "Tests/PromptLearningTests/DocumentationTests.swift")
    let article = try lines(of: "Sources/PromptLearning/PromptLearning.docc/GettingStarted.md")
    for (start, end) in [("// main flow", "// new classes"), ("// new classes", "// end")] {
      let code = source.drop { $0 != "    \(start)" }.dropFirst().prefix { $0 != "    \(end)" }.map { line in
        line.dropFirst(4).replacing("fewShot(shots", with: "fewShot(16").replacing("0..<epochs", with: "0..<10")
      }
      #expect(!code.isEmpty)
      #expect(article.indices.contains { article[$0...].starts(with: code) })
    }
  }

  private func lines(of path: String) throws -> [Substring] {
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: package.appending(path: path), encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }
}
