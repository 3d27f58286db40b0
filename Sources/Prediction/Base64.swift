import Foundation

/// A reader of base64 as browsers, MIME and URLs write it (RFC 4648 §4 and §5, RFC 2045 §6.8, RFC 2397).
package enum Base64 {
  /// The fault of a text, as the end of a sentence about it.
  package struct Fault: Error, Equatable {
    package let text: String

    package init(text: String) { self.text = text }
  }

  /// The bytes that a text encodes.
  ///
  /// - Throws: ``Fault``.
  package static func bytes(_ text: String) throws -> Data {
    // Foundation's reader accepts padding anywhere, but no other variants.
    var digits: [UInt8] = []
    digits.reserveCapacity(text.utf8.count + 2)
    var padding = 0
    for byte in try content(of: text) {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): continue
      case UInt8(ascii: "="): padding += 1
      case _ where padding > 0: throw Fault(text: "is no base64: it continues after its padding")
      case UInt8(ascii: "-"): digits.append(UInt8(ascii: "+"))
      case UInt8(ascii: "_"): digits.append(UInt8(ascii: "/"))
      default: digits.append(byte)
      }
    }
    let missing = (4 - digits.count % 4) % 4
    guard missing < 3, padding == 0 || padding == missing else {
      throw Fault(text: "is no base64: it is cut off, or has too much or too little padding")
    }
    digits += [UInt8](repeating: UInt8(ascii: "="), count: missing)
    guard let data = Data(base64Encoded: Data(digits)) else {
      throw Fault(text: "is no base64: \(Self.firstStranger(in: digits))")
    }
    return data
  }

  /// The part of a data URL after its comma; the whole of another text.
  private static func content(of text: String) throws -> Substring.UTF8View {
    let start = text.prefix(5).lowercased()
    if start == "data:" {
      guard let comma = text.firstIndex(of: ","), text[..<comma].lowercased().hasSuffix(";base64") else {
        throw Fault(text: "is a data URL without ';base64,'")
      }
      return text[text.index(after: comma)...].utf8
    }
    if start == "http:" || start == "https" && text.dropFirst(5).first == ":" {
      throw Fault(text: "is a URL, and nothing is fetched from elsewhere")
    }
    return text[...].utf8
  }

  private static func firstStranger(in digits: [UInt8]) -> String {
    let known = digits.firstIndex { byte in
      let scalar = Character(Unicode.Scalar(byte))
      return !(scalar.isASCII && (scalar.isLetter || scalar.isNumber || "+/=".contains(scalar)))
    }
    guard let known else { return "its digits make no bytes" }
    return String(format: "it has a byte 0x%02X", digits[known])
  }
}
