import Acquisition
import Datasets
import Foundation
import Support
import TestSupport
import Testing

@Suite("The table of datasets holds the recorded facts")
struct DatasetTableTests {
  @Test("the split files that come with the package are the published ones, byte for byte")
  func bundledSplits() throws {
    let bundled = DatasetSource.all.flatMap(\.lists).filter(\.isBundled)
    #expect(bundled.count == 8)
    for list in bundled {
      let data = try #require(try PublishedSplits.contents(of: list))
      #expect(data.count == list.bytes && list.digest?.hash(of: data) == list.digest?.hexadecimal)
    }
  }

  @Test("needed paths are the parts that 'datasets check' asks for", arguments: PublishedDataset.allCases)
  func needs(dataset: PublishedDataset) throws {
    try withTemporaryFolder { root in
      let source = DatasetSource(of: dataset)
      let report = try PublishedDatasetReport(checking: dataset, root: root)
      let parts = report.parts.map { String($0.path.dropFirst(dataset.folder.count + 1)) }
      #expect(Set(source.needs).isSubset(of: parts))
      #expect(dataset.splitFile.map { source.lists.map(\.file).contains($0) } ?? true)
      // A list that no archive and no split file replaces has an address.
      let lists = parts.filter { $0.hasSuffix(".txt") && dataset.splitFile == nil }
      #expect(lists.allSatisfy { list in source.needs.contains(list) || source.lists.contains { $0.file == list } })
    }
  }

  @Test("what can be fetched and what cannot")
  func availability() {
    let byHand = PublishedDataset.allCases.filter { DatasetAvailability(of: $0) == .byHand }
    #expect(byHand == [.imageNet, .stanfordCars, .sun397])
  }

  /// A record of the facts next to the package, from which the table was written.
  private static let facts = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared/downloads.json").standardizedFileURL

  @Test("addresses, sizes and hashes are those of the record", .enabled(if: FileSystem.fileExists(facts.path)))
  func recordedFacts() throws {
    struct Facts: Decodable {
      struct Datasets: Decodable { let items: [Item] }
      struct Item: Decodable {
        let name: String
        let archives: [Archive]
        let splits: [List]
      }
      struct Archive: Decodable {
        let file: String
        let candidates: [String]
        let bytes: Int?
        let sha256, md5: String?
      }
      struct List: Decodable {
        let file: String
        let candidates: [String]
        let bytes: Int?
        let sha256, gitBlobSHA1: String?
      }
      let datasets: Datasets
    }
    let facts = try JSONDecoder().decode(Facts.self, from: Data(contentsOf: Self.facts)).datasets.items
    #expect(facts.count == DatasetSource.all.count)
    var compared = 0
    for item in facts {
      let source = DatasetSource(of: try #require(PublishedDataset(named: item.name)))
      for archive in source.archives {
        guard let fact = item.archives.first(where: { $0.file == archive.file }) else { continue }
        compared += 1
        #expect(archive.addresses == fact.candidates.filter { $0.hasPrefix("https") }, "\(archive.file)")
        if let bytes = fact.bytes { #expect(archive.bytes == bytes && archive.isSizeExact, "\(archive.file)") }
        for digest in archive.digests {
          #expect(digest.hexadecimal == (digest.algorithm == .md5 ? fact.md5 : fact.sha256), "\(archive.file)")
        }
        #expect(archive.digests.isEmpty == (fact.sha256 == nil && fact.md5 == nil), "\(archive.file)")
      }
      for list in source.lists where list.file != "classnames.txt" {
        let fact = try #require(item.splits.first { $0.file == list.file })
        #expect(list.addresses == fact.candidates && list.bytes == fact.bytes)
        #expect(list.digest?.hexadecimal == fact.sha256 ?? fact.gitBlobSHA1)
      }
    }
    #expect(compared >= 20)
  }
}
