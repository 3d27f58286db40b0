import Foundation

/// What a file is by its first bytes, whatever its name says.
enum FileContent: Equatable {
  case safetensors
  /// What torch.save and TorchScript write: a zip archive, or the bare pickles of PyTorch before 1.6.
  case torch
  /// The stand-in that Git keeps for a large file; `bytes` is the size that it states of the real one.
  case gitLFSPointer(bytes: Int?)
  case webPage
  case text
  case empty
  case other

  /// More than enough for what tells these apart.
  private static let prefix = 1024

  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where the file cannot be read or is none.
  init(of url: URL) throws {
    self.init(beginning: try RegularFile.contents(of: url, atMost: Self.prefix))
  }

  init(beginning bytes: [UInt8]) {
    if bytes.isEmpty {
      self = .empty
    } else if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) || bytes.starts(with: [0x80, 0x02]) {
      self = .torch
    } else if Self.isSafetensors(bytes) {
      self = .safetensors
    } else if let text = String(validating: bytes.droppingPartialScalar, as: UTF8.self), !text.contains("\0") {
      self = Self.content(of: text)
    } else {
      self = .other
    }
  }

  /// Eight bytes of the header's length, then the JSON object that is the header.
  private static func isSafetensors(_ bytes: [UInt8]) -> Bool {
    bytes.count > 8 && bytes[8] == UInt8(ascii: "{") && bytes[4..<8].allSatisfy { $0 == 0 }
  }

  private static func content(of text: String) -> FileContent {
    if text.hasPrefix("version https://git-lfs.github.com/spec/") {
      let size = text.split(separator: "\n").first { $0.hasPrefix("size ") }?.dropFirst(5)
      return .gitLFSPointer(bytes: size.flatMap { Int($0) })
    }
    let start = text.trimmingPrefix { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(100).lowercased()
    return ["<!doctype html", "<html", "<?xml", "<head"].contains { start.hasPrefix($0) } ? .webPage : .text
  }
}

extension [UInt8] {
  /// Without the beginning of a UTF-8 sequence that the end cuts off.
  fileprivate var droppingPartialScalar: ArraySlice<UInt8> {
    let continuation = reversed().prefix { $0 & 0xC0 == 0x80 }.count
    guard continuation < 4, continuation < count, self[count - 1 - continuation] >= 0xC0 else { return self[...] }
    return dropLast(continuation + 1)
  }
}
