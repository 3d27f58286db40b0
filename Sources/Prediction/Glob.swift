import Foundation
import Runs
import Support

/// The files that a pattern with `*`, `?`, `[…]` and `**` matches, as a shell would expand it.
///
/// `*` and `?` match no `/` and no leading `.` of a name; `**` as a whole part of a path matches any number of folders,
/// without following links, so that a loop of links ends.
struct Glob {
  private let root: String
  private let parts: [String]
  private let takesAnyEnding: Bool

  static func isPattern(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

  init(_ pattern: String) {
    root = pattern.hasPrefix("/") ? "/" : ""
    parts = pattern.split(separator: "/").map(String.init)
    takesAnyEnding = parts.last.map { !$0.contains(".") && Self.isPattern($0) } ?? false
  }

  /// The matching files, each once, sorted within each folder, and the other matches.
  ///
  /// A pattern without an extension matches files with the extension of an image, or with none.
  func files() throws -> (files: [String], leftOut: LeftOutFiles) {
    var found: [String] = []
    var leftOut = LeftOutFiles()
    var seen: Set<String> = []
    try expand(parts[...], in: root) { path, kind in
      guard seen.insert(path).inserted else { return }
      if kind == .folder {
        leftOut.matchingFolders += 1
      } else if takesAnyEnding, FolderListing.fileExtension(of: path.name) != nil, !FolderListing.isImage(path.name) {
        if !FolderListing.isHidden(path.name) { leftOut.count(noImage: path.name) }
      } else {
        found.append(path)
      }
    }
    return (found, leftOut)
  }

  private func expand(
    _ parts: ArraySlice<String>, in folder: String, _ take: (String, FileSystem.Kind) -> Void
  ) throws {
    guard let part = parts.first else { return }
    let rest = parts.dropFirst()
    if part == "**" {
      // As the last part it also matches the files themselves.
      try expand(rest.isEmpty ? ["*"] : rest, in: folder, take)
      let listing = try Self.listing(of: folder)
      for name in listing.folders where !name.hasPrefix(".") && !listing.linkedFolders.contains(name) {
        try expand(parts, in: folder + name + "/", take)
      }
    } else if Self.isPattern(part) {
      let listing = try Self.listing(of: folder)
      for name in listing.folders where Self.matches(name, part) {
        if rest.isEmpty { take(folder + name, .folder) } else { try expand(rest, in: folder + name + "/", take) }
      }
      guard rest.isEmpty else { return }
      for name in listing.files + listing.others where Self.matches(name, part) { take(folder + name, .file) }
    } else if rest.isEmpty {
      if let kind = try? FileSystem.kind(of: folder + part), kind != .folder { take(folder + part, .file) }
    } else if FileSystem.folderExists(folder + part) {
      try expand(rest, in: folder + part + "/", take)
    }
  }

  /// Matches names as bytes: a pattern and a name may have bytes that are not UTF-8.
  private static func matches(_ name: String, _ pattern: String) -> Bool {
    FileSystem.withSystemPath(pattern) { pattern in
      FileSystem.withSystemPath(name) { fnmatch(pattern, $0, FNM_PERIOD) == 0 }
    }
  }

  private static func listing(of folder: String) throws -> FolderListing {
    do {
      return try FolderListing(folder, includingHidden: true)
    } catch {
      throw RunError.unreadableFolder(path: folder.isEmpty ? "." : folder)
    }
  }
}

extension String {
  /// The last part of a path.
  fileprivate var name: String { split(separator: "/").last.map(String.init) ?? self }
}
