import Datasets
import PromptLearning
import Runs

/// The page around the sections.
struct Page {
  let report: Report
  let style: String

  init(_ report: Report, style: String) {
    self.report = report
    self.style = style
  }

  var text: String { "<!DOCTYPE html>\n" + document.render() }

  private var document: Markup {
    element(.html, ["lang": "en"]) {
      element(.head) {
        element(.meta, ["charset": "utf-8"])
        element(.meta, ["name": "viewport", "content": "width=device-width, initial-scale=1"])
        element(.meta, ["name": "generator", "content": Report.generator])
        element(.meta, ["name": "color-scheme", "content": "light dark"])
        // The page loads nothing, and a browser enforces that.
        element(
          .meta,
          [
            "http-equiv": "Content-Security-Policy",
            "content": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
          ])
        element(.title) { title }
        element(.style) { Markup.stylesheet(style) }
      }
      element(.body) {
        header
        element(.main) {
          OverviewSection(groups: report.groups).markup
          for (index, group) in report.groups.enumerated() { section(group, id: "d\(index + 1)") }
          AboutSection(report: report).markup
        }
      }
    }
  }

  private var title: String {
    let datasets = Self.unique(report.groups.map(\.dataset)).filter { $0 != ReportedRun.unknownDataset }
    guard !datasets.isEmpty else { return "Prompt learning" }
    return "Prompt learning on " + (datasets.count > 4 ? datasets.count.counted("dataset") : datasets.listed)
  }

  private var header: Markup {
    let runs = report.groups.flatMap(\.runs).filter { !$0.isComputed }
    let models = Self.unique(report.groups.map(\.model.name)).listed
    return element(.header) {
      element(.h1) { title }
      paragraph(
        "\(runs.count.counted("run")) with \(models): "
          + Self.unique(report.groups.flatMap { $0.rows.map(\.variant.method.title) }).joined(separator: " · "))
      if !report.remarks.isEmpty {
        element(.p, ["class": "note"]) {
          "Not everything could be shown: "
          element(.a, ["href": "#remarks"]) { report.remarks.count.counted("remark") }
          "."
        }
      }
      if links.count > 2 {
        element(.nav, ["aria-label": "Sections"]) {
          element(.ul) {
            for link in links { element(.li) { element(.a, ["href": "#\(link.id)"]) { link.title } } }
          }
        }
      }
    }
  }

  private var links: [(id: String, title: String)] {
    let groups = report.groups.enumerated().map { ("d\($0.offset + 1)", heading(of: $0.element)) }
    return (groups.count > 1 ? [("overview", "All datasets")] : []) + groups + [("about", "About these runs")]
  }

  /// The heading of a group: "Results" for a single dataset, whose name the page's title has; otherwise the dataset,
  /// with the model where two have the same dataset.
  private func heading(of group: DatasetGroup) -> String {
    guard report.groups.count > 1 else { return "Results" }
    return report.groups.count { $0.dataset == group.dataset } > 1
      ? "\(group.dataset), \(group.model.name)" : group.dataset
  }

  private func section(_ group: DatasetGroup, id: String) -> Markup {
    element(.section, ["id": id, "aria-labelledby": "\(id)-h"]) {
      element(.h2, ["id": "\(id)-h"]) { heading(of: group) }
      ComparisonSection(group: group, id: id).markup
      TransferSection(group: group, groups: report.groups, id: id).markup
      ShotsSection(group: group, id: id).markup
      TrainingSection(group: group, id: id).markup
      methodDetails(group, id: id)
    }
  }

  private func methodDetails(_ group: DatasetGroup, id: String) -> Markup? {
    let looks = group.parts.flatMap(\.ranked).compactMap { row in look(at: row) }
    guard !looks.isEmpty else { return nil }
    return element(.section, ["id": "\(id)-close"]) {
      element(.h3) { "A closer look" }
      paragraph(
        "What each method gets right and wrong, with the first seed and the most shots"
          + (looks.count > 1 ? ", the best method first. Open another to see it." : "."))
      for (index, look) in looks.enumerated() {
        methodDetail(look, id: "\(id)-m\(look.row.index + 1)", isOpen: index == 0)
      }
    }
  }

  /// A run that is shown in detail, with its evaluations.
  private struct Look {
    let row: MethodRow
    let run: ReportedRun
    let evaluations: [SavedEvaluation]
  }

  private func look(at row: MethodRow) -> Look? {
    guard let run = row.runs.first(where: { !$0.isComputed && report.close[$0.name] != nil }),
      let evaluations = report.close[run.name], !evaluations.isEmpty
    else { return nil }
    return Look(row: row, run: run, evaluations: evaluations)
  }

  private func methodDetail(_ look: Look, id: String, isOpen: Bool) -> Markup {
    element(.details, ["class": "look", "id": id], flags: isOpen ? ["open"] : []) {
      element(.summary) { look.row.label }
      for kept in look.evaluations {
        MethodDetail(
          row: look.row, run: look.run, kept: kept, pictures: report.pictures, id: "\(id)-\(kept.classes.rawValue)"
        ).markup
      }
      if let words = look.run.words { WordsSection(row: look.row, words: words, id: "\(id)-words").markup }
    }
  }

  private static func unique(_ texts: [String]) -> [String] {
    texts.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
  }
}
