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
    /// The text of its label; `nil` where it has none.
    package let label: String?
  }

  private struct Place {
    let offset, size: Int
  }

  package let samples: [Sample]
  private let places: [String: Place]

  /// The longest label, in bytes: a whole number and a line break.
  private static let longestLabel = 64

  /// Reads the headers of a tar, and the labels.
  ///
  /// - Throws: ``TarError`` where the tar is compressed, damaged, or has names that lead out of it.
  package init(_ path: String) throws {
    var (samples, places): ([Sample], [String: Place]) = ([], [:])
    var grouping = SampleGrouping()
    var (key, image, label): (String?, (name: String, rank: Int)?, String?) = (nil, nil, nil)
    func finish() {
      if let key { samples.append(Sample(key: key, image: image?.name, label: label)) }
      (image, label) = (nil, nil)
    }
    try withTarNames {
      do {
        let stream = try TarStream(path)
        guard !stream.isCompressed else { throw TarError.compressed(path) }
        while let member = try stream.next() {
          guard member.kind == .file, let name = SampleName(member.path) else { continue }
          let spelling = FileName.spelling(of: member.path)
          guard !member.leadsOut else { throw TarError.leadsOut(path, member: spelling) }
          if grouping.begins(name) {
            finish()
            key = FileName.spelling(of: name.key)
          }
          if name.fileExtension == SampleContent.label, member.size <= Self.longestLabel {
            label = String(decoding: try stream.contents(of: member), as: UTF8.self)
              .trimmingCharacters(in: .whitespacesAndNewlines)
          } else if let rank = SampleContent.images.firstIndex(of: name.fileExtension), !member.isSparse {
            places[spelling] = Place(offset: member.offset, size: member.size)
            if rank < image?.rank ?? .max { image = (spelling, rank) }
          }
        }
      } catch let damage as TarStream.Damage {
        throw TarError.damaged(path, damage)
      } catch let reason as SystemReason {
        throw TarError.unreadable(path, reason: reason.text)
      }
    }
    finish()
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
  package static func exists(_ path: String) -> Bool {
    guard let (tar, member) = divided(path), let index = try? index(of: tar) else { return false }
    return index.has(member)
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

/// A tar whose images cannot be read in any order.
public struct TarError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String) { (self.problem, self.remedy) = (problem, remedy) }

  static func compressed(_ path: String) -> Self {
    Self(
      "\(path) is compressed, and its images can only be read in their order, as 'predict' does",
      remedy: "Unpack it with gunzip: images hardly shrink")
  }

  static func damaged(_ path: String, _ damage: TarStream.Damage) -> Self {
    Self("\(path) is damaged at byte \(damage.byte): \(damage.reason)", remedy: "Fetch it again")
  }

  static func unreadable(_ path: String, reason: String) -> Self {
    Self("\(path) cannot be read: \(reason)", remedy: "Give yourself the right to read it")
  }

  static func leadsOut(_ path: String, member: String) -> Self {
    Self("\(path) has the member '\(member)', whose name is absolute or has '..'", remedy: "Pack the tar again without")
  }
}
