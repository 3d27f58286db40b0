import Foundation
import Support

/// The published JSON form of a split: `{"train": [[path, label, name], …], "val": …, "test": …}`
/// (CoOp, `datasets/oxford_pets.py`, `save_split`).
public struct SplitFile: Codable, Sendable {
  /// One image: a JSON array of path, label and class name.
  public struct Entry: Codable, Sendable, Equatable {
    public let path: String
    public let label: Int
    public let className: String
  }

  public let train, val, test: [Entry]
  /// The folder of the images, absolute, where they are neither next to the file nor below it; the published files have
  /// none, and their readers ignore it.
  public var images: String?

  init(train: [Entry], val: [Entry], test: [Entry]) {
    (self.train, self.val, self.test) = (train, val, test)
  }

  init(_ parts: [Split: [Entry]]) {
    self.init(train: parts[.train] ?? [], val: parts[.val] ?? [], test: parts[.test] ?? [])
  }

  /// The split file of `dataset`: reading it gives the same classes and parts.
  public init(of dataset: Dataset) {
    self.init(Dictionary(uniqueKeysWithValues: Split.allCases.map { ($0, dataset.entries(in: $0)) }))
  }

  public subscript(split: Split) -> [Entry] {
    switch split {
    case .train: train
    case .val: val
    case .test: test
    }
  }
}

extension Dataset {
  /// Reads a split file, strictly: anything but its published form is an error that identifies the entry.
  ///
  /// - Parameter images: the folder of the images; otherwise they are next to the file or under its one sub-folder.
  /// - Throws: ``DatasetError``.
  public init(splitFile: URL, images: URL? = nil) throws {
    try self.init(SplitFile(contentsOf: splitFile), of: splitFile, images: images)
  }

  /// The dataset that a split file describes, after validation.
  package init(_ split: SplitFile, of splitFile: URL, images: URL?) throws {
    try self.init(split, name: Self.name(ofSplitFile: splitFile), of: splitFile.path) { examples in
      try images ?? split.folder
        ?? Files.imageFolder(beside: splitFile, holding: examples.lazy.map(\.path))
    }
  }

  /// - Parameters:
  ///   - source: the file or folder that the split comes from, for errors.
  ///   - required: the splits in which every class must have images.
  init(
    _ split: SplitFile, name: String, of source: String, requiring required: [Split] = [.train, .test],
    notices: [Notice] = [], imageFolder: ([Example]) throws -> URL
  ) throws {
    var list = DatasetBuilder(file: source)
    for part in Split.allCases {
      for (index, entry) in split[part].enumerated() {
        let stated = RawExample(
          path: entry.path, label: entry.label, className: entry.className, place: "\(part.rawValue)[\(index)]")
        try list.append(stated, to: part)
      }
    }
    self = try list.dataset(name: name, notices: notices, requiring: required, imageFolder: imageFolder)
  }

  /// The dataset's name: `split_zhou_OxfordPets.json` is OxfordPets, `split_openclipart.json` is openclipart.
  package static func name(ofSplitFile file: URL) -> String {
    let stem = file.deletingPathExtension().lastPathComponent
    let prefix = ["split_zhou_", "split_"].first { stem.hasPrefix($0) && stem.count > $0.count } ?? ""
    return String(stem.dropFirst(prefix.count))
  }
}

extension SplitFile {
  /// The image folder that the file gives, where it exists.
  fileprivate var folder: URL? {
    images.flatMap { FileSystem.folderExists($0) ? URL(filePath: $0, directoryHint: .isDirectory) : nil }
  }

  /// The split file of `dataset` for the location `file`: with paths relative to the file's folder where that holds the
  /// images, or otherwise with the path of the folder that does.
  public init(of dataset: Dataset, at file: URL) {
    let folder = file.standardizedFileURL.deletingLastPathComponent().resolvingSymlinksInPath().path
    let images = dataset.imageFolder.standardizedFileURL.resolvingSymlinksInPath().path
    let whole = SplitFile(of: dataset)
    let root = folder.hasSuffix("/") ? folder : folder + "/"
    guard images == folder || images.hasPrefix(root) else {
      self = whole
      self.images = images
      return
    }
    let prefix = images == folder ? "" : images.dropFirst(root.count) + "/"
    func moved(_ entries: [Entry]) -> [Entry] {
      entries.map { Entry(path: prefix + $0.path, label: $0.label, className: $0.className) }
    }
    self.init(train: moved(whole.train), val: moved(whole.val), test: moved(whole.test))
  }

