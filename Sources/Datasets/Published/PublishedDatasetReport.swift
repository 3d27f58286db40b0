import Foundation
import Support

/// The output of `cocoop datasets check NAME --root DIR`: what a benchmark needs, what exists, and what belongs where.
public struct PublishedDatasetReport: Sendable, Encodable {
  public struct Part: Sendable, Encodable, Equatable {
    public enum State: String, Sendable, Encodable {
      case present, missing
      /// The part does not exist, and is not needed while the split file does.
      case unneeded
    }

    /// The path under the root.
    public let path: String
    public let state: State
    /// The source of the part, as the reference's guide calls it.
    public let source: String
  }

  public let name: String
  public let root: String
  public let parts: [Part]
  /// The report of the split, read or rebuilt; `nil` where it cannot be read.
  public let dataset: DatasetReport?
  /// The reason why it cannot be read.
  public let problem: String?
  /// The published numbers of images from which the dataset's differ.
  public let differences: [String]

  /// Whether a needed part does not exist.
  public var isIncomplete: Bool {
    problem != nil || parts.contains { $0.state == .missing } || dataset?.missing.isEmpty == false
  }

  /// - Throws: ``DatasetError`` where `root` is no folder; whatever is missing below it is reported.
  public init(checking benchmark: PublishedDataset, root: URL) throws {
    guard try Files.kind(of: root) == .folder else { throw DatasetError.notAFolder(path: root.path) }
    let folder = PublishedDatasetFolder(benchmark: benchmark, root: root)
    let layout = benchmark.layout
    name = benchmark.rawValue
    self.root = root.path

    func part(_ path: String, from source: String, at url: URL, kind: Files.Kind, isNeeded: Bool = true) -> Part {
      let isThere = (try? Files.kind(of: url)) == kind
      return Part(
        path: "\(layout.folder)/\(path)", state: isThere ? .present : isNeeded ? .missing : .unneeded, source: source)
    }
    let hasSplit = folder.splitFile.map(Files.fileExists) ?? false
    let images = layout.imageFolders.map { part($0.path, from: $0.source, at: folder.file($0.path), kind: .folder) }
    let split = layout.splitFile.map {
      part($0, from: "\($0), linked in CoOp's DATASETS.md", at: folder.file($0), kind: .file, isNeeded: false)
    }
    let lists = layout.lists.map {
      part($0.path, from: $0.source, at: folder.list($0.path), kind: .file, isNeeded: !hasSplit)
    }
    parts = images + [split].compactMap { $0 } + lists

    do {
      let dataset = try Dataset(benchmark, root: root)
      let report = try DatasetReport(checking: dataset)
      self.dataset = report
      problem = nil
      let sizes = [("train", layout.sizes.train), ("val", layout.sizes.val), ("test", layout.sizes.test)]
      differences = zip(report.parts, sizes).compactMap { part, published in
        part.images == published.1 ? nil : "\(part.images) \(published.0) images, \(published.1) published"
      }
    } catch {
      dataset = nil
      problem = "\(error)"
      differences = []
    }
  }
}

extension PublishedDatasetReport {
  /// A tree of ticks and crosses for a terminal.
  public var tree: String {
    let branches = parts.map { part in
      switch part.state {
      case .present: "✓ \(part.path)"
      case .missing: "✗ \(part.path) is missing: put it there from \(part.source)"
      case .unneeded:
        dataset == nil || part.path.contains("split_zhou_")
          ? "– \(part.path) is not there: \(part.source)"
          : "– \(part.path) is not there, nor needed beside the split file"
      }
    }
    let content = dataset.map { $0.branches } ?? ["✗ \(problem ?? "cannot be read")"]
    let all = branches + content
    let notes = (dataset?.notices ?? []) + (differences.isEmpty ? [] : [differences.joined(separator: "; ")])
    return
      (["\(name) in \(root)"] + all.dropLast().map { "├─ \($0)" } + all.suffix(1).map { "└─ \($0)" }
      + notes.map { "note: \($0)." }).map(\.onOneLine).joined(separator: "\n")
  }
}

/// One line of `cocoop datasets list`.
public struct DatasetListing: Sendable, Encodable {
  public let name: String
  /// The argument for `--data`.
  public let data: String
  /// The folder under `--root`; `nil` for what ships with the package.
  public let folder: String?
  public let classes, baseClasses, newClasses, train, val, test: Int
  /// How a published dataset can be had: `fetched` by `datasets download`, or its archives `byHand`.
  public let download: String?

  public init(_ benchmark: PublishedDataset, download: String? = nil) {
    let sizes = benchmark.layout.sizes
    self.init(
      name: benchmark.rawValue, data: benchmark.spelling, folder: benchmark.folder, classes: sizes.classes,
      counts: [sizes.train, sizes.val, sizes.test], download: download)
  }

  public init(embedded dataset: Dataset) {
    self.init(
      name: dataset.name, data: dataset.name, folder: nil, classes: dataset.classNames.count,
      counts: Split.allCases.map { dataset.examples(in: $0).count })
  }

  private init(
    name: String, data: String, folder: String?, classes: Int, counts: [Int], download: String? = nil
  ) {
    (self.name, self.data, self.folder, self.classes) = (name, data, folder, classes)
    self.download = download
    baseClasses = ClassSubset.base.labels(of: classes).count
    newClasses = ClassSubset.new.labels(of: classes).count
    (train, val, test) = (counts[0], counts[1], counts[2])
  }

  public var summary: String {
    "\(data)  \(classes) classes, \(train) train, \(val) val, \(test) test" + (folder.map { ": ROOT/\($0)" } ?? "")
      + (download.map { $0 == "byHand" ? ", archives by hand" : ", fetched" } ?? "")
  }
}
