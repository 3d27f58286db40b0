import Compatibility
import Foundation
import PromptLearning
import Testing

@Suite("What is written for the reference's users and their scripts is exact")
struct DocumentationTests {
  @Test("docs/compatibility.md shows the table of keys as it is")
  func table() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/compatibility.md")
    #expect(try String(contentsOf: file, encoding: .utf8).contains(KeyTable.text))
  }

  @Test("each key stands in the table once")
  func unique() {
    #expect(Set(ConfigurationKey.all.map(\.name)).count == ConfigurationKey.all.count)
  }

  @Test("a result has the lines that parse_test_res.py looks for")
  func result() {
    let evaluation = Evaluation(
      logits: (0..<1234).flatMap { $0 % 4 == 0 ? [0, 1] as [Float] : [1, 0] }, labels: (0..<1234).map { $0 / 617 },
      classNames: ["cat", "dog"], seconds: 0)
    #expect(
      ResultLines(evaluation, isPerClass: true).lines == [
        "=> result", "* total: 1,234", "* correct: 616", "* accuracy: 49.9%", "* error: 50.1%", "* macro_f1: 46.6%",
        "=> per-class result", "* class: 0 (cat)\ttotal: 617\tcorrect: 462\tacc: 74.9%",
        "* class: 1 (dog)\ttotal: 617\tcorrect: 154\tacc: 25.0%", "* average: 49.9%",
      ])
  }
}
