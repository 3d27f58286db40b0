import Foundation

/// The system's reason for refusing an operation.
public struct SystemReason: Error, Equatable {
  public let code: Int32
  public let text: String

  /// The reason for a code, by default `errno`.
  public init(code: Int32 = errno) { (self.code, text) = (code, String(cString: strerror(code))) }

  /// A reason of this package's own, for example that a folder is not a file.
  public init(_ text: String) { (code, self.text) = (0, text) }

  /// Whether the reason is that nothing is there: no such name, a broken or circular link, or a name that is too long.
  public var isAbsence: Bool { [ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG].contains(code) }

  static let notAFile = SystemReason("Not a file")
}

/// The package's queries to the file system. A path is a spelling (``FileName``), and links are followed.
public enum FileSystem {
  public enum Kind: Sendable, Equatable {
    case file, folder
    /// A device, a pipe or a socket, which could block or never end.
    case other
  }

  /// The kind of what is at a path.
  public static func kind(of path: String) throws(SystemReason) -> Kind {
    var status = stat()
    guard withSystemPath(path, { stat($0, &status) }) == 0 else { throw SystemReason() }
    return Kind(mode: status.st_mode)
  }

  /// Whether there is a regular file at the path.
  public static func fileExists(_ path: String) -> Bool { (try? kind(of: path)) == .file }

  public static func folderExists(_ path: String) -> Bool { (try? kind(of: path)) == .folder }

  /// Whether anything has this name, even a link that leads nowhere.
  public static func exists(_ path: String) -> Bool {
    var status = stat()
    return withSystemPath(path) { lstat($0, &status) } == 0
  }

  /// Opens a regular file for reading.
  ///
  /// - Returns: a descriptor, which the caller closes, and the file's size in bytes.
  public static func openFile(_ path: String) throws(SystemReason) -> (descriptor: Int32, size: Int) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = withSystemPath(path) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw SystemReason() }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let reason = SystemReason()
      close(descriptor)
      throw reason
    }
    guard Kind(mode: status.st_mode) == .file else {
      close(descriptor)
      throw .notAFile
    }
    return (descriptor, Int(status.st_size))
  }

  /// A file that is larger than was allowed, in bytes.
  public struct TooLarge: Error, Equatable {
    public let size: Int

    package init(size: Int) { self.size = size }
  }

  /// The bytes of a regular file, if it has `limit` of them or fewer.
  ///
  /// - Throws: ``SystemReason``, or ``TooLarge`` before anything is read.
  public static func contents(of path: String, atMost limit: Int) throws -> Data {
    let (descriptor, size) = try openFile(path)
    defer { close(descriptor) }
    guard size <= limit else { throw TooLarge(size: size) }
    return try contents(of: descriptor, size: size)
  }

  /// The bytes of a regular file.
  public static func contents(of path: String) throws(SystemReason) -> Data {
    let (descriptor, size) = try openFile(path)
    defer { close(descriptor) }
    return try contents(of: descriptor, size: size)
  }

  private static func contents(of descriptor: Int32, size: Int) throws(SystemReason) -> Data {
    var data = Data(count: size)
    var filled = 0
    while true {
      if filled == data.count {
        // The probe finds a file that grows meanwhile, or a system file whose reported size is 0.
        var probe: UInt8 = 0
        let count = read(descriptor, &probe, 1)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw SystemReason() }
        guard count > 0 else { return data }
        data.append(probe)
        data.append(Data(count: max(4096, filled)))
        filled += 1
      }
      let count = data.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress.map { $0 + filled }, $0.count - filled)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemReason() }
      guard count > 0 else { return data.prefix(filled) }
      filled += count
    }
  }

  /// One name in a folder.
  public struct Entry: Sendable, Equatable {
    /// The name, as ``FileName`` spells it.
    public let name: String
    /// The kind of what the name or its link leads to; `nil` where a link leads nowhere or in a circle.
    public let kind: Kind?
    public let isLink: Bool
  }

  /// The entries of a folder, hidden ones too, in the order of their spellings' code units.
  ///
  /// - Complexity: O(n log n) for n names. The system's `readdir` reports files and folders, so that only links cost a
  ///   query each, and a folder of a million files is read quickly.
  public static func entries(of folder: String) throws(SystemReason) -> [Entry] {
    let stream = withSystemPath(folder.isEmpty ? "." : folder) { opendir($0) }
    guard let stream, let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { throw SystemReason() }
    defer { closedir(stream) }
    let prefix = folder.isEmpty || folder.hasSuffix("/") ? folder : folder + "/"
    var entries: [Entry] = []
    errno = 0
    while let entry = readdir(stream) {
      // Read in place: an entry at the end of the system's buffer is shorter than its type.
      let name = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: UInt8.self)
      let bytes = UnsafeBufferPointer(
        start: name, count: strlen(UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self)))
      defer { errno = 0 }
      guard !bytes.elementsEqual(".".utf8), !bytes.elementsEqual("..".utf8) else { continue }
      let spelling = FileName.spelling(of: bytes)
      switch Int32(entry.pointee.d_type) {
      case Int32(DT_REG): entries.append(Entry(name: spelling, kind: .file, isLink: false))
      case Int32(DT_DIR): entries.append(Entry(name: spelling, kind: .folder, isLink: false))
      default:
        var status = stat()
        let isLink = withSystemPath(prefix + spelling) { lstat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFLNK
        entries.append(Entry(name: spelling, kind: try? kind(of: prefix + spelling), isLink: isLink))
      }
    }
    guard errno == 0 else { throw SystemReason() }
    return entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// The identity of a folder, whatever path leads to it.
  public static func identity(of path: String) -> FileIdentity? {
    var status = stat()
    guard withSystemPath(path, { stat($0, &status) }) == 0 else { return nil }
    return FileIdentity(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
  }

  /// The identity of what has this name, of a link itself and not of what it leads to.
  static func linkIdentity(of path: String) -> FileIdentity? {
    var status = stat()
    guard withSystemPath(path, { lstat($0, &status) }) == 0 else { return nil }
    return FileIdentity(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
  }

  /// Whether a name is that of a file which was removed while a process had it open: NFS keeps such a file under a name
  /// of its own until it is closed. It belongs to nobody, and a folder with nothing else is empty.
  public static func isRemnant(_ name: String) -> Bool { name.hasPrefix(".nfs") }

  /// The names in a folder without remnants; empty where it cannot be read.
  package static func names(in folder: String) -> [String] {
    ((try? entries(of: folder)) ?? []).map(\.name).filter { !isRemnant($0) }
  }

  /// Calls `body` with a path in the system's form: the bytes that its spelling represents.
  public static func withSystemPath<Result>(_ path: String, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    body(systemBytes(of: path).map { CChar(bitPattern: $0) } + [0])
  }

  /// The bytes of a path. Foundation prefixes the working folder to relative paths. Where that folder's name is not
  /// UTF-8, Foundation uses a repaired name, which no folder has.
  private static func systemBytes(of path: String) -> [UInt8] {
    guard let repaired = Self.repairedFolder, path.hasPrefix(repaired) else { return FileName.bytes(of: path) }
    return FileName.bytes(of: currentFolder) + FileName.bytes(of: String(path.dropFirst(repaired.count)))
  }

  /// The working folder of this process, absolute.
  public static let currentFolder: String = {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return FileName.spelling(of: UnsafeRawBufferPointer(start: path, count: strlen(path)))
  }()

  /// The working folder in Foundation's repaired form, where its name is not UTF-8.
  private static let repairedFolder: String? =
    FileName.isText(currentFolder) ? nil : String(decoding: FileName.bytes(of: currentFolder), as: UTF8.self)
}

/// The number of a file or folder on its device.
public struct FileIdentity: Hashable, Sendable {
  let device, number: UInt64
}

extension FileSystem.Kind {
  init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    default: self = .other
    }
  }
}

