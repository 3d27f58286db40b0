import Foundation
import Support

/// A folder of our own with exactly the files of one model: links to its weights in a cache, and the configuration that
/// belongs to them.
///
/// A snapshot in the shared cache may lack the configuration, have one that the tag contradicts, or have other weights
/// besides. Nothing is ever written into it.
struct LinkedModel {
  /// The folder's name tells the model; the one above it, also the version.
  let folder: URL
  /// The files: a link's target, or own content.
  let files: [String: Content]

  enum Content: Equatable {
    case link(String)
    case data(Data)
  }

  /// Makes the folder, or finds it as it should be.
  func made() throws -> URL {
    if isMade { return folder }
    do {
      _ = try CreatedDirectories(upTo: folder.deletingLastPathComponent())
      try AtomicFolder.write(to: folder) { temporary in
        for (name, content) in files {
          let url = temporary.appending(path: name)
          switch content {
          case .link(let target):
            guard symlink(target, url.path) == 0 else {
              throw WritingError.failed(path: url.path, reason: SystemReason().text)
            }
          case .data(let data): try AtomicFile.write(data, to: url)
          }
        }
      }
      return folder
    } catch let error as WritingError {
      throw AcquisitionError(
        .writing, "\(folder.path) cannot be made: \(error.reason)",
        remedy: "Name a cache of your own with XDG_CACHE_HOME")
    }
  }

  private var isMade: Bool {
    let found = ((try? FileSystem.entries(of: folder.path)) ?? []).map(\.name)
    return Set(found) == Set(files.keys)
      && files.allSatisfy { name, content in
        let path = folder.appending(path: name).path
        switch content {
        case .link(let target): return (try? FileManager.default.destinationOfSymbolicLink(atPath: path)) == target
        case .data(let data): return (try? FileSystem.contents(of: path, atMost: data.count)) == data
        }
      }
  }
}
