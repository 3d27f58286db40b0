import Archives
import Foundation
import MatFiles
import NamedModels
import Support

/// What ImageNet's development kit says of the validation images, which come without classes: the class folder of each.
///
/// `ILSVRC2012_validation_ground_truth.txt` has a number from 1 on each line, in the order of the images, and
/// `meta.mat` the WordNet id of each number.
struct ImageNetKit {
  /// The class folders, `n02119789`, in the order of the images.
  let folders: [String]

  private static let truthFile = "ILSVRC2012_validation_ground_truth.txt"
  private static let namesFile = "meta.mat"
  /// The bound on each of the two files; the published ones have some hundred thousand bytes.
  private static let limit = 16 << 20

  /// - Throws: ``AcquisitionError`` where the kit lacks a file or has another form.
  init(archive path: String) throws {
    var files: [String: Data] = [:]
    try withArchiveNames {
      let archive = try ArchiveReader(file: path)
      while let entry = try archive.next() {
        let name = FileName.spelling(of: entry.path.split(separator: UInt8(ascii: "/")).last ?? [])
        guard entry.kind == .file, [Self.truthFile, Self.namesFile].contains(name) else { continue }
        files[name] = try archive.contents(atMost: Self.limit)
      }
    }
    guard let truth = files[Self.truthFile], let names = files[Self.namesFile] else {
      throw Self.refused(path, "it has no \(files[Self.truthFile] == nil ? Self.truthFile : Self.namesFile)")
    }
    let ids = try Self.wordNetIDs(names, of: path)
    folders = try String(decoding: truth, as: UTF8.self).split(whereSeparator: \.isWhitespace).map { number in
      guard let id = Int(number).flatMap({ ids[$0] }) else {
        throw Self.refused(path, "'\(number.prefix(20))' in \(Self.truthFile) is no class of \(Self.namesFile)")
      }
      return id
    }
  }

  private static func wordNetIDs(_ data: Data, of path: String) throws -> [Int: String] {
    let records = try MatFile(data, path: "\(path)!\(namesFile)").variables["synsets"]?.records
    let pairs = records?.compactMap { record -> (Int, String)? in
      guard let number = record["ILSVRC2012_ID"]?.numbers?.first.flatMap({ Int(exactly: $0) }),
        let id = record["WNID"]?.string, id.wholeMatch(of: /n\d+/) != nil
      else { return nil }
      return (number, id)
    }
    guard let pairs, !pairs.isEmpty else { throw refused(path, "\(namesFile) has no records 'synsets'") }
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  private static func refused(_ path: String, _ reason: String) -> AcquisitionError {
    AcquisitionError(
      .archive, "\(path) is not ImageNet's development kit: \(reason)",
      remedy: "Get \(DatasetSource.kitFile) again from image-net.org")
  }

  /// The place of `ILSVRC2012_val_00000001.JPEG`, the first image: `images/val/` and its class.
  func place(of path: [UInt8]) throws -> [UInt8]? {
    let name = FileName.spelling(of: path)
    guard let match = name.wholeMatch(of: /(?:.*\/)?(ILSVRC2012_val_(\d{8})\.JPEG)/), let number = Int(match.2),
      folders.indices.contains(number - 1)
    else { return nil }
    return Array("images/val/\(folders[number - 1])/\(match.1)".utf8)
  }
}

/// The places in ImageNet's training archive, a tar of a tar for each class.
enum ImageNetTraining {
  /// The folder of a class's images, for the path of its tar: `n01440764.tar`.
  static func folder(ofClassIn path: [UInt8]) -> ArchiveUnpacking.Inner? {
    guard let match = FileName.spelling(of: path).wholeMatch(of: /(?:.*\/)?(n\d+)\.tar/) else { return nil }
    return ArchiveUnpacking.Inner(folder: Array("images/train/\(match.1)".utf8)) { path in
      Array(path.split(separator: UInt8(ascii: "/")).last ?? [])
    }
  }
}
