import CLIP
import Datasets
import Support

/// Which of a dataset's classes are meant: a part by its name, or chosen ones.
public enum ClassChoice: Sendable, Equatable {
  case part(ClassSubset)
  /// The names as a person lists them, or as the data spells them.
  case chosen([String])

  public static let all = ClassChoice.part(.all)
  public static let base = ClassChoice.part(.base)
  public static let new = ClassChoice.part(.new)

  /// - Parameters:
  ///   - list: base, new, all, or names with commas between them.
  ///   - file: the path of a file with names, as ``ClassNames/init(list:file:)`` takes it.
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

  /// The classes of `dataset` that are meant.
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
        // A part that was misspelt is a name alone.
        let part = names.count == 1 ? names[0].nearest(among: ClassSubset.allCases.map(\.rawValue)) : nil
        throw DatasetError.unknownClasses(names, of: data, nearest: nearest ?? part)
      }
    }
  }

  /// The part, where it is one.
  public var part: ClassSubset? { if case .part(let part) = self { part } else { nil } }

  /// The part that a kept evaluation of these classes is one of.
  var subset: ClassSubset {
    switch self {
    case .part(let part): part
    case .chosen: .all
    }
  }

  var isChosen: Bool { if case .chosen = self { true } else { false } }

  /// The part of a folder's name that tells runs on parts of one dataset apart; empty for all classes.
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

/// The classes that data has besides those that a run or an evaluation is about.
public struct LeftOutClasses: Sendable, Equatable, CustomStringConvertible {
  public let names: [String]
  private static let mostShown = 8

  /// - Returns: `nil` where none is left out.
  public init?(_ names: [String]) {
    guard !names.isEmpty else { return nil }
    self.names = names
  }

  /// Such as "left out: shirt, shoes".
  public var description: String {
    "left out: " + names.prefix(Self.mostShown).joined(separator: ", ")
      + (names.count > Self.mostShown ? ", … (\(names.count) classes)" : "")
  }
}
