/// What TensorBoard is told, with the few fields of its messages that are needed (tensorboard, `compat/proto/event.proto`
/// and `summary.proto`).
///
/// Written by hand: for eleven fields, swift-protobuf would make a clean build 39 seconds longer (docs/architecture.md).
package enum EventMessage {
  /// The first of each file.
  case fileVersion
  /// What an earlier file says of this step and later ones does not count: the training went back to before it.
  case start
  /// A number that is drawn as a curve.
  case scalar(tag: String, Float)
  /// A picture.
  case image(tag: String, width: Int, height: Int, png: [UInt8])

  /// The message `Event`.
  ///
  /// - Parameters:
  ///   - time: in seconds since 1970.
  ///   - step: of the training, all epochs counted on.
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
