import Archives
import Foundation
import Support
import Testing
import WebDataset

@Suite("Samples are those that the webdataset library finds")
struct OracleTests {
  /// What `Scripts/oracle/record_webdataset.py` recorded.
  private struct Recorded: Decodable {
    struct Sample: Decodable, Equatable {
      let key: String
      /// The contents by extension.
      var files: [String: String]
    }

    let samples: [String: [Sample]]
    let braces: [String: [String]]
  }

  private static let folder = Bundle.module.bundleURL.appending(path: "Fixtures")

  private static func recorded() throws -> Recorded {
    try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: folder.appending(path: "webdataset.json")))
  }

  private static func samples(of tar: URL) throws -> [Recorded.Sample] {
    try withArchiveNames {
      let stream = try TarStream(tar.path)
      var grouping = SampleGrouping()
      var samples: [Recorded.Sample] = []
      while let member = try stream.next() {
        guard member.kind == .file, let name = SampleName(member.path) else { continue }
        if grouping.begins(name) { samples.append(.init(key: String(decoding: name.key, as: UTF8.self), files: [:])) }
        let contents = String(decoding: try stream.contents(of: member), as: UTF8.self)
        samples[samples.count - 1].files[name.fileExtension] = contents
      }
      return samples
    }
  }

  @Test("keys, extensions and contents of GNU's, pax's and ustar's form, and under gzip")
  func samples() throws {
    let recorded = try Self.recorded().samples
    #expect(recorded.count == 19)
    for (name, samples) in recorded {
      #expect(try Self.samples(of: Self.folder.appending(path: name)) == samples, "\(name)")
    }
  }

  @Test("lists are expanded as braceexpand does")
  func braces() throws {
    for (pattern, names) in try Self.recorded().braces {
      #expect(try TarList(pattern).names() == names, "\(pattern)")
    }
  }
}
