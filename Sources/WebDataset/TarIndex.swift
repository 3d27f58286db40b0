import Foundation
import Support
import Synchronization

/// The samples of a plain tar, and where in the file each image is, so that images can be read in any order.
package final class TarIndex: Sendable {
  /// The files with one key.
  package struct Sample: Sendable, Equatable {
    package let key: String
    /// The name of its image in the tar; `nil` where it has none.
    package let image: String?
    /// `nil` where it has none.
    package let label: TarLabel?
  }

  package let samples: [Sample]
  private let places: [String: TarPlace]

  /// Reads the headers of a tar, and the labels.
  ///
  /// - Throws: ``TarError`` where the tar is compressed or damaged, where an image of it cannot be read, and where two
  ///   have one name: a path leads to one alone.
  package init(_ path: String) throws {
    var (samples, places): ([Sample], [String: TarPlace]) = ([], [:])
    do {
      let tar = TarSamples(path) { _, _ in }
      guard try !tar.isCompressed else { throw TarError.compressed(path) }
      while let sample = try tar.next() {
        if let image = sample.image, case .failure(let fault) = image.content {
          throw TarError(fault, of: "\(path)/\(image.name)")
        }
        for place in sample.places where places.updateValue(place, forKey: place.name) != nil {
          throw TarError.repeated(path, image: place.name)
        }
        samples.append(Sample(key: sample.key, image: sample.image?.name, label: sample.label))
      }
    } catch let damage as TarStream.Damage {
      throw TarError.damaged(path, damage)
    } catch let reason as SystemReason {
      throw TarError.unreadable(path, reason: reason.text)
    }
    (self.samples, self.places) = (samples, places)
  }

  /// Whether an image of this name is in the tar.
  func has(_ member: String) -> Bool { places[member] != nil }

  /// - Returns: `nil` where there is no such image.
  func contents(of member: String, in path: String, atMost limit: Int) throws -> Data? {
    guard let place = places[member] else { return nil }
    guard place.size <= limit else { throw FileSystem.TooLarge(size: place.size) }
    let (descriptor, _) = try FileSystem.openFile(path)
    defer { close(descriptor) }
    var data = Data(count: place.size)
    var filled = 0
    while filled < place.size {
      let count = data.withUnsafeMutableBytes {
        pread(descriptor, $0.baseAddress.map { $0 + filled }, place.size - filled, off_t(place.offset + filled))
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemReason() }
      guard count > 0 else { break }  // it was cut since
      filled += count
    }
    return data.prefix(filled)
  }
}

/// Images in plain tars as files: `shards/00042.tar/000420007.jpg` is a path.
package enum TarMembers {
  /// The tars that were read, by path: an index is made once for each state of the file.
  private static let known = Mutex<[String: (stamp: FileStamp, index: TarIndex)]>([:])

  /// - Throws: ``TarError``.
  package static func index(of tar: String) throws -> TarIndex {
    try known.withLock { known in
      let stamp = FileStamp(of: tar)
      if let found = known[tar], found.stamp == stamp { return found.index }
      let index = try TarIndex(tar)
      if let stamp { known[tar] = (stamp, index) }
      return index
    }
  }

  /// The bytes of an image in a tar.
  ///
  /// - Returns: `nil` where the path leads into no tar, or the tar has no such image.
  /// - Throws: ``TarError``, `SystemReason`, and `FileSystem.TooLarge` before anything is read.
  package static func contents(of path: String, atMost limit: Int) throws -> Data? {
    guard let (tar, member) = divided(path) else { return nil }
    return try index(of: tar).contents(of: member, in: tar, atMost: limit)
  }

  /// Whether a path leads to an image in a tar.
  ///
  /// - Throws: ``TarError``: of a tar that cannot be read nobody knows what is in it.
  package static func exists(_ path: String) throws -> Bool {
    guard let (tar, member) = divided(path) else { return false }
    return try index(of: tar).has(member)
  }

  /// The tar and the rest of a path, at the first of its parts that is a file with a tar's name.
  private static func divided(_ path: String) -> (tar: String, member: String)? {
    for index in path.utf8.indices where path.utf8[index] == UInt8(ascii: "/") {
      let tar = String(path[..<index])
      guard TarList.isTar(tar), FileSystem.fileExists(tar) else { continue }
      return (tar, String(path[path.utf8.index(after: index)...]))
    }
    return nil
  }
}
