import Foundation

/// The first bytes of files that are commonly mistaken for readable pictures, each with a description.
private let knownOpenings: [(offset: Int, opening: [UInt8], name: String)] = [
  (4, Array("ftyp".utf8), "a video"),
  (0, [0xFF, 0x0A], "a JPEG XL image"),
  (0, [0x00, 0x00, 0x00, 0x0C] + Array("JXL ".utf8), "a JPEG XL image"),
  (0, [0x00, 0x00, 0x00, 0x0C] + Array("jP  ".utf8), "a JPEG 2000 image"),
  (0, [0x00, 0x00, 0x01, 0x00], "an icon"),
  (0, Array("8BPS".utf8), "a Photoshop document"),
  (0, Array("%PDF".utf8), "a PDF document"),
  (0, [0x50, 0x4B, 0x03, 0x04], "a ZIP archive"),
  (0, [0x1F, 0x8B], "gzip data"),
  (0, [0x7F] + Array("ELF".utf8), "a program"),
]

/// Describes bytes that are not a readable picture, for an error: "a GIF image", "an HTML page", "plain text", …
func describeContent(_ data: Data) -> String {
  for (offset, opening, name) in knownOpenings where data.dropFirst(offset).starts(with: opening) { return name }
  if data.allSatisfy({ $0 == 0 }) { return "nothing but zero bytes" }
  let head = data.prefix(512)
  guard let text = textStart(of: head) else {
    return "unknown data that begin with " + head.prefix(4).map { String(format: "%02X", $0) }.joined(separator: " ")
  }
  let start = text.drop { $0.isWhitespace }.lowercased()
  if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") { return "an HTML page" }
  if start.hasPrefix("<svg") || (start.hasPrefix("<?xml") && start.contains("<svg")) { return "an SVG drawing" }
  if start.hasPrefix("version https://git-lfs") { return "a Git LFS pointer, not the file it stands for" }
  return "plain text"
}

/// The bytes as text, or `nil` if they hold control characters or are not UTF-8. A truncated last character is
/// accepted.
private func textStart(of bytes: Data) -> String? {
  let isText = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
  guard isText else { return nil }
  return (0..<4).lazy.compactMap { String(data: bytes.dropLast($0), encoding: .utf8) }.first
}
