import Foundation

/// The files that a pattern with `*`, `?`, `[…]` and `**` matches, as a shell would expand it.
///
/// `*` and `?` match no `/` and no `.` in front of a name; `**` as a whole part of a path matches any number of folders,
/// without following links, so that a loop of links ends.
struct Glob {
  private let root: String
  private let parts: [String]

  static func isPattern(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

  init(_ pattern: String) {
    root = pattern.hasPrefix("/") ? "/" : ""
    parts = pattern.split(separator: "/").map(String.init)
  }

  /// The matching files, each once, sorted within each folder.
  func files() throws -> [String] {
    var found: [String] = []
    var seen: Set<String> = []
    try expand(parts[...], in: root) { path in
      if seen.insert(path).inserted { found.append(path) }
    }
    return found
  }

  private func expand(_ parts: ArraySlice<String>, in folder: String, _ take: (String) -> Void) throws {
    guard let part = parts.first else { return }
    let rest = parts.dropFirst()
    if part == "**" {
      // As the last part it stands for the files themselves too.
      try expand(rest.isEmpty ? ["*"] : rest, in: folder, take)
      for name in try FolderListing(folder).folders where !name.hasPrefix(".") {
        try expand(parts, in: folder + name + "/", take)
      }
    } else if Self.isPattern(part) {
      let listing = try FolderListing(folder, followingLinks: true)
      for name in rest.isEmpty ? listing.files : listing.folders
      where fnmatch(part, name, FNM_PERIOD) == 0 {
        if rest.isEmpty { take(folder + name) } else { try expand(rest, in: folder + name + "/", take) }
      }
    } else if rest.isEmpty {
      if FolderListing.kind(of: folder + part) == .file { take(folder + part) }
    } else if FolderListing.kind(of: folder + part) == .folder {
      try expand(rest, in: folder + part + "/", take)
    }
  }
}