/// The type of the file system of an open file, in the system's words: "nfs4", "ext4", "fuse.sshfs".
public struct FileSystemType: Sendable, Equatable {
  public let name: String

  /// - Returns: `nil` where the system does not report it.
  public init?(of descriptor: Int32) {
    #if os(Linux)
      var status = stat()
      guard fstat(descriptor, &status) == 0,
        let mounts = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8),
        let type = Self.type(ofDevice: UInt64(status.st_dev), among: mounts)
      else { return nil }
      name = type
    #else
      var status = statfs()
      guard fstatfs(descriptor, &status) == 0 else { return nil }
      name = withUnsafeBytes(of: status.f_fstypename) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    #endif
  }

  /// The type of the mount whose third field is the device; the type is the first field after the "-".
  ///
  /// - Parameter mounts: the text of `/proc/self/mountinfo` (`man 5 proc_pid_mountinfo`).
  package static func type(ofDevice device: UInt64, among mounts: String) -> String? {
    let major = (device >> 8 & 0xFFF) | (device >> 32 & 0xFFFF_F000)
    let minor = (device & 0xFF) | (device >> 12 & 0xFFFF_FF00)
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard fields.count > 2, fields[2] == "\(major):\(minor)", let mark = fields.firstIndex(of: "-"),
        mark + 1 < fields.count
      else { continue }
      return String(fields[mark + 1])
    }
    return nil
  }

  /// The way to make locks work on this file system; `nil` where there is nothing to advise.
  public var hint: String? {
    switch name.prefix(while: { $0 != "." }) {
    case "nfs", "nfs4": "NFS 4 has them, NFS 3 with lockd and without the option 'nolock'"
    case "lustre": "Lustre has them with the option 'flock'"
    case "cifs", "smb3": "SMB has them without the option 'nobrl'"
    case "fuse", "fuseblk", "9p", "virtiofs": "its server must know flock"
    default: nil
    }
  }
}
