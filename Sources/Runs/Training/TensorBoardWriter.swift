import Foundation
import Support

/// A file that TensorBoard reads while it grows: `events.out.tfevents.TIME.NAME`.
package final class EventFile {
  private let file: AppendedFile

  /// Starts a new file in addition to existing ones.
  ///
  /// TensorBoard reads the files of a folder in the order of their names, so that a new one must have a later time
  /// than all others, even where the clock was set back.
  ///
  /// - Parameters:
  ///   - step: the step from which records of earlier files no longer count; `nil` where all of them do.
  ///   - name: the suffix of the file's name; a file that already has it is replaced.
  /// - Throws: `WritingError`.
  package init(in folder: URL, restartingAt step: Int? = nil, name: String = "training") throws {
    let earlier = try Self.files(in: folder)
    let latest = earlier.compactMap { Int($0.time) }.max() ?? 0
    let time = max(Int(Date.now.timeIntervalSince1970), latest + 1)
    file = try AppendedFile(folder.appending(path: "\(Self.prefix)\(Self.padded(time)).\(name)"))
    try append(.fileVersion, step: 0)
    if let step { try append(.start, step: step) }
    if name != "training" {
      for old in earlier where old.name == name { unlink(folder.appending(path: old.path).path) }
    }
  }

  /// - Throws: `WritingError`.
  func append(_ message: EventMessage, step: Int) throws {
    try file.append(message.record(time: Date.now.timeIntervalSince1970, step: step))
  }

  static let prefix = "events.out.tfevents."

  private static func padded(_ time: Int) -> String {
    let digits = String(time)
    return String(repeating: "0", count: max(0, 10 - digits.count)) + digits
  }

  private static func files(in folder: URL) throws -> [(path: String, time: String, name: String)] {
    let paths = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return paths.filter { $0.hasPrefix(prefix) }.map { path in
      let parts = path.dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
      return (path, String(parts.first ?? ""), parts.count > 1 ? String(parts[1]) : "")
    }
  }
}

/// A message to TensorBoard, with the few fields that are needed (tensorboard, `compat/proto/event.proto` and
/// `summary.proto`).
///
/// Written by hand: for eleven fields, swift-protobuf would make a clean build 39 seconds longer
/// (docs/architecture.md).
package enum EventMessage {
  /// The first message of each file.
  case fileVersion
  /// A restart: earlier records of this step and later ones do not count, since the training was reset to before it.
  case start
  /// A number that is drawn as a curve.
  case scalar(tag: String, Float)
  /// A picture.
  case image(tag: String, width: Int, height: Int, png: [UInt8])

  /// The message `Event`.
  ///
  /// - Parameters:
  ///   - time: seconds since 1970.
  ///   - step: the step of the training, counted over all epochs.
  func encoded(time: Double, step: Int) -> [UInt8] {
    var event = WireMessage()
    event.add(1, time)
    if step != 0 { event.add(2, step) }
    switch self {
    case .fileVersion: event.add(3, "brain.Event:2")
    case .start:
      var session = WireMessage()
      session.add(1, 1)  // SessionLog.START
      event.add(7, session)
    case .scalar(let tag, let number):
      var value = WireMessage()
      value.add(1, tag)
      value.add(2, number)
      event.add(5, Self.summary(of: value))
    case .image(let tag, let width, let height, let png):
      var image = WireMessage()
      image.add(1, height)
      image.add(2, width)
      image.add(3, 3)  // red, green and blue
      image.add(4, png)
      var value = WireMessage()
      value.add(1, tag)
      value.add(4, image)
      event.add(5, Self.summary(of: value))
    }
    return event.bytes
  }

  private static func summary(of value: WireMessage) -> WireMessage {
    var summary = WireMessage()
    summary.add(1, value)
    return summary
  }

  /// The message as a record: length, checksum of the length, message, checksum of the message
  /// (TensorFlow, `core/lib/io/record_writer.h`).
  package func record(time: Double, step: Int) -> [UInt8] {
    let message = encoded(time: time, step: step)
    let length = Self.littleEndian(UInt64(message.count))
    return length + Self.littleEndian(CRC32C.masked(of: length)) + message
      + Self.littleEndian(CRC32C.masked(of: message))
  }

  private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian, Array.init)
  }
}

/// A message in Protocol Buffers' wire format: each field is its number and kind, then its value
/// (protobuf.dev, *Encoding*).
struct WireMessage {
  private(set) var bytes: [UInt8] = []

  private enum Kind: UInt64 { case varint = 0, eightBytes = 1, lengthAndBytes = 2, fourBytes = 5 }

  mutating func add(_ field: Int, _ value: Int) {
    tag(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  mutating func add(_ field: Int, _ value: Double) {
    tag(field, .eightBytes)
    littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, _ value: Float) {
    tag(field, .fourBytes)
    littleEndian(value.bitPattern)
  }

  mutating func add(_ field: Int, _ value: some Collection<UInt8>) {
    tag(field, .lengthAndBytes)
    varint(UInt64(value.count))
    bytes += value
  }

  mutating func add(_ field: Int, _ text: String) { add(field, text.utf8) }
  mutating func add(_ field: Int, _ message: WireMessage) { add(field, message.bytes) }

  private mutating func tag(_ field: Int, _ kind: Kind) { varint(UInt64(field) << 3 | kind.rawValue) }

  /// Appends a varint: seven bits a byte, the lowest first; the highest bit is set where more follow.
  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func littleEndian(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }
}

/// The checksum of TensorBoard's records: CRC-32 with Castagnoli's polynomial (RFC 3720, appendix B.4).
package enum CRC32C {
  /// The polynomial 1EDC6F41, bits reversed.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
  }

  package static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { sum, byte in sum >> 8 ^ table[Int(UInt8(truncatingIfNeeded: sum) ^ byte)] }
  }

  /// The checksum, rotated and shifted as record files store it, so that a checksum of data with checksums stays a good
  /// one (TensorFlow, `core/lib/hash/crc32c.h`).
  package static func masked(of bytes: some Sequence<UInt8>) -> UInt32 {
    let sum = checksum(of: bytes)
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}
