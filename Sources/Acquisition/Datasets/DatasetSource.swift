import Datasets
import Foundation
import Support

/// Where a published dataset can be had, and what in its archives belongs where: a row of ``DatasetSource/all``.
package struct DatasetSource: Sendable {
  package let dataset: PublishedDataset
  /// The terms of use, as far as they are known.
  package let terms: String
  /// The page to read in a browser.
  package let page: String
  /// The paths under the dataset's folder without which it cannot be used: image folders, and lists where no split file
  /// replaces them.
  package let needs: [String]
  package let archives: [Archive]
  /// Split files and lists of class names, which are not in the archives.
  package let lists: [List]
  /// The reason why nothing can be fetched, as a sentence without its full stop; `nil` where it can.
  package let obstacle: String?
  /// Places where others have found copies, each a line.
  package let copies: [String]

  package init(
    _ dataset: PublishedDataset, terms: String, page: String, needs: [String], archives: [Archive], lists: [List],
    obstacle: String? = nil, copies: [String] = []
  ) {
    (self.dataset, self.terms, self.page, self.needs) = (dataset, terms, page, needs)
    (self.archives, self.lists, self.obstacle, self.copies) = (archives, lists, obstacle, copies)
  }

  /// A file that is fetched, or put into the dataset's folder by hand.
  package struct Archive: Sendable {
    package let file: String
    /// The addresses, the best first; none where it can only be got by hand.
    package let addresses: [String]
    /// The published size, or one from memory where `isSizeExact` is false.
    package let bytes: Int
    package let isSizeExact: Bool
    /// The published hashes, the best first; none where nobody has published one.
    package let digests: [FileDigest]
    /// The number of files in it, roughly: a bound on entries is a multiple of it.
    package let files: Int
    package let content: Content
    /// The paths under the dataset's folder that it provides.
    package let provides: [String]

    package init(
      _ file: String, _ addresses: [String] = [], bytes: Int, isSizeExact: Bool = true, _ digests: [FileDigest] = [],
      files: Int, _ content: Content, provides: [String]
    ) {
      (self.file, self.addresses, self.bytes, self.isSizeExact) = (file, addresses, bytes, isSizeExact)
      (self.digests, self.files, self.content, self.provides) = (digests, files, content, provides)
    }
  }

  /// What a file is.
  package enum Content: Sendable {
    /// An archive whose entries the moves place.
    case archive([Move])
    /// An archive in which the archive at a path is the one that counts.
    case archiveInside(String, [Move])
    /// No archive: the file itself belongs at the path.
    case plain(String)
    /// A tar of a tar for each class, `n01440764.tar`, without folders.
    case imageNetTraining
    /// A tar of all validation images, without folders; the classes are in the development kit.
    case imageNetValidation
    /// The development kit of ImageNet, which is read and not unpacked.
    case imageNetKit
  }

  /// A rule: what `from` begins, in an archive, belongs below `to`. Everything that no rule names is dropped.
  package struct Move: Sendable {
    /// A folder, with a slash at its end. After `*/` it may be at any depth, and its last occurrence in a path counts:
    /// repacked copies are nested in several ways.
    package let from: String
    package let to: String

    package init(_ from: String, to: String? = nil) { (self.from, self.to) = (from, to ?? from) }
  }

  /// A split file or a list of class names.
  package struct List: Sendable {
    package let file: String
    package let addresses: [String]
    package let bytes: Int?
    package let digest: FileDigest?
    /// Whether the dataset can be read without it, by a rule that gives another split.
    package let isReplaceable: Bool
    /// Whether it comes with this package.
    package let isBundled: Bool

    package init(
      _ file: String, _ addresses: [String], bytes: Int? = nil, _ digest: FileDigest?, isReplaceable: Bool = true,
      isBundled: Bool = false
    ) {
      (self.file, self.addresses, self.bytes, self.digest) = (file, addresses, bytes, digest)
      (self.isReplaceable, self.isBundled) = (isReplaceable, isBundled)
    }
  }
}

extension DatasetSource {
  /// The source of a dataset.
  package init(of dataset: PublishedDataset) {
    guard let source = Self.all.first(where: { $0.dataset == dataset }) else {
      preconditionFailure("the table has a row for each dataset")
    }
    self = source
  }

  /// Whether the table has addresses for everything that is needed.
  var isFetched: Bool {
    needs.allSatisfy { need in archives.contains { $0.provides.contains(need) && !$0.addresses.isEmpty } }
  }
}

/// How a published dataset can be had, for a list of them.
public enum DatasetAvailability: String, Sendable, Encodable {
  /// `datasets download` fetches everything.
  case fetched
  /// Somebody has to get its archives by hand, and `datasets download` does the rest.
  case byHand

  public init(of dataset: PublishedDataset) {
    self = DatasetSource(of: dataset).isFetched ? .fetched : .byHand
  }
}

extension [DatasetSource.Move] {
  /// The place of an entry by the first rule that names it.
  func place(of path: [UInt8]) -> [UInt8]? {
    for move in self {
      if let rest = move.rest(of: path) { return [UInt8](move.to.utf8) + rest }
    }
    return nil
  }
}

extension DatasetSource.Move {
  /// The part of a path after `from`; `nil` where the rule doesn't name it.
  fileprivate func rest(of path: [UInt8]) -> ArraySlice<UInt8>? {
    guard from.hasPrefix("*/") else {
      let prefix = Array(from.utf8)
      return path.starts(with: prefix) && path.count > prefix.count ? path.dropFirst(prefix.count) : nil
    }
    let folder = Array(from.utf8.dropFirst(2))
    guard path.count > folder.count else { return nil }
    let starts = (0...(path.count - folder.count - 1)).reversed()
    let start = starts.first { start in
      (start == 0 || path[start - 1] == UInt8(ascii: "/")) && path[start...].starts(with: folder)
    }
    return start.map { path[($0 + folder.count)...] }
  }
}
