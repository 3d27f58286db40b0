import CLIP
import Datasets
import Support

/// A choice among a dataset's classes: a subset by its name, or chosen classes.
public enum ClassChoice: Sendable, Equatable {
  case part(ClassSubset)
  /// The names as the user lists them, or as the data spells them.
  case chosen([String])

  public static let all = ClassChoice.part(.all)
  public static let base = ClassChoice.part(.base)
  public static let new = ClassChoice.part(.new)

  /// - Parameters:
  ///   - list: base, new, all, or names with commas between them.
  ///   - file: the path of a file with names, in the forms of ``ClassNames/init(list:file:)``.
  /// - Returns: `nil` where neither is given.
  /// - Throws: ``RunError/classList(source:problem:)``.
  public init?(list: String?, file: String?) throws {
    if let list, let part = ClassSubset(rawValue: list) {
      self = .part(part)
    } else if let names = try ClassNames(list: list, file: file) {
      self = .chosen(names.names)
    } else {
      return nil
    }
  }

  /// The chosen classes of `dataset`.
  ///
  /// - Throws: `DatasetError`, such as `unknownClasses` for a name that no class has.
  public func callAsFunction(_ dataset: Dataset) throws -> Dataset {
    switch self {
    case .part(let part): return try dataset.subset(part)
    case .chosen(let names):
      do {
        return try dataset.choosing(names)
      } catch let error as DatasetError {
        guard case .unknownClasses(let names, let data, let nearest) = error.kind else { throw error }
        // A misspelled subset looks like a single class name.
        let part = names.count == 1 ? names[0].nearest(among: ClassSubset.allCases.map(\.rawValue)) : nil
        throw DatasetError.unknownClasses(names, of: data, nearest: nearest ?? part)
      }
    }
  }

  /// The subset, where the choice is one.
  public var part: ClassSubset? { if case .part(let part) = self { part } else { nil } }

  /// The subset under which an evaluation of these classes is saved.
  var subset: ClassSubset {
    switch self {
    case .part(let part): part
    case .chosen: .all
    }
  }

  var isChosen: Bool { if case .chosen = self { true } else { false } }

  /// The suffix of a folder's name that distinguishes runs on subsets of one dataset; empty for all classes.
  public var folderPart: String {
    switch self {
    case .part(.all): ""
    case .part(let part): "-\(part.rawValue)"
    case .chosen(let names):
      (names.count == 1 ? "-1class-" : "-\(names.count)classes-")
        + FileHash.sha256(of: names.joined(separator: "\n")).prefix(6)
    }
  }
}

/// The other classes of the data than those of a run or an evaluation.
public struct LeftOutClasses: Sendable, Equatable, CustomStringConvertible {
  public let names: [String]
  private static let mostShown = 8

  /// - Returns: `nil` where none is left out.
  public init?(_ names: [String]) {
    guard !names.isEmpty else { return nil }
    self.names = names
  }

  /// A description such as "left out: shirt, shoes".
  public var description: String {
    "left out: " + names.prefix(Self.mostShown).joined(separator: ", ")
      + (names.count > Self.mostShown ? ", … (\(names.count) classes)" : "")
  }
}
