import Foundation
import Support
import WebDataset

/// The package's queries to the file system for datasets; answers never depend on the order of its listings.
enum Files {
  enum Kind { case file, folder }

  /// - Throws: ``DatasetError/notFound(path:)``, or ``DatasetError/notAFile(path:)`` for a device or a pipe, which
  ///   could be endless.
  static func kind(of location: URL) throws -> Kind {
    switch try? FileSystem.kind(of: location.path) {
    case .file?: return .file
    case .folder?: return .folder
    case .other?: throw DatasetError.notAFile(path: location.path)
    case nil: throw DatasetError.notFound(path: location.path)
    }
  }

  /// The bytes of a regular file that is not empty.
  static func contents(of file: URL) throws -> Data {
    guard try kind(of: file) == .file else { throw DatasetError.notAFile(path: file.path) }
    let data: Data
    do {
      data = try FileSystem.contents(of: file.path)
    } catch {
      throw DatasetError.unreadable(path: file.path)
    }
    guard !data.isEmpty else { throw DatasetError.empty(file: file.path) }
    return data
  }

  /// The text that a file in UTF-8 or UTF-16 holds, without its byte-order mark.
  static func text(_ data: Data, of file: String) throws -> String {
    guard let text = String(validating: try utf8(data, of: file), as: UTF8.self) else {
      throw DatasetError.notText(file: file)
    }
    return text
  }

  /// The bytes of a text in UTF-8, converted from UTF-16 where needed, without the byte-order mark.
  ///
  /// - Throws: ``DatasetError/notText(file:)`` for damaged UTF-16; whether UTF-8 is valid is not checked.
  static func utf8(_ data: Data, of file: String) throws -> [UInt8] {
    let bytes = [UInt8](data)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return Array(bytes.dropFirst(3)) }
    guard let isLittleEndian = isUTF16LittleEndian(bytes) else { return bytes }
    guard bytes.count.isMultiple(of: 2) else { throw DatasetError.notText(file: file) }
    let units = stride(from: 0, to: bytes.count, by: 2).map { index in
      let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
      return isLittleEndian ? second << 8 | first : first << 8 | second
    }
    guard let text = String(validating: units, as: UTF16.self) else { throw DatasetError.notText(file: file) }
    return Array(text.utf8).starts(with: [0xEF, 0xBB, 0xBF]) ? Array(text.utf8.dropFirst(3)) : Array(text.utf8)
  }

  /// Whether a text is UTF-16 in little-endian order; `nil` where it is not UTF-16. Spreadsheets write UTF-16 with a
  /// byte-order mark; without one, every other byte of plain text is 0.
  private static func isUTF16LittleEndian(_ bytes: [UInt8]) -> Bool? {
    let opening = Array(bytes.prefix(4))
    if opening.starts(with: [0xFF, 0xFE]) { return true }
    if opening.starts(with: [0xFE, 0xFF]) { return false }
    guard opening.count == 4, (opening[0] == 0) != (opening[1] == 0), (opening[2] == 0) != (opening[3] == 0) else {
      return nil
    }
    return opening[1] == 0
  }

  /// The visible files and sub-folders of a folder.
  static func list(_ folder: URL) throws -> FolderListing {
    guard try kind(of: folder) == .folder else { throw DatasetError.notAFolder(path: folder.path) }
    do {
      return try FolderListing(folder.path)
    } catch {
      throw DatasetError.unreadable(path: folder.path)
    }
  }

  /// The photos in a folder, and what else it holds.
  static func photos(in folder: URL, isRecursive: Bool, below ancestors: [URL]) throws -> PhotoListing {
    do {
      return try PhotoListing(
        folder.path, isRecursive: isRecursive, followsLinks: true, below: ancestors.map(\.path))
    } catch {
      throw DatasetError.unreadable(path: error.path)
    }
  }

  /// The images in a folder, sorted by code units.
  static func images(in folder: URL) throws -> [String] {
    try list(folder).images
  }

  /// Whether there is a regular file, or a link to one.
  static func fileExists(at url: URL) -> Bool { FileSystem.fileExists(url.path) }

  /// Whether there is an image, as a file or in a tar.
  ///
  /// - Throws: `TarError` where the tar cannot be read.
  static func imageExists(at url: URL) throws -> Bool {
    try FileSystem.fileExists(url.path) || TarMembers.exists(url.path)
  }

  /// The folder that a list's paths are relative to: the list's own folder, or its one sub-folder.
  ///
  /// Checks the first few paths only: ``Dataset/checkImages()`` reports missing images, where there are some.
  static func imageFolder(beside list: URL, holding paths: some Sequence<String>) throws -> URL {
    let folder = list.deletingLastPathComponent()
    let first = Array(paths.prefix(8))
    var search = SpellingSearch(Set(OtherSpelling.allCases))
    func holds(_ folder: URL) throws -> Bool {
      try first.contains {
        try imageExists(at: folder.appending(path: $0)) || search.find($0, in: folder.path) != nil
      }
    }
    guard try !holds(folder), case let folders = try Self.list(folder).folders, folders.count == 1,
      let only = folders.first
    else { return folder }
    return folder.appending(path: only, directoryHint: .isDirectory)
  }
}

/// Text as common programs save it.
package enum DatasetText {
  /// The text of a file in UTF-8 or UTF-16, without its byte-order mark.
  ///
  /// - Throws: ``DatasetError/notText(file:)``.
  package static func decoded(_ data: Data, of file: String) throws -> String { try Files.text(data, of: file) }
}

extension Sequence<String> {
  /// The strings sorted by UTF-8 code units, which is also the order of code points and of Python's `sorted`.
  func sortedByCodeUnits() -> [String] {
    sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
