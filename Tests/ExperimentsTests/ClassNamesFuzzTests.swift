import Experiments
import Foundation
import TestSupport
import Testing

@Suite("Damaged lists of classes are read or refused, never worse")
struct ClassNamesFuzzTests {
  @Test("ten thousand of each form, each quickly", arguments: ["txt", "csv"])
  func mutations(form: String) throws {
    let originals = [
      "txt": "bird\nsports_car\r\n\u{FEFF}café\n\n",
      "csv": "path,class,split\r\na.jpg,\"sports, car\",train\nb.jpg,bird,\n",
    ]
    var mutate = Mutation(
      seed: 20_261_124, pieces: ["\"", ",", "\r", "\n", "class", "\u{0}", "\u{FEFF}", "\u{1F600}", "_"])
    let original = Array((originals[form] ?? "").utf8)
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "classes.\(form)")
      var (read, refused) = (0, 0)
      let start = ContinuousClock.now
      for _ in 0..<10_000 {
        try Data(mutate(original)).write(to: file)
        do {
          let names = try #require(try ClassNames(list: nil, file: file.path)).names
          #expect(!names.isEmpty && !names.contains("") && Set(names).count == names.count)
          read += 1
        } catch let error as ExperimentError {
          #expect(!error.explanation.contains("\n"))
          refused += 1
        }
      }
      #expect(read > 100 && refused > 100)
      #expect(ContinuousClock.now - start < .seconds(60))
    }
  }
}
