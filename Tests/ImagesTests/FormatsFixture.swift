import Foundation
import Images

/// The recording of Pillow and torchvision by Scripts/oracle/record_formats.py.
struct FormatsFixture: Decodable {
  struct Oriented: Decodable {
    let upright: Fixture.Record
    let wide: Fixture.Record
    let high: Fixture.Record
    let crop: Fixture.Record
  }
  struct View: Decodable {
    let from: [Int]
    let region: [Int]
    let filter: Interpolation
    let width: Int
    let height: Int
    let digest: String
    var record: Fixture.Record { Fixture.Record(width: width, height: height, digest: digest) }
  }
  struct Sliver: Decodable {
    let from: [Int]
    let size: Int
    let width: Int
    let height: Int
    let digest: String
    var record: Fixture.Record { Fixture.Record(width: width, height: height, digest: digest) }
  }

  let samples: [String: Fixture.Record]
  let cuts: [String: [Fixture.Cut]]
  let oriented: [String: Oriented]
  let views: [View]
  let slivers: [Sliver]

  static let recorded = Result {
    try JSONDecoder().decode(
      FormatsFixture.self, from: Data(contentsOf: Fixture.folder.appending(path: "formats.json")))
  }

  static func sample(_ name: String) throws -> Data {
    try Data(contentsOf: Fixture.folder.appending(path: "formats/\(name)"))
  }
}
