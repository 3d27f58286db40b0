import Foundation

/// The questions that datasets ask the file system; answers never depend on the order in which it lists things.
enum Files {
  enum Kind { case file, folder }

  /// - Throws: ``DatasetError/notFound(path:)``, or ``DatasetError/notAFile(path:)`` for a device or a pipe, which could be endless.
  static func kind(of location: URL) throws -> Kind {
    var status = stat()
    guard stat(location.path, &status) == 0 else { throw DatasetError.notFound(path: location.path) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: throw DatasetError.notAFile(path: location.path)
    }
  }

  /// The bytes of a regular file that is not empty.
  static func contents(of file: URL) throws -> Data {
    guard try kind(of: file) == .file else { throw DatasetError.notAFile(path: file.path) }
    let data: Data
    do {
      data = try Data(contentsOf: file, options: .mappedIfSafe)
    } catch {
      throw DatasetError.unreadable(path: file.path)
    }
    guard !data.isEmpty else { throw DatasetError.empty(file: file.path) }
    return data
  }

  /// The text that a file in UTF-8 holds, without its byte-order mark.
  static func text(_ data: Data, of file: String) throws -> String {
    // Spreadsheets write UTF-16 with a byte-order mark; without one, every other byte of plain text is 0.
    let opening = [UInt8](data.prefix(4))
    let isUTF16 =
      opening.starts(with: [0xFF, 0xFE]) || opening.starts(with: [0xFE, 0xFF])
      || (opening.count == 4 && (opening[0] == 0) != (opening[1] == 0) && (opening[2] == 0) != (opening[3] == 0))
    guard !isUTF16 else { throw DatasetError.utf16(file: file) }
    guard let text = String(data: data, encoding: .utf8) else { throw DatasetError.notText(file: file) }
    return text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
  }

  /// The visible files and sub-folders of a folder, each sorted by code units; links count as what they lead to.
  ///
  /// - Complexity: O(n log n) for n names; only links cost a question each.
  static func list(_ folder: URL) throws -> Listing {
    guard try kind(of: folder) == .folder else { throw DatasetError.notAFolder(path: folder.path) }
    var listing = try FolderStream(folder).reduce(into: Listing()) { listing, entry in
      switch entry.kind ?? (try? kind(of: folder.appending(path: entry.name))) {
      case .file: listing.files.append(entry.name)
      case .folder: listing.folders.append(entry.name)
      case nil: if entry.isLink { listing.lost.append(entry.name) }
      }
    }
    listing.sort()
    return listing
  }

  /// The images in a folder, sorted by code units: `jpg`, `jpeg`, `png` and `webp`, in either case.
  static func images(in folder: URL) throws -> [String] {
    try list(folder).images
  }

  /// Whether a regular file, or a link to one, lies there.
  static func fileExists(at url: URL) -> Bool {
    (try? kind(of: url)) == .file
  }

  /// The folder that a list's paths are relative to: the list's own, or else its one sub-folder.
  ///
  /// Looks at the first few paths only: missing images are reported by ``Dataset/checkImages()``, where there are some.
  static func imageFolder(beside list: URL, holding paths: some Sequence<String>) throws -> URL {
    let folder = list.deletingLastPathComponent()
    let isBeside = paths.prefix(8).contains { fileExists(at: folder.appending(path: $0)) }
    let folders = try Self.list(folder).folders
    guard !isBeside, folders.count == 1, let only = folders.first else { return folder }
    return folder.appending(path: only, directoryHint: .isDirectory)
  }
}

extension Sequence<String> {
  /// Sorted by UTF-8 code units, which is also the order of code points and of Python's `sorted`.
  func sortedByCodeUnits() -> [String] {
    sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
