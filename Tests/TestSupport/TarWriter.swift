import Foundation

/// A tar that a test writes header by header, good ones and bad ones (POSIX.1-1988 ustar).
public struct TarWriter: Sendable {
  public private(set) var data = Data()

  public init() {}

  /// - Parameters:
  ///   - type: the type flag; a link's contents are empty.
  ///   - size: what the header claims, where it is not the truth.
  ///   - isRaw: whether the name is written as it is and the sum is wrong.
  public mutating func add(
    _ name: String, _ contents: Data = Data(), type: Character = "0", linkedTo target: String = "", size: Int? = nil,
    isDamaged: Bool = false
  ) {
    var header = Data(count: 512)
    func put(_ text: String, at offset: Int, _ width: Int) {
      for (index, byte) in text.utf8.prefix(width).enumerated() { header[offset + index] = byte }
    }
    func octal(_ number: Int, _ digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    put(name, at: 0, 100)
    for (offset, width) in [(100, 7), (108, 7), (116, 7), (136, 11)] { put(octal(0o644, width), at: offset, width) }
    put(octal(size ?? contents.count, 11), at: 124, 11)
    put(String(type), at: 156, 1)
    put(target, at: 157, 100)
    put("ustar\u{0}00", at: 257, 8)
    put("        ", at: 148, 8)
    put(octal(header.reduce(isDamaged ? 1 : 0) { $0 + Int($1) }, 6) + "\u{0} ", at: 148, 8)
    data += header + contents + Data(count: (512 - contents.count % 512) % 512)
  }

  /// The tar with its end mark.
  public var whole: Data { data + Data(count: 1024) }
}