  /// Writes the file, whole or not at all.
  ///
  /// - Throws: `WritingError`.
  public func write(to file: URL) throws {
    try AtomicFile.write(JSONEncoder().encode(self) + Data("\n".utf8), to: file)
  }

  /// - Throws: ``DatasetError``; the meaning of the values is checked by ``Dataset/init(splitFile:images:)``.
  public init(contentsOf file: URL) throws {
    try self.init(Files.contents(of: file), of: file.path)
  }

  /// - Throws: ``DatasetError``; checks types and presence, not the meaning of the values.
  package init(_ data: Data, of file: String) throws {
    self = try Self.decoded(data, of: file)
  }

  /// A list of images in JSON: a split file or a few-shot sample.
  static func decoded<List: Decodable>(_ data: Data, of file: String) throws -> List {
    let data = Data(try Files.utf8(data, of: file))
    do {
      return try JSONDecoder().decode(List.self, from: data)
    } catch DecodingError.keyNotFound(let key, _) {
      throw DatasetError.missingPart(file: file, part: key.stringValue)
    } catch DecodingError.typeMismatch(let type, let context), DecodingError.valueNotFound(let type, let context) {
      throw DatasetError.wrongType(
        file: file, place: Self.place(context.codingPath), expected: Self.noun(type, context.codingPath))
    } catch DecodingError.dataCorrupted {
      throw DatasetError.notJSON(file: file, reason: Self.fault(in: data))
    }
  }

  /// The fault of a text that is not JSON, and its position: the decoder doesn't report it on every platform.
  private static func fault(in data: Data) -> String? {
    do {
      _ = try JSONSerialization.jsonObject(with: data)
      return nil
    } catch {
      return (error as NSError).userInfo["NSDebugDescription"] as? String
    }
  }

  /// The place of a coding path: `train[3]` for ["train", 3] and everything below it.
  private static func place(_ path: [any CodingKey]) -> String {
    path.prefix(2).reduce(into: "") { $0 += $1.intValue.map { "[\($0)]" } ?? $1.stringValue }
  }

  private static func noun(_ type: Any.Type, _ path: [any CodingKey]) -> String {
    switch path.count {
    case 0: "an object with train, val and test"
    case 1 where path[0].stringValue == "images": "the path of the images' folder"
    case 1: "a list of images"
    case 2: "an image as [path, label, name]"
    default: type == Int.self ? "a whole number as label" : "a text as path and as name"
    }
  }
}

extension SplitFile.Entry {
  public init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    guard container.count == 3 else {
      throw DecodingError.typeMismatch(
        Self.self, .init(codingPath: decoder.codingPath, debugDescription: "expected three values"))
    }
    path = try Self.value(from: &container)
    label = try Self.value(from: &container)
    className = try Self.value(from: &container)
  }

  /// A value of the list; one that doesn't decode counts as one of the wrong type, since the decoder reports no place
  /// for a number such as 1.5.
  private static func value<Value: Decodable>(from container: inout any UnkeyedDecodingContainer) throws -> Value {
    let place = container.codingPath + [Position(container.currentIndex)]
    do {
      return try container.decode(Value.self)
    } catch {
      throw DecodingError.typeMismatch(Value.self, .init(codingPath: place, debugDescription: "\(error)"))
    }
  }

  private struct Position: CodingKey {
    let intValue: Int?
    var stringValue: String { intValue.map(String.init) ?? "" }
    init(_ index: Int) { intValue = index }
    init(intValue: Int) { self.init(intValue) }
    init?(stringValue: String) { nil }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    try container.encode(path)
    try container.encode(label)
    try container.encode(className)
  }
}
