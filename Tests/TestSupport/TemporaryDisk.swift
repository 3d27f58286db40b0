#if os(Linux)
  import Foundation

  /// A small separate disk, in memory.
  public struct TemporaryDisk: Sendable {
    public let url: URL

    /// Whether this process may mount one.
    public static let isAvailable: Bool = {
      guard geteuid() == 0 else { return false }
      let url = FileManager.default.temporaryDirectory.appending(path: "cocoop-disk-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: url) }
      return (try? mounted(at: url, size: "64k") { _ in true }) ?? false
    }()

    /// Mounts a disk while `body` runs.
    ///
    /// - Parameter size: as `mount` takes it: "64k".
    public static func mounted<Result>(
      at url: URL, size: String, _ body: (TemporaryDisk) throws -> Result
    ) throws -> Result {
      let disk = try TemporaryDisk(mountedAt: url, size: size)
      defer { disk.unmount() }
      return try body(disk)
    }

    public static func mounted<Result>(
      at url: URL, size: String, _ body: (TemporaryDisk) async throws -> Result
    ) async throws -> Result {
      let disk = try TemporaryDisk(mountedAt: url, size: size)
      defer { disk.unmount() }
      return try await body(disk)
    }

    private init(mountedAt url: URL, size: String) throws {
      self.url = url
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      try Self.run("mount", "-t", "tmpfs", "-o", "size=\(size)", "cocoop-test", url.path)
    }

    private func unmount() { try? Self.run("umount", "-l", url.path) }

    private var filler: URL { url.appending(path: "filler") }

    /// Fills the disk completely, even while others free space.
    public func fill() throws {
      let descriptor = open(filler.path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
      defer { close(descriptor) }
      let bytes = [UInt8](repeating: 0, count: 4096)
      var refusals = 0
      while refusals < 100 {
        if write(descriptor, bytes, bytes.count) < bytes.count {
          refusals += 1
          usleep(1000)
        }
      }
    }

    public func empty() { try? FileManager.default.removeItem(at: filler) }

    public func makeReadOnly() throws { try Self.run("mount", "-o", "remount,ro", url.path) }

    private struct Failed: Error {}

    private static func run(_ arguments: String...) throws {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = arguments
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else { throw Failed() }
    }
  }
#endif
