import CLIP
import Datasets
import Foundation
import PromptLearning
import Runs
import Support
import Torch

/// Reads runs, and computes what a report needs and they have not saved.
public struct ReportBuilder: Sendable {
  /// Whether missing evaluations, and parts that need the model, are computed; saved ones are shown in any case.
  public var computes = true
  /// The current path of the runs' checkpoint; `nil` takes the path in each run.
  public var model: String?
  public var budget = MemoryBudget.automatic
  /// Where to compute.
  public var device = Device.cpu
  /// The folder of the feature cache; `nil` computes the features.
  public var cacheFolder: URL?

  /// The progress of the computation.
  public enum Progress: Sendable {
    case evaluating(run: String, done: Int, of: Int)
    case comparing(run: String, done: Int, of: Int)
    case zeroShot(run: String, done: Int, of: Int)
  }

  public init() {}

  /// The runs at `paths`. The fault of a run that was found in a folder becomes a remark, so that the others are shown.
  func runs(
    at paths: [URL], progress: (Progress) throws -> Void
  ) throws -> (runs: [ReportedRun], remarks: [String]) {
    var (runs, remarks): ([ReportedRun], [String]) = ([], [])
    for found in try RunFinder.runs(at: paths) {
      do {
        var run = try ReportedRun(found)
        try complete(&run, progress: progress)
        runs.append(run)
      } catch let error as any UserFacingError where !found.isNamed {
        remarks.append("\(found.name): \(error)")
      }
    }
    if runs.isEmpty, let path = paths.first { throw ReportError.noRuns(path: path.path) }
    runs += try zeroShot(besides: &runs, progress: progress)
    return (runs, remarks)
  }

  /// Computes the evaluations that the run lacks, and saves them in the run.
  private func complete(_ run: inout ReportedRun, progress: (Progress) throws -> Void) throws {
    let missing = run.measuredClasses.filter { run.evaluation(on: $0) == nil }
    guard run.isFinished, !missing.isEmpty else { return }
    let names = missing.map(\.rawValue).listed
    guard computes else {
      run.remarks.append("\(run.name): There is no evaluation on \(names) classes.")
      return
    }
    do {
      let loaded = try LoadedRun(folder: run.folder.url, model: model, on: device)
      for classes in missing {
        let choice = run.choice(classes)
        let dataset = try loaded.dataset(classes: choice)
        let total = dataset.examples(in: .test).count
        let measurement = try loaded.measurement(
          on: dataset, split: .test, within: budget, cacheFolder: cacheFolder
        ) { try progress(.evaluating(run: run.name, done: $0, of: total)) }
        let kept = SavedEvaluation(
          of: measurement, on: dataset, classes: classes, isChosen: run.isOfChosenClasses, split: .test,
          precision: loaded.clip.precision)
        run.evaluations.append(kept)
        do {
          try loaded.keep(measurement, on: dataset, classes: choice, split: .test)
        } catch let error as WritingError {
          run.remarks.append("\(run.name): The evaluation on \(classes.rawValue) classes was not kept: \(error)")
        }
      }
    } catch let error as any UserFacingError {
      run.remarks.append("\(run.name): There is no evaluation on \(names) classes: \(error)")
    }
  }

  /// Zero-shot CLIP's answers on the test images of the runs, where none of the runs has them.
  ///
  /// They need one pass of the text encoder, and most of the images' features are already cached. The answers are not
  /// saved.
  private func zeroShot(
    besides runs: inout [ReportedRun], progress: (Progress) throws -> Void
  ) throws -> [ReportedRun] {
    guard computes else { return [] }
    struct Key: Hashable {
      let dataset, model: String
      let classes: ClassSubset
      let chosenClasses: [String]?
    }
    func keys(_ run: ReportedRun) -> [Key] {
      ClassSubset.allCases.filter { run.evaluation(on: $0) != nil }
        .map {
          Key(
            dataset: run.dataset, model: run.record.model.sha256, classes: $0,
            chosenClasses: run.record.configuration?.chosenClasses)
        }
    }
    var known = Set(runs.filter(\.method.isZeroShot).flatMap(keys))
    var computed: [ReportedRun] = []
    for index in runs.indices {
      let missing = keys(runs[index]).filter { known.insert($0).inserted }.map(\.classes)
      guard !missing.isEmpty, runs[index].isFinished else { continue }
      do {
        let loaded = try LoadedRun(folder: runs[index].folder.url, model: model, on: device)
        let evaluations = try missing.map { try zeroShot(beside: loaded, of: runs[index], on: $0, progress: progress) }
        computed.append(ReportedRun(zeroShotBeside: runs[index], evaluations: evaluations))
      } catch let error as any UserFacingError {
        runs[index].remarks.append("\(runs[index].name): Zero-shot CLIP's answers beside it are missing: \(error)")
      }
    }
    return computed
  }

  private func zeroShot(
    beside loaded: LoadedRun, of run: ReportedRun, on classes: ClassSubset, progress: (Progress) throws -> Void
  ) throws -> SavedEvaluation {
    let dataset = try loaded.dataset(classes: run.choice(classes))
    let prompts = try ZeroShotPrompts(
      for: dataset.classNames, templates: [.zeroShot(for: dataset.name)], clip: loaded.clip)
    let cache = cacheFolder.map { FeatureCache(folder: $0, model: loaded.record.model.sha256) }
    let total = dataset.test.count
    let measurement = try Classifier(loaded.clip, prompts).measurement(
      on: dataset, within: budget, cache: cache, reading: loaded.reading
    ) { try progress(.zeroShot(run: run.name, done: $0, of: total)) }
    return SavedEvaluation(
      of: measurement, on: dataset, classes: classes, isChosen: run.isOfChosenClasses, split: .test,
      precision: loaded.clip.precision)
  }

  /// Adds the parts that need the model: the effect of the conditional token, and the words nearest to the context
  /// vectors.
  func explain(_ run: inout ReportedRun, _ kept: [SavedEvaluation], progress: (Progress) throws -> Void) throws {
    guard computes, run.isFinished, run.method.learnsContexts else { return }
    let loaded: LoadedRun
    do {
      loaded = try LoadedRun(folder: run.folder.url, model: model, on: device)
    } catch let error as any UserFacingError {
      run.remarks.append("\(run.name): What needs its model is missing: \(error)")
      return
    }
    var image: URL?
    for evaluation in kept where run.method.conditionsOnImage {
      do {
        let changes = try MetaTokenEffect(
          of: evaluation, by: loaded, within: budget, cacheFolder: cacheFolder
        ) { try progress(.comparing(run: run.name, done: $0, of: $1)) }
        run.changes[evaluation.name] = changes
        image = image ?? changes?.most.first?.file
      } catch let error as any UserFacingError {
        run.remarks.append("\(run.name): What the conditional token changed is missing: \(error)")
      }
    }
    do {
      run.words = try loaded.contextWords(count: 5, image: image)
    } catch let error as any UserFacingError {
      run.remarks.append("\(run.name): The words of its context vectors are missing: \(error)")
    }
  }
}
