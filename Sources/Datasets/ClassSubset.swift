/// Which half of the classes: those that a prompt is learned on, those that it meets for the first time, or all.
public enum ClassSubset: String, CaseIterable, Codable, Sendable {
  case base, new, all

  /// The labels of this half among `count` classes: base is the first ⌈count / 2⌉ (CoOp, `subsample_classes`).
  public func labels(of count: Int) -> Range<Int> {
    let middle = (count + 1) / 2
    return switch self {
    case .base: 0..<middle
    case .new: middle..<count
    case .all: 0..<count
    }
  }
}

extension Dataset {
  /// Keeps the classes of one half in every part, in their order, relabelled from 0.
  ///
  /// - Throws: ``DatasetError/noClassesLeft(subset:of:)`` where a dataset has one class and `classes` is new.
  public func subset(_ classes: ClassSubset) throws -> Dataset {
    guard classes != .all else { return self }
    let labels = classes.labels(of: classNames.count)
    guard !labels.isEmpty else { throw DatasetError.noClassesLeft(subset: classes, of: name) }
    func kept(_ examples: [Example]) -> [Example] {
      examples.filter { labels.contains($0.label) }
        .map { Example(path: $0.path, label: $0.label - labels.lowerBound) }
    }
    let names = Array(classNames[labels])
    return Dataset(
      name: name, imageFolder: imageFolder, classNames: names, training: kept(training), validation: kept(validation),
      test: kept(test), notices: notices.compactMap { $0.about(names) })
  }

  /// The first half of the classes, as ``subset(_:)`` gives it.
  public var base: Dataset { get throws { try subset(.base) } }
  /// The second half of the classes, as ``subset(_:)`` gives it.
  public var new: Dataset { get throws { try subset(.new) } }
}
