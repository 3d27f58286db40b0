import CArchive
import Foundation

/// Archives that tests make, good ones and bad ones.
enum TestArchive {
  enum Form { case tar, tarGzip, zip }

  struct Entry {
    enum Kind {
      case file(Data)
      case folder
      case symbolicLink(to: String)
      case hardLink(to: String)
    }

    let path: [UInt8]
    let kind: Kind

    init(_ path: String, _ kind: Kind) { self.init(Array(path.utf8), kind) }
    init(_ path: [UInt8], _ kind: Kind) { (self.path, self.kind) = (path, kind) }

    static func file(_ path: String, _ text: String = "") -> Self { Self(path, .file(Data(text.utf8))) }
  }

  struct Refused: Error { let reason: String }

  /// Writes an archive, whatever its entries are.
  static func write(_ entries: [Entry], as form: Form, to file: URL) throws {
    guard let archive = archive_write_new() else { throw Refused(reason: "no memory") }
    defer { archive_write_free(archive) }
    func check(_ code: Int32) throws {
      guard code >= ARCHIVE_WARN else {
        throw Refused(reason: archive_error_string(archive).map { String(cString: $0) } ?? "?")
      }
    }
    switch form {
    case .zip: try check(archive_write_set_format_zip(archive))
    case .tar, .tarGzip: try check(archive_write_set_format_gnutar(archive))
    }
    if form == .tarGzip { try check(archive_write_add_filter_gzip(archive)) }
    try check(archive_write_open_filename(archive, file.path))
    for entry in entries {
      guard let header = archive_entry_new() else { throw Refused(reason: "no memory") }
      defer { archive_entry_free(header) }
      archive_entry_set_pathname(header, entry.path.map { CChar(bitPattern: $0) } + [0])
      archive_entry_set_perm(header, 0o644)
      archive_entry_set_filetype(header, 0o100000)
      var content = Data()
      switch entry.kind {
      case .file(let data): content = data
      case .folder: archive_entry_set_filetype(header, 0o040000)
      case .symbolicLink(let target):
        archive_entry_set_filetype(header, 0o120000)
        archive_entry_set_symlink(header, target)
      case .hardLink(let target): archive_entry_set_hardlink(header, target)
      }
      archive_entry_set_size(header, la_int64_t(content.count))
      try check(archive_write_header(archive, header))
      let written = content.withUnsafeBytes { archive_write_data(archive, $0.baseAddress, $0.count) }
      guard written >= 0 else {
        throw Refused(reason: archive_error_string(archive).map { String(cString: $0) } ?? "?")
      }
    }
    try check(archive_write_close(archive))
  }

  /// The entries of a folder's files, below `prefix`, in order of their paths.
  static func entries(of folder: URL, under prefix: String) throws -> [Entry] {
    let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted()
    return try paths.map { path in
      var isFolder: ObjCBool = false
      let file = folder.appending(path: path)
      _ = FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder)
      let kind: Entry.Kind = isFolder.boolValue ? .folder : .file(try Data(contentsOf: file))
      return Entry(prefix + path + (isFolder.boolValue ? "/" : ""), kind)
    }
  }
}
