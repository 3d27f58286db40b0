import Foundation
import Runs
import Testing
import TestSupport

@Suite("Event files are framed and encoded as TensorBoard's own writer does it")
struct TensorBoardTests {
  /// The recordings of `Scripts/oracle/record_events.py`.
  struct Recordings: Decodable {
    let time: Double
    let checksums: [Checksum]
    let events: [Event]

    struct Checksum: Decodable {
      let bytes: String
      let plain, masked: UInt32
    }

    struct Event: Decodable, CustomTestStringConvertible {
      let kind: String
      let step: Int
      let tag: String?
      let number: Float?
      let width, height: Int?
      let png: String?
      let record: String

      var testDescription: String { "\(kind) \(tag ?? "")" }

      func message() throws -> EventMessage {
        switch kind {
        case "fileVersion": return .fileVersion
        case "start": return .start
        case "scalar": return .scalar(tag: try #require(tag), try #require(number))
        default:
          return .image(
            tag: try #require(tag), width: try #require(width), height: try #require(height),
            png: try #require(png).bytes)
        }
      }
    }

    static let all: Recordings = {
      do {
        guard
          let file = Bundle.module.url(
            forResource: "tensorboard-events", withExtension: "json", subdirectory: "Fixtures")
        else { fatalError("the fixture tensorboard-events.json is missing") }
        return try JSONDecoder().decode(Recordings.self, from: Data(contentsOf: file))
      } catch {
        fatalError("tensorboard-events.json: \(error)")
      }
    }()
  }

  @Test("checksums, plain and masked")
  func checksums() {
    for recorded in Recordings.all.checksums {
      #expect(CRC32C.checksum(of: recorded.bytes.bytes) == recorded.plain)
      #expect(CRC32C.masked(of: recorded.bytes.bytes) == recorded.masked)
    }
  }

  @Test("each message is the same record, byte for byte", arguments: Recordings.all.events)
  func records(of event: Recordings.Event) throws {
    #expect(try event.message().record(time: Recordings.all.time, step: event.step) == event.record.bytes)
  }

  @Test("a new file sorts after those that are there, though the clock was set back")
  func order() throws {
    try withTemporaryFolder { folder in
      let future = folder.appending(path: "events.out.tfevents.9000000000.training")
      try Data().write(to: future)
      _ = try EventFile(in: folder)
      _ = try EventFile(in: folder, restartingAt: 7)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      #expect(names == [0, 1, 2].map { "events.out.tfevents.\(9_000_000_000 + $0).training" })
      let sizes = try names.map { try Data(contentsOf: folder.appending(path: $0)).count }
      #expect(sizes[0] == 0 && sizes[1] > 0 && sizes[2] > sizes[1])
    }
  }
}

extension String {
  /// The bytes of a text of hexadecimal digits.
  fileprivate var bytes: [UInt8] {
    let digits = Array(utf8).map { UInt8($0 < 58 ? $0 - 48 : $0 - 87) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
