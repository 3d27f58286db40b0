import Datasets
import Foundation
import PromptLearning
import Runs

/// The sources of the figures, and the missing parts.
struct AboutSection {
  let report: Report

  var markup: Markup {
    element(.section, ["id": "about", "aria-labelledby": "about-h"]) {
      element(.h2, ["id": "about-h"]) { "About these runs" }
      paragraph(
        "Classes: what was learned of the dataset, its base half, its new half, all of it or so many chosen classes. Shots: images of each"
          + " class. The checkpoint is identified by the first digits of the SHA-256 of its weights.")
      runs.markup
      if report.leftOut > 0 {
        paragraph(
          "\(report.leftOut.counted("evaluation")) more than a page can show closely: name fewer runs to see them.",
          class: "note")
      }
      if !report.remarks.isEmpty {
        element(.section, ["id": "remarks"]) {
          element(.h3) { "Remarks" }
          element(.ul) { for remark in report.remarks { element(.li) { remark } } }
        }
      }
    }
  }

  private func classes(of run: ReportedRun) -> String {
    run.isOfChosenClasses ? "\(run.record.classNames.count) chosen" : run.record.classes?.rawValue ?? "–"
  }

  private var runs: DataTable {
    DataTable(
      caption: "The runs of this page",
      columns: [
        .text("Run"), .text("Method"), .text("Data"), .text("Classes"), .number("Shots"), .number("Seed"),
        .number("Epochs"), .number("Seconds"), .text("Checkpoint"), .text("libtorch"),
      ],
      rows: report.groups.flatMap(\.runs).filter { !$0.isComputed }.map { run in
        let configuration = run.record.configuration
        return [
          .init(element(.span, ["class": "whole"]) { run.name }), .init(run.method.title), .init(run.dataset),
          .init(classes(of: run)),
          .init(configuration?.shots.map(String.init) ?? (configuration == nil ? "–" : "all")),
          .init(run.seed.map(String.init) ?? "–"),
          .init((configuration?.training?.epochs ?? run.record.imported?.epoch).map(String.init) ?? "–"),
          .init(run.record.trainingSeconds.map { String(format: "%.0f", $0) } ?? "–"),
          .init("\(run.record.model.name) (\(run.record.model.sha256.prefix(8)))"), .init(run.record.libtorch),
        ]
      })
  }
}
