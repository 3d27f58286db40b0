import ArgumentParser
import Foundation
import Report
import Runs

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write what runs have learned as one page that stands alone.",
    discussion: """
      Evaluations that a run has not kept are made first, and kept with it; --as-is only shows what is there.

      EXAMPLE:
        cocoop report runs/demo --output report.html
      """)

  @Argument(help: "Folders of runs, or folders that runs lie in, such as the output of 'reproduce'.")
  var runs: [String]

  @Option(name: .shortAndLong, help: ArgumentHelp("The page to write.", valueName: "file"))
  var output = "report.html"

  @Option(help: "Another model path than the runs'; it must hold the same weights.")
  var model: String?

  @Flag(help: "Compute nothing: show what the runs have kept.")
  var asIs = false

  @Flag(help: "Replace a file that is no report.")
  var force = false

  @OptionGroup var cache: CacheOptions
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var printing: OutputOptions

  /// The output of `report --json`.
  struct Result: Encodable {
    let report: String
    let bytes: Int
  }

  func run() throws {
    let device = try compute.apply(quiet: printing.quiet)
    let url = URL(filePath: output)
    try Report.check(output: url, isReplacing: force)
    try fetching.fetch(model, quiet: printing.quiet)
    var builder = ReportBuilder()
    builder.computes = !asIs
    builder.model = model
    builder.budget = compute.budget(on: device)
    builder.device = device
    builder.cacheFolder = cache.folder
    let report = try Interruption().guarding(advice: "Evaluations that are finished are kept") { interruption in
      var line: (name: String, progress: ProgressLine)?
      return try Report(of: runs.map { URL(filePath: $0) }, by: builder) { progress in
        try interruption.check()
        let (name, done, total) = Self.place(progress)
        if line?.name != name { line = (name, printing.progress(name)) }
        line?.progress.update(done, of: total, unit: "images")
      }
    }
    try report.write(to: url, isReplacing: force)
    let bytes = try url.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
    try printing.print(Result(report: url.relativePath, bytes: bytes)) { url.relativePath }
  }

  private static func place(_ progress: ReportBuilder.Progress) -> (name: String, done: Int, of: Int) {
    switch progress {
    case .evaluating(let run, let done, let total): ("evaluating \(run)", done, total)
    case .comparing(let run, let done, let total): ("comparing \(run)", done, total)
    case .zeroShot(let run, let done, let total): ("zero-shot CLIP beside \(run)", done, total)
    }
  }
}
