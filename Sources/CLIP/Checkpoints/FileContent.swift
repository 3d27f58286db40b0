import Explanations
import Foundation

/// What a file is by its first bytes, whatever its name says.
enum FileContent: Equatable {
  case safetensors
  /// What torch.save and TorchScript write: a zip archive, or the bare pickles of PyTorch before 1.6.
  case torch
  case wrongDownload(WrongDownload)
  case text
  case other

  /// More than enough for what tells these apart.
  private static let prefix = 1024

  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where the file cannot be read or is none.
  init(of url: URL) throws {
    self.init(beginning: try RegularFile.contents(of: url, atMost: Self.prefix))
  }

  init(beginning bytes: [UInt8]) {
    if let wrong = WrongDownload(beginning: bytes) {
      self = .wrongDownload(wrong)
    } else if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) || Self.isPickle(bytes) {
      self = .torch
    } else if Self.isSafetensors(bytes) {
      self = .safetensors
    } else {
      let text = String(validating: bytes.droppingPartialScalar, as: UTF8.self)
      self = text?.contains("\0") == false ? .text : .other
    }
  }

  /// The opcode that begins a pickle, and its protocol: torch writes 2 unless told otherwise.
  private static func isPickle(_ bytes: [UInt8]) -> Bool {
    bytes.count > 1 && bytes[0] == 0x80 && (2...5).contains(bytes[1])
  }

  /// Eight bytes of the header's length, then the JSON object that is the header.
  private static func isSafetensors(_ bytes: [UInt8]) -> Bool {
    bytes.count > 8 && bytes[8] == UInt8(ascii: "{") && bytes[4..<8].allSatisfy { $0 == 0 }
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
