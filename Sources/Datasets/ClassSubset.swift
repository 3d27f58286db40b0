import Support

/// A half of the classes: those that a prompt is learned on, those that are new to it, or all.
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
  /// Keeps the classes of one half in every split, in their order, relabelled from 0.
  ///
  /// - Throws: ``DatasetError/noClassesLeft(subset:of:)`` where a dataset has one class and `classes` is new.
  public func subset(_ classes: ClassSubset) throws -> Dataset {
    guard classes != .all else { return self }
    let labels = classes.labels(of: classNames.count)
    guard !labels.isEmpty else { throw DatasetError.noClassesLeft(subset: classes, of: name) }
    return keeping(Array(labels))
  }

  /// Keeps the classes of these names in every split, in the dataset's order, relabelled from 0.
  ///
  /// - Parameter names: names as a prompt would have them; letter case is ignored.
  /// - Throws: ``DatasetError/unknownClasses(_:of:nearest:)`` for names that no class has.
  public func choosing(_ names: [String]) throws -> Dataset {
    func key(_ name: String) -> String { PromptTemplate.words(of: name).lowercased() }
    let known = Dictionary(grouping: classNames.indices) { key(classNames[$0]) }
    let unknown = names.filter { known[key($0)] == nil }
    guard unknown.isEmpty else {
      let nearest = unknown.first.flatMap { name in
        key(name).nearest(among: known.keys.sorted()).flatMap { known[$0]?.first }.map { classNames[$0] }
      }
      throw DatasetError.unknownClasses(unknown, of: self.name, nearest: nearest)
    }
    let labels = Set(names.flatMap { known[key($0)] ?? [] }).sorted()
    return labels.count == classNames.count ? self : keeping(labels)
  }

  /// - Parameter labels: ascending.
  private func keeping(_ labels: [Int]) -> Dataset {
    let new = Dictionary(uniqueKeysWithValues: zip(labels, 0...))
    func kept(_ examples: [Example]) -> [Example] {
      examples.compactMap { example in new[example.label].map { Example(path: example.path, label: $0) } }
    }
    let names = labels.map { classNames[$0] }
    let others = classNames.indices.filter { new[$0] == nil }.map { classNames[$0] }
    return Dataset(
      name: name, imageFolder: imageFolder, classNames: names, training: kept(training), validation: kept(validation),
      test: kept(test), notices: notices.compactMap { $0.about(names) }, otherClasses: others + otherClasses)
  }

  /// The first half of the classes, as ``subset(_:)`` gives it.
  public var base: Dataset { get throws { try subset(.base) } }
  /// The second half of the classes, as ``subset(_:)`` gives it.
  public var new: Dataset { get throws { try subset(.new) } }
}
