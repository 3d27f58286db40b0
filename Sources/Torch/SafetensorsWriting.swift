import Foundation
import Support

extension SafetensorsFile {
  /// Writes tensors to a file, which appears whole or not at all.
  ///
  /// The largest elements come first, so that every tensor is aligned; then the names decide. Python's `safetensors`
  /// writes the same file, byte for byte. One tensor at a time is copied.
  ///
  /// - Throws: ``TorchError`` where a name or an element type cannot be written; `WritingError` with the system's
  ///   reason. An earlier file at `url` is then unchanged.
  public static func write(
    _ tensors: [String: Tensor], metadata: [String: String] = [:], to url: URL
  ) throws {
    let parts = try tensors.map { name, tensor in
      try Part(name: name, kind: tensor.kind, shape: tensor.shape) { tensor }
    }
    try write(parts, metadata, to: url)
  }

  /// Writes the tensors of another file as elements of one kind, reading one at a time.
  ///
  /// - Throws: the errors of ``write(_:metadata:to:)``, and those of reading.
  public static func write(
    _ source: any TensorFile, as kind: Tensor.Kind, metadata: [String: String] = [:], to url: URL
  ) throws {
    let parts = try source.names.map { name in
      try Part(name: name, kind: kind, shape: source.shape(of: name) ?? []) {
        try source.tensor(name).converted(to: kind)
      }
    }
    try write(parts, metadata, to: url)
  }

  private static func write(_ parts: [Part], _ metadata: [String: String], to url: URL) throws {
    guard !parts.contains(where: { $0.name == SafetensorsHeader.metadataKey }) else {
      throw TorchError.safetensors(path: url.path, .reservedName)
    }
    let parts = parts.sorted()
    let header = header(parts, metadata)
    try AtomicFile.write(to: url) { append in
      try withUnsafeBytes(of: UInt64(header.count).littleEndian, append)
      try header.withUnsafeBytes(append)
      for part in parts {
        let bytes = try part.tensor().bytes()
        guard bytes.count == part.byteCount else {
          throw TorchError.elementCount(shape: part.shape, found: bytes.count / part.kind.bytesPerElement)
        }
        try bytes.withUnsafeBytes(append)
      }
    }
  }

  private struct Part: Comparable {
    let name: String
    let kind: Tensor.Kind
    let shape: [Int]
    let tensor: () throws -> Tensor
    var byteCount: Int { shape.reduce(1, *) * kind.bytesPerElement }

    init(name: String, kind: Tensor.Kind?, shape: [Int], tensor: @escaping () throws -> Tensor) throws {
      guard let kind else { throw TorchError.kind(operation: "write", expected: .float32, found: nil) }
      self.name = name
      self.kind = kind
      self.shape = shape
      self.tensor = tensor
    }

    static func == (left: Part, right: Part) -> Bool { left.name == right.name }

    static func < (left: Part, right: Part) -> Bool {
      (right.kind.bytesPerElement, left.kind.rawValue, left.name)
        < (left.kind.bytesPerElement, right.kind.rawValue, right.name)
    }
  }

  /// The header, padded with spaces to a multiple of eight bytes.
  private static func header(_ parts: [Part], _ metadata: [String: String]) -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\($0.key.asJSON):\($0.value.asJSON)" }
      members.append("\(SafetensorsHeader.metadataKey.asJSON):{\(pairs.joined(separator: ","))}")
    }
    var start = 0
    for part in parts {
      let end = start + part.byteCount
      let shape = part.shape.map(String.init).joined(separator: ",")
      members.append(
        #"\#(part.name.asJSON):{"dtype":"\#(part.kind.rawValue)","shape":[\#(shape)],"data_offsets":[\#(start),\#(end)]}"#
      )
      start = end
    }
    let header = Array("{\(members.joined(separator: ","))}".utf8)
    return header + [UInt8](repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
  }
}

extension String {
  /// The text as a JSON string.
  fileprivate var asJSON: String {
    let escaped = unicodeScalars.reduce(into: "") { text, scalar in
      switch scalar {
      case "\"", "\\": text += "\\\(scalar)"
      case "\u{8}": text += "\\b"
      case "\t": text += "\\t"
      case "\n": text += "\\n"
      case "\u{C}": text += "\\f"
      case "\r": text += "\\r"
      case "\0"..<" ": text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: text.unicodeScalars.append(scalar)
      }
    }
    return "\"\(escaped)\""
  }
}
