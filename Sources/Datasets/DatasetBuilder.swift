import Foundation
import Support

/// An image as a split file or a table gives it, before it is checked.
struct RawExample {
  let path: String
  let label: Int
  let className: String
  /// The image's position in the source, for messages: `train[3]` or `line 7`.
  let place: String
}

/// Collects raw examples, checks each as it comes, and makes a ``Dataset`` that obeys the laws documented there.
struct DatasetBuilder {
  let file: String
  private var examples: [Split: [Example]] = [:]
  private var names: [Int: String] = [:]

  init(file: String) { self.file = file }

  mutating func append(_ example: RawExample, to split: Split) throws {
    try check(path: example.path, at: example.place)
    guard example.label >= 0 else {
      throw DatasetError.negativeLabel(file: file, place: example.place, label: example.label)
    }
    if let known = names[example.label] {
      guard known == example.className else {
        throw DatasetError.twoNames(
          file: file, place: example.place, label: example.label, first: known, second: example.className)
      }
    } else {
      guard !PromptTemplate.words(of: example.className).isEmpty else {
        throw DatasetError.emptyName(file: file, place: example.place)
      }
      names[example.label] = example.className
    }
    examples[split, default: []].append(Example(path: example.path, label: example.label))
  }

  /// Checks that a path stays under the image folder: not absolute, no `..`, and nothing that would truncate a C
  /// string.
  private func check(path: String, at place: String) throws {
    guard !path.isEmpty else { throw DatasetError.emptyPath(file: file, place: place) }
    guard !Self.leaves(path) else { throw DatasetError.escapingPath(file: file, place: place, path: path) }
  }

  /// Whether a path is absolute, contains `..`, or has what would truncate a C string.
  static func leaves(_ path: String) -> Bool {
    // The bytes that the file system reads: in Swift, "/" and a combining accent are one character.
    let bytes = FileName.bytes(of: path)
    let climbs = bytes.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
    return bytes.first == UInt8(ascii: "/") || climbs || bytes.contains(0)
  }

  /// - Parameters:
  ///   - required: the splits in which every class must have images.
  ///   - imageFolder: called once the list is known to be valid.
  func dataset(
    name: String, notices: [Notice] = [], requiring required: [Split] = [.train, .test],
    imageFolder: ([Example]) throws -> URL
  ) throws -> Dataset {
    let (training, validation, test) = (examples[.train] ?? [], examples[.val] ?? [], examples[.test] ?? [])
    for split in required where examples[split, default: []].isEmpty {
      throw DatasetError.emptySplit(file: file, split: split)
    }
    var notices = notices
    let classNames = try checkedClassNames(of: name, noting: &notices)
    for split in required {
      let present = Set(examples[split, default: []].map(\.label))
      if let absent = classNames.indices.first(where: { !present.contains($0) }) {
        throw DatasetError.classWithout(file: file, className: classNames[absent], split: split)
      }
    }
    return Dataset(
      name: name, imageFolder: try imageFolder(training + validation + test), classNames: classNames,
      training: training, validation: validation, test: test,
      notices: notices
        + [
          Notice.severalClasses([training, validation, test].joined(), classNames: classNames),
          Notice.leak(training + validation, into: test),
        ].compactMap { $0 })
  }

  /// The names by label, after the check that labels run from 0 without gaps and no two names give the same prompt.
  ///
  /// ImageNet's published list calls two classes 'missile' and two 'sunglasses'; there, only a notice is given.
  private func checkedClassNames(of name: String, noting notices: inout [Notice]) throws -> [String] {
    let mayRepeat = PublishedDataset(named: name)?.mayRepeatNames ?? false
    var labelByWords: [String: Int] = [:]
    var classNames: [String] = []
    for (expected, (label, name)) in names.sorted(by: { $0.key < $1.key }).enumerated() {
      guard label == expected else { throw DatasetError.labelGap(file: file, missing: expected, next: label) }
      if let twin = labelByWords.updateValue(label, forKey: PromptTemplate.words(of: name).lowercased()) {
        guard mayRepeat else {
          throw DatasetError.duplicateName(file: file, first: classNames[twin], second: name)
        }
        notices.append(.equalNames(name))
      }
      classNames.append(name)
    }
    return classNames
  }
}
