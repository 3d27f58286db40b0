import Datasets
import Foundation
import PromptLearning
import Runs

/// A run with everything that it has saved, and the report's own results.
struct ReportedRun: Sendable {
  let folder: RunFolder
  /// The run's name for people.
  let name: String
  let record: RunFolder.Record
  let method: PromptLearning.Method
  /// Whether it supports other classes than it was learned on.
  let namesOtherClasses: Bool
  /// The seed of the training; `nil` for an import, whose seed is not known.
  let seed: Int?
  let isFinished: Bool
  /// Whether it is zero-shot CLIP's answers that the report computed, and not a saved run.
  let isComputed: Bool
  /// The reports of the epochs, one for each that was trained.
  let epochs: [EpochReport]
  var evaluations: [SavedEvaluation]
  /// Remarks in one line each: what could not be read or computed, and why.
  var remarks: [String] = []
  /// The effects of the conditional token, by the evaluation's name.
  var changes: [String: MetaTokenEffect] = [:]
  var words: ContextWords?

  /// - Throws: `RunError`, `LearningError` where the folder holds no run of this version.
  init(_ found: RunFinder.Found) throws {
    folder = try RunFolder(existing: found.url)
    name = found.name
    record = try folder.record()
    seed = record.configuration?.seed
    // An import is identified by what was learned.
    let artifact = try? folder.artifact()
    guard let method = record.configuration?.method ?? artifact?.description.method else {
      throw RunError.notARun(path: found.url.path, reason: "what it learned is missing")
    }
    self.method = method
    namesOtherClasses = method.namesOtherClasses && artifact?.isClassSpecific != true
    isFinished = folder.hasArtifact
    isComputed = false
    epochs = folder.metrics()
    do {
      evaluations = try folder.evaluations()
    } catch {
      evaluations = []
      remarks.append("\(name): \(error)")
    }
    for kept in evaluations {
      if let precision = kept.approximation {
        remarks.append("\(name): The evaluation \(kept.name) is one in \(precision), which approximates float32.")
      }
    }
    if !isFinished { remarks.append("\(name): The training is not finished; its curve is shown as far as it goes.") }
  }

  /// Zero-shot CLIP on the test images of another run.
  init(zeroShotBeside run: ReportedRun, evaluations: [SavedEvaluation]) {
    folder = run.folder
    name = "zero-shot CLIP beside \(run.name)"
    record = RunFolder.Record(
      RunConfiguration(
        model: run.record.modelPath ?? run.record.model.name, data: run.record.data ?? run.dataset, method: .zeroShot,
        classes: run.record.classes ?? .all, chosenClasses: run.record.configuration?.chosenClasses),
      model: run.record.model, classNames: run.record.classNames)
    method = .zeroShot
    namesOtherClasses = true
    seed = nil
    isFinished = true
    isComputed = true
    epochs = []
    self.evaluations = evaluations
  }

  /// The number of epochs of its training, or of the finished ones where that is not known.
  var plannedEpochs: Int { record.configuration?.training?.epochs ?? epochs.count }

  static let unknownDataset = "unknown data"

  /// The title of the training dataset: the name of the run's data, or the dataset of an evaluation over exactly these
  /// classes. Variants of ImageNet have its classes too, so the name counts first.
  var dataset: String {
    let name = record.data.map { data in
      let name = Dataset.name(ofSplitFile: URL(filePath: data))
      return (PublishedDataset(named: data) ?? PublishedDataset(named: name))?.rawValue ?? name
    }
    let own = evaluations.filter { $0.classNames == record.classNames }
    return own.first { $0.title == name }?.title ?? own.first?.title ?? name ?? Self.unknownDataset
  }

  /// The evaluation on test images of the run's own dataset.
  func evaluation(on classes: ClassSubset) -> SavedEvaluation? {
    evaluations.first {
      $0.split == .test && $0.classes == classes && $0.title == dataset
        && (isOfChosenClasses ? $0.classNames == record.classNames : !$0.isChosen)
    }
  }

  /// Whether the user has chosen its classes by name.
  var isOfChosenClasses: Bool { record.configuration?.chosenClasses != nil }

  /// The run's choice for a subset of its own classes: the chosen ones, for a run on chosen classes.
  func choice(_ classes: ClassSubset) -> ClassChoice { isOfChosenClasses ? record.choice : .part(classes) }

  /// The subsets of its own classes on which a run should be evaluated.
  var measuredClasses: [ClassSubset] {
    switch record.classes ?? .all {
    case .base: namesOtherClasses ? [.base, .new] : [.base]
    case .new: [.new]
    case .all: [.all]
    }
  }

  /// The evaluations on test images of other datasets.
  var transfers: [SavedEvaluation] { evaluations.filter { $0.split == .test && $0.title != dataset } }
}

extension SavedEvaluation {
  /// The dataset's title in the paper, or its own name.
  var title: String { PublishedDataset(named: dataset)?.rawValue ?? dataset }
}
