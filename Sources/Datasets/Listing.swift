import Foundation

/// The visible names in a folder, each kind sorted by code units.
struct Listing {
  var files: [String] = []
  var folders: [String] = []
  /// Links that lead nowhere, or in a circle.
  var lost: [String] = []

  mutating func sort() {
    files = files.sortedByCodeUnits()
    folders = folders.sortedByCodeUnits()
    lost = lost.sortedByCodeUnits()
  }

  /// The files that are images by their names: `jpg`, `jpeg`, `png` and `webp`, in either case.
  var images: [String] { files.filter(Self.isImage) }

  static func isImage(_ name: String) -> Bool {
    guard let point = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
    return imageExtensions.contains(name[name.utf8.index(after: point)...].lowercased())
  }

  private static let imageExtensions: Set = ["jpg", "jpeg", "png", "webp"]
}

/// A folder's visible entries, in the order of the file system: the system's `readdir`, which tells files from folders
/// without a question for each, so that a folder of a million files is read quickly.
struct FolderStream {
  struct Entry {
    let name: String
    /// `nil` for links, and where the file system doesn't tell.
    let kind: Files.Kind?
    let isLink: Bool
  }

  private let entries: [Entry]

  /// - Throws: ``DatasetError/unreadable(path:)``, or ``DatasetError/unreadableName(folder:name:)`` for a name that is not UTF-8.
  init(_ folder: URL) throws {
    guard let stream = opendir(folder.path), let offset = MemoryLayout<dirent>.offset(of: \.d_name) else {
      throw DatasetError.unreadable(path: folder.path)
    }
    defer { closedir(stream) }
    var entries: [Entry] = []
    while let entry = readdir(stream) {
      // In place: an entry at the end of the system's buffer is shorter than its type.
      let name = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
      guard name.pointee != CChar(UInt8(ascii: ".")) else { continue }
      guard let text = String(validatingCString: name) else {
        throw DatasetError.unreadableName(folder: folder.path, name: String(cString: name))
      }
      let type = entry.pointee.d_type
      let kind: Files.Kind? = type == UInt8(DT_REG) ? .file : type == UInt8(DT_DIR) ? .folder : nil
      entries.append(Entry(name: text, kind: kind, isLink: type == UInt8(DT_LNK)))
    }
    self.entries = entries
  }

  func reduce<Result>(into initial: Result, _ update: (inout Result, Entry) throws -> Void) rethrows -> Result {
    try entries.reduce(into: initial, update)
  }
}
