import Datasets
import Foundation
import PromptLearning
import Runs
import Support

/// A report on runs as one self-contained page: no network, no script, no font but the reader's own.
public struct Report: Sendable {
  let groups: [DatasetGroup]
  let remarks: [String]
  let pictures: Pictures
  /// The runs that are shown in detail, by name: one for each method and dataset, as far as a page stays readable.
  let close: [String: [SavedEvaluation]]
  /// The number of evaluations that are not shown in detail because there are too many.
  let leftOut: Int
  private let style: String

  /// The most evaluations with matrices, pairs, classes and calibration; each takes up to 150 KB of the page.
  private static let mostClose = 24

  /// - Parameter paths: paths of runs, and of folders of runs.
  /// - Throws: ``ReportError``, and the error of a run that is given directly.
  public init(
    of paths: [URL], by builder: ReportBuilder = ReportBuilder(),
    progress: (ReportBuilder.Progress) throws -> Void = { _ in }
  ) throws {
    style = try Self.styleSheet()
    var (runs, remarks) = try builder.runs(at: paths, progress: progress)
    let gathered = DatasetGroup.groups(of: runs)
    remarks += try gathered.flatMap { try $0.checkedPhotos() }
    (close, leftOut) = Self.chosen(among: gathered)
    for index in runs.indices {
      guard let evaluations = close[runs[index].name] else { continue }
      try builder.explain(&runs[index], evaluations, progress: progress)
    }
    var pictures = Pictures()
    for run in runs {
      for kept in close[run.name] ?? [] {
        for change in run.changes[kept.name]?.most ?? [] { pictures.add(change.file) }
        for example in ConfusedPair.most(of: kept).flatMap(\.examples) { pictures.add(kept.url(of: example)) }
      }
    }
    self.pictures = pictures
    groups = DatasetGroup.groups(of: runs)
    remarks += runs.flatMap(\.remarks)
    if !builder.computes {
      remarks.append("Nothing was computed: what needs a model, such as zero-shot CLIP beside the runs, is left out.")
    }
    self.remarks = remarks
  }

  /// The runs shown in detail: the first seed of each row, and of rows that differ in shots the one with the most.
  /// Where these are too many, CoCoOp comes first, then CoOp.
  private static func chosen(among groups: [DatasetGroup]) -> (close: [String: [SavedEvaluation]], leftOut: Int) {
    // Methods that condition on the image come first: they have the most to show.
    let order = PromptLearning.Method.all.filter { !$0.isZeroShot }.sorted {
      $0.conditionsOnImage && !$1.conditionsOnImage
    }
    let rows = groups.flatMap { group in
      group.rows.filter { row in
        !group.rows.contains { $0.index > row.index && $0.variant.family == row.variant.family }
      }
    }
    let candidates = rows.compactMap { row -> (rank: Int, name: String, kept: [SavedEvaluation])? in
      guard
        let run = row.runs.first(where: { run in
          !run.isComputed && ClassSubset.allCases.contains { run.evaluation(on: $0) != nil }
        })
      else { return nil }
      return (
        order.firstIndex(of: row.variant.method) ?? order.count, run.name,
        ClassSubset.allCases.compactMap(run.evaluation(on:))
      )
    }
    let ranked = candidates.enumerated().sorted {
      ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset)
    }.map(\.element)
    var (close, count, leftOut): ([String: [SavedEvaluation]], Int, Int) = ([:], 0, 0)
    for candidate in ranked {
      if count + candidate.kept.count <= mostClose {
        close[candidate.name] = candidate.kept
        count += candidate.kept.count
      } else {
        leftOut += candidate.kept.count
      }
    }
    return (close, leftOut)
  }

  private static func styleSheet() throws -> String {
    guard let url = Bundle.module.url(forResource: "report", withExtension: "css"),
      let style = try? String(contentsOf: url, encoding: .utf8)
    else { throw ReportError.missingResource(name: "report.css") }
    return style
  }

  /// The whole page. Equal runs give equal bytes.
  public var html: String { Page(self, style: style).text }

  static let generator = "cocoop report"

  /// Checks whether a report may be written to `url`: call it before long work.
  ///
  /// - Throws: ``ReportError``, `WritingError`.
  public static func check(output url: URL, isReplacing: Bool) throws {
    var isFolder: ObjCBool = false
    let isThere = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    if isFolder.boolValue { throw ReportError.outputIsFolder(path: url.path) }
    if isThere, !isReplacing, !isReport(url) { throw ReportError.outputExists(path: url.path) }
    let folder = url.deletingLastPathComponent().path
    guard access(folder, W_OK | X_OK) == 0 else {
      throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno)))
    }
  }

  private static func isReport(_ url: URL) -> Bool {
    guard let file = try? FileHandle(forReadingFrom: url), let start = try? file.read(upToCount: 4096) else {
      return false
    }
    return String(decoding: start, as: UTF8.self).contains("content=\"\(generator)\"")
  }

  /// Writes the page atomically.
  ///
  /// - Throws: ``ReportError``, `WritingError`.
  public func write(to url: URL, isReplacing: Bool = false) throws {
    try Self.check(output: url, isReplacing: isReplacing)
    try AtomicFile.write(Data(html.utf8), to: url)
  }
}
