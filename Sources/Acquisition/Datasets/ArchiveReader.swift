import Archives
import CArchive
import Foundation
import NamedModels
import Support

/// An archive that is read entry by entry, in one pass: tar, also under gzip, or zip. The content decides which, not
/// the name.
package final class ArchiveReader {
  /// An entry's place in the archive and what it is.
  struct Entry {
    /// The path as the archive has it. Names are bytes and need not be UTF-8.
    let path: [UInt8]
    let kind: ArchiveHandle.Entry.Kind
  }

  private let archive: ArchiveHandle
  /// The archive's path in messages; for an archive inside another, with its own path behind an exclamation mark.
  let path: String

  /// - Parameter isRaw: whether the file is no archive, but perhaps compressed.
  /// - Throws: ``AcquisitionError`` where the file is no archive of these forms.
  package init(file path: String, isRaw: Bool = false) throws {
    self.path = path
    archive = try Self.made(path, isRaw ? [.tar, .zip, .raw] : [.tar, .zip])
    guard archive.open(path) else { throw damaged() }
  }

  /// Opens an archive that is the current entry of another.
  init(in outer: ArchiveReader, named name: [UInt8]) throws {
    path = "\(outer.path)!\(FileName.spelling(of: name))"
    archive = try Self.made(path, [.tar, .zip])
    guard archive.open(in: outer.archive) else { throw damaged() }
  }

  private static func made(_ path: String, _ forms: [ArchiveHandle.Form]) throws -> ArchiveHandle {
    do {
      return try ArchiveHandle(forms, unpacksGzip: true)
    } catch {
      throw AcquisitionError(.other, "\(path): no memory for an archive")
    }
  }

  /// The next entry; `nil` at the end.
  func next() throws -> Entry? {
    switch archive.next() {
    case .end: return nil
    case .noHeader, .failure: throw damaged()
    case .entry(let entry):
      guard let name = entry.path else {
        throw AcquisitionError(
          .archive, "\(path) has an entry whose name cannot be read", remedy: "Fetch the archive again")
      }
      return Entry(path: name, kind: entry.kind)
    }
  }

  /// Passes on the current entry's contents, with the offset of each piece: a sparse file has gaps.
  func read(_ body: (UnsafeRawBufferPointer, _ offset: Int) throws -> Void) throws {
    guard try archive.readContents(body) else { throw damaged() }
  }

  /// The current entry's contents.
  ///
  /// - Throws: ``AcquisitionError`` also where they have more than `limit` bytes.
  func contents(atMost limit: Int) throws -> Data {
    var data = Data()
    try read { bytes, offset in
      guard offset <= limit, bytes.count <= limit - offset else {
        throw AcquisitionError(
          .archive, "\(path) has an entry of more than \(ByteCount(limit)), where less is expected")
      }
      if offset > data.count { data.append(Data(count: offset - data.count)) }
      data.append(contentsOf: bytes)
    }
    return data
  }

  /// The contents of a file that gzip has compressed by itself, without an archive.
  static func unzipped(_ path: String, atMost limit: Int) throws -> Data {
    let reader = try ArchiveReader(file: path, isRaw: true)
    return try reader.next() == nil ? Data() : reader.contents(atMost: limit)
  }

  private func damaged() -> AcquisitionError {
    return AcquisitionError(
      .archive, "\(path) is damaged, or no archive in tar, tar.gz or zip form: \(archive.reason)",
      remedy: "Remove it, then run the same command again")
  }
}

/// Waits until everything written to the disk of an open file is on it.
///
/// - Returns: whether it is; `errno` says why not.
func syncDisk(of descriptor: Int32) -> Bool { carchive_sync_disk(descriptor) == 0 }
