import Foundation

/// The names in a folder, sorted, files and folders apart.
struct FolderListing {
  enum Kind { case file, folder }

  private(set) var files: [String] = []
  private(set) var folders: [String] = []

  /// - Parameters:
  ///   - path: "" is the current folder.
  ///   - followingLinks: whether a link to a folder counts as one, or not at all.
  /// - Throws: ``ExperimentError/unreadableFolder(path:)``.
  init(_ path: String, followingLinks: Bool = false) throws {
    let folder = path.isEmpty ? "." : path
    guard let stream = opendir(folder) else { throw ExperimentError.unreadableFolder(path: folder) }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      switch entry.pointee.d_type {
      case UInt8(DT_REG): files.append(name)
      case UInt8(DT_DIR): folders.append(name)
      default:
        let path = path.isEmpty || path.hasSuffix("/") ? path + name : path + "/" + name
        switch Self.kind(of: path) {
        case .file?: files.append(name)
        case .folder?: if followingLinks || !Self.isLink(path) { folders.append(name) }
        case nil: break
        }
      }
    }
    files.sort()
    folders.sort()
  }

  /// What lies at a path, links followed; `nil` for nothing. A device or a pipe counts as a file: decoding refuses it.
  static func kind(of path: String) -> Kind? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return status.st_mode & S_IFMT == S_IFDIR ? .folder : .file
  }

  private static func isLink(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  /// The photos of a folder by name, those of its folders after them; links to folders inside it are not followed.
  static func photos(in folder: String, isRecursive: Bool) throws -> [String] {
    let listing = try FolderListing(folder)
    let prefix = folder.hasSuffix("/") ? folder : folder + "/"
    let own = listing.files.filter { !$0.hasPrefix(".") && isPhoto($0) }.map { prefix + $0 }
    guard isRecursive else { return own }
    return try listing.folders.filter { !$0.hasPrefix(".") }
      .reduce(into: own) { $0 += try photos(in: prefix + $1, isRecursive: true) }
  }

  private static func isPhoto(_ name: String) -> Bool {
    guard let dot = name.lastIndex(of: ".") else { return false }
    return ["jpg", "jpeg", "png", "webp"].contains(name[name.index(after: dot)...].lowercased())
  }
}
