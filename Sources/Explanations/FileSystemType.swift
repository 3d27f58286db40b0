import Foundation

/// The kind of file system that an open file lies on, as the system calls it: "nfs4", "ext4", "fuse.sshfs".
public struct FileSystemType: Sendable, Equatable {
  public let name: String

  /// - Returns: `nil` where the system does not say.
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

  /// What makes locks work there; `nil` where there is nothing to say.
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
