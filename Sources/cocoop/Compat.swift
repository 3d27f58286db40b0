import ArgumentParser
import Compatibility
import Foundation
import Runs

struct Compat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take the command line of the reference's train.py.",
    discussion: """
      Reads its YAML files and KEY VALUE pairs, does what it does, and leaves the same files: log.txt and \
      prompt_learner/. The checkpoint of MODEL.BACKBONE.NAME is looked for in the folder that the environment's \
      COCOOP_MODELS names and in ~/.cache/clip; --model names another. Behind -- stand the reference's options: \
      \(Arguments.optionNames.joined(separator: ", ")).

      EXAMPLE:
        cocoop compat -- --root data --seed 1 --trainer CoCoOp --dataset-config-file configs/datasets/caltech101.yaml \
      --config-file configs/trainers/CoCoOp/vit_b16_c4_ep10_batch1_ctxv1.yaml --output-dir output/first \
      DATASET.NUM_SHOTS 16 DATASET.SUBSAMPLE_CLASSES base
      """)

  @Option(help: "The checkpoint, in place of the one that MODEL.BACKBONE.NAME stands for.")
  var model: String?

  @Flag(help: "List the keys of the configuration and what each does here.")
  var keys = false

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var fetching: FetchOptions
  @OptionGroup var printing: OutputOptions

  @Argument(
    parsing: .postTerminator, help: ArgumentHelp("Arguments of the reference's train.py.", valueName: "arguments"))
  var arguments: [String] = []

  func validate() throws {
    guard keys || !arguments.isEmpty else { throw ValidationError("Give the arguments of train.py behind --.") }
  }

  func run() throws {
    guard !keys else { return print(KeyTable.text, terminator: "") }
    let device = try compute.apply(quiet: printing.quiet)
    try fetching.fetch(model, quiet: printing.quiet)
    let plan = try RunPlan(Arguments(arguments), environment: ProcessInfo.processInfo.environment)
    for warning in plan.warnings { printing.remark("warning: \(warning).") }
    let result = try Interruption().guarding(
      advice: "The last whole epoch is kept: go on with the same command"
    ) { interruption in
      try CompatibleRun(plan, model: model, within: compute.budget(on: device), on: device)(
        print: { line in
          guard !printing.json, !printing.quiet else { return }
          Swift.print(line)
          fflush(nil)  // a log is read while it grows
        }, remark: { printing.remark("note: \($0).") }, check: { try interruption.check() })
    }
    if printing.json || printing.quiet { try printing.print(result) { Self.text(result) } }
  }

  private static func text(_ result: CompatibleRun.Result) -> String {
    result.accuracy.map { "accuracy \(String(format: "%.2f", $0)) %: \(result.output)" } ?? result.output
  }
}
