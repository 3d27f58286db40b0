import Embedded
import Foundation
import Images

/// The recording of Pillow and torchvision by Scripts/oracle/record_images.py.
struct Fixture: Decodable {
  /// A picture's size and digest.
  struct Record: Decodable, Equatable {
    let width: Int
    let height: Int
    let digest: String
  }
  struct Cut: Decodable {
    let length: Int
    let reads: Bool
  }
  struct OddSize: Decodable {
    let from: [Int]
    let filter: Interpolation
    let width: Int
    let height: Int
    let digest: String
    var record: Record { Record(width: width, height: height, digest: digest) }
  }
  struct View: Decodable {
    let from: [Int]
    let size: Int
    let shorterEdge: Record
    let centre: Record
    let both: Record
  }
  struct Photo: Decodable {
    let decoded: Record
    let down: Record
    let up: Record
    let bilinear: Record
  }
  struct Distribution: Decodable {
    let mean: Double
    let quantiles: [Double]
  }
  struct RandomCrops: Decodable {
    let from: [Int]
    let draws: Int
    let levels: [Double]
    let area: Distribution
    let ratio: Distribution
    let x: Distribution
    let y: Distribution
  }

  let samples: [String: Record]
  let cuts: [String: [Cut]]
  let oddSizes: [OddSize]
  let views: [View]
  let randomCrops: [RandomCrops]
  let clipart: [String: Photo]
  let photos: [String: Photo]

  static let folder = Bundle.module.bundleURL.appending(path: "Fixtures")
  static let recorded = Result {
    try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: folder.appending(path: "images.json")))
  }

  static func sample(_ name: String) throws -> Data {
    try Data(contentsOf: folder.appending(path: "samples/\(name)"))
  }

  /// The folder `../shared` next to the package, with the photos of Caltech101 and Flowers102; nil where there is none.
  static let shared: URL? = {
    let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    let folder = package.deletingLastPathComponent().appending(path: "shared")
    let isThere = FileManager.default.fileExists(atPath: folder.appending(path: "data/caltech-101").path)
    return isThere ? folder : nil
  }()

  /// The picture of `synthetic` in the script: byte i is the top byte of i² · 2654435761 modulo 2³².
  static func synthetic(width: Int, height: Int) throws -> Image {
    let pixels = [UInt8](unsafeUninitializedCapacity: 3 * width * height) { buffer, count in
      var i: UInt32 = 0
      while i < buffer.count {
        buffer[Int(i)] = UInt8(truncatingIfNeeded: (i &* i &* 2_654_435_761) >> 24)
        i &+= 1
      }
      count = buffer.count
    }
    return try Image(width: width, height: height, pixels: pixels)
  }
}

extension Image {
  var record: Fixture.Record { Fixture.Record(width: width, height: height, digest: digest) }

  /// The bytes as little-endian 64-bit words, zero-padded, as a polynomial modulo 2⁶⁴: fast also in a debug build.
  private var digest: String {
    let words = pixels.withUnsafeBytes { bytes in
      var sum: UInt64 = 0
      var offset = 0
      while offset + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        sum = sum &* 0x9E37_79B9_7F4A_7C15 &+ word
        offset += 8
      }
      if offset < bytes.count {
        let word = bytes[offset...].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        sum = sum &* 0x9E37_79B9_7F4A_7C15 &+ word
      }
      return sum
    }
    let digits = String(words, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
