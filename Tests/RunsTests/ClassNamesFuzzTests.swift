import Foundation
import Runs
import Testing
import TestSupport

@Suite("Damaged lists of classes are read or refused, never worse")
struct ClassNamesFuzzTests {
  @Test("of each form", arguments: ["txt", "csv"])
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
      let report = try Fuzzing("list of classes, \(form)", usually: 3000, allowance: 256 << 10) { _ in
        let damaged = mutate(original)
        try Data(damaged).write(to: file)
        return damaged
      } read: { _ in
        try ClassNames(list: nil, file: file.path)?.names ?? []
      } check: { names in
        #expect(!names.isEmpty && !names.contains("") && Set(names).count == names.count)
      }
      #expect(report.problems.isEmpty)
      #expect(report.read > 20 && report.refused > 20)
    }
  }
}
