/// A file name or path as text. The file system's names are bytes, and need not be UTF-8.
///
/// A UTF-8 name is its own spelling. In any other name, each byte that is not part of a UTF-8 character is spelled
/// `\xhh`, with two hexadecimal digits in lower case, and each backslash is doubled: `caf\xe9.jpg`. A UTF-8 name that
/// contains such an escape literally is spelled with doubled backslashes too, so that each spelling belongs to one
/// name. Bytes below 80 (hexadecimal) are characters, never escapes.
/// Inside the package every path is a spelling; ``FileSystem`` turns it back into bytes for the system.
public enum FileName {
  /// The text that represents a name.
  public static func spelling(of bytes: some Collection<UInt8>) -> String {
    if let text = String(validating: bytes, as: UTF8.self), !holdsEscape(bytes) { return text }
    var spelled: [UInt8] = []
    var rest = Array(bytes)[...]
    while let first = rest.first {
      let length = characterLength(of: rest)
      if length == 0 {
        spelled += [backslash, letterX, digit(first >> 4), digit(first & 15)]
      } else {
        spelled += first == backslash ? [backslash, backslash] : Array(rest.prefix(length))
      }
      rest = rest.dropFirst(max(length, 1))
    }
    return String(decoding: spelled, as: UTF8.self)
  }

  /// The name that a text represents.
  public static func bytes(of spelling: String) -> [UInt8] {
    let text = Array(spelling.utf8)
    guard holdsEscape(text) else { return text }
    var bytes: [UInt8] = []
    var index = 0
    while index < text.count {
      if let byte = escapedByte(in: text[index...]) {
        bytes.append(byte)
        index += 4
      } else {
        bytes.append(text[index])
        index += text[index] == backslash && index + 1 < text.count && text[index + 1] == backslash ? 2 : 1
      }
    }
    return bytes
  }

  /// The spelling of a path from a person or another program: the name itself where a file has it; otherwise the text
  /// is taken as a spelling that was printed here.
  public static func spelling(given bytes: some Collection<UInt8>) -> String {
    guard let text = String(validating: bytes, as: UTF8.self), holdsEscape(bytes) else { return spelling(of: bytes) }
    let literal = spelling(of: bytes)
    return FileSystem.exists(literal) ? literal : text
  }

  /// Whether a name is UTF-8, by its spelling.
  public static func isText(_ spelling: String) -> Bool {
    String(validating: bytes(of: spelling), as: UTF8.self) != nil
  }

  /// Whether the bytes contain `\x` and two hexadecimal digits of a byte from 80 (hexadecimal) on.
  private static func holdsEscape(_ bytes: some Collection<UInt8>) -> Bool {
    guard bytes.contains(backslash) else { return false }
    let bytes = Array(bytes)
    return bytes.indices.contains { escapedByte(in: bytes[$0...]) != nil }
  }

  private static func escapedByte(in text: ArraySlice<UInt8>) -> UInt8? {
    let escape = Array(text.prefix(4))
    guard escape.count == 4, escape[0] == backslash, escape[1] == letterX, let high = value(escape[2]), high >= 8,
      let low = value(escape[3])
    else { return nil }
    return high << 4 | low
  }

  /// The length in bytes of the UTF-8 character that begins a text; 0 where none does.
  private static func characterLength(of text: ArraySlice<UInt8>) -> Int {
    (1...4).first { length in
      text.count >= length && String(validating: text.prefix(length), as: UTF8.self) != nil
    } ?? 0
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  private static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  private static let backslash = UInt8(ascii: "\\")
  private static let letterX = UInt8(ascii: "x")
}

/// The difference between two spellings of a path that mean one file.
public enum OtherSpelling: Sendable, Hashable, CaseIterable {
  /// One spelling is composed (é is one character), the other decomposed (e and an accent), as macOS writes names.
  case unicodeForm
  case letterCase
  /// One spelling has backslashes between folders, as Windows writes them.
  case backslashes

  /// A phrase to be read before "than".
  public var phrase: String {
    switch self {
    case .unicodeForm: "in another Unicode form"
    case .letterCase: "in other letter case"
    case .backslashes: "with other separators"
    }
  }
}

/// Finds files whose names are spelled differently on disk than in a list.
public struct SpellingSearch {
  private let allowed: Set<OtherSpelling>
  private var listings: [String: FolderListing?] = [:]

  public init(_ allowed: Set<OtherSpelling> = [.unicodeForm]) { self.allowed = allowed }

  /// - Parameters:
  ///   - path: the path as listed, below `folder`; absolute where `folder` is "".
  /// - Returns: the path below `folder` as the file system spells it, and the difference between the spellings; `nil`
  ///   where nothing fits, or two names fit equally.
  public mutating func find(_ path: String, in folder: String) -> (path: String, difference: OtherSpelling)? {
    if let found = walk(path, in: folder) { return found }
    guard allowed.contains(.backslashes), path.utf8.contains(UInt8(ascii: "\\")) else { return nil }
    let slashed = String(decoding: path.utf8.map { $0 == UInt8(ascii: "\\") ? slash : $0 }, as: UTF8.self)
    if FileSystem.exists(folder.isEmpty ? slashed : "\(folder)/\(slashed)") { return (slashed, .backslashes) }
    return walk(slashed, in: folder).map { ($0.path, .backslashes) }
  }

  private mutating func walk(_ path: String, in folder: String) -> (path: String, difference: OtherSpelling)? {
    let names = path.utf8.split(separator: slash).map { String(decoding: $0, as: UTF8.self) }
    var found = path.utf8.first == slash ? "/" : ""
    var difference: OtherSpelling?
    for (index, name) in names.enumerated() {
      if name == "." || name == ".." {
        found += name + "/"
        continue
      }
      let place = folder.isEmpty ? found : found.isEmpty ? folder : "\(folder)/\(found)"
      guard let match = match(name, in: place, isLast: index == names.count - 1) else { return nil }
      difference = match.difference ?? difference
      found += match.name + (index == names.count - 1 ? "" : "/")
    }
    return difference.map { (found, $0) }
  }

  private mutating func match(
    _ name: String, in folder: String, isLast: Bool
  ) -> (name: String, difference: OtherSpelling?)? {
    let listing = listings[folder] ?? (try? FolderListing(folder, includingHidden: true))
    listings[folder] = .some(listing)
    guard let listing else { return nil }
    let names = isLast ? listing.files + listing.folders : listing.folders
    if names.contains(where: { $0.utf8.elementsEqual(name.utf8) }) { return (name, nil) }
    // Swift's string equality is canonical equivalence.
    let forms = names.filter { $0 == name }
    if allowed.contains(.unicodeForm), forms.count == 1 { return (forms[0], .unicodeForm) }
    let cases = names.filter { $0.lowercased() == name.lowercased() }
    return allowed.contains(.letterCase) && cases.count == 1 ? (cases[0], .letterCase) : nil
  }
}

private let slash = UInt8(ascii: "/")
