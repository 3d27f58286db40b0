/// How two spellings of a path differ that mean one file.
public enum OtherSpelling: Sendable, Hashable, CaseIterable {
  /// One is composed (é is one character), the other decomposed (e and an accent), as macOS writes names.
  case unicodeForm
  case letterCase
  /// Backslashes between folders, as Windows writes them.
  case backslashes

  /// To be read before "than".
  public var phrase: String {
    switch self {
    case .unicodeForm: "in another Unicode form"
    case .letterCase: "in other letter case"
    case .backslashes: "with other separators"
    }
  }
}

/// Finds files whose names are spelled otherwise where they lie than where they are listed.
public struct SpellingSearch {
  private let allowed: Set<OtherSpelling>
  private var listings: [String: FolderListing?] = [:]

  public init(_ allowed: Set<OtherSpelling> = [.unicodeForm]) { self.allowed = allowed }

  /// - Parameters:
  ///   - path: as it is listed, below `folder`; absolute where `folder` is "".
  /// - Returns: the path below `folder` as the file system spells it, and how that differs; `nil` where nothing fits, or
  ///   two names fit equally.
  public mutating func find(_ path: String, in folder: String) -> (path: String, difference: OtherSpelling)? {
    if let found = walk(path, in: folder) { return found }
    guard allowed.contains(.backslashes), path.utf8.contains(UInt8(ascii: "\\")) else { return nil }
    let slashed = String(decoding: path.utf8.map { $0 == UInt8(ascii: "\\") ? slash : $0 }, as: UTF8.self)
    if FileSystem.isThere(folder.isEmpty ? slashed : "\(folder)/\(slashed)") { return (slashed, .backslashes) }
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
    // Equal strings of Swift are canonically equivalent.
    let forms = names.filter { $0 == name }
    if allowed.contains(.unicodeForm), forms.count == 1 { return (forms[0], .unicodeForm) }
    let cases = names.filter { $0.lowercased() == name.lowercased() }
    return allowed.contains(.letterCase) && cases.count == 1 ? (cases[0], .letterCase) : nil
  }
}

private let slash = UInt8(ascii: "/")
