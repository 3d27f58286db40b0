import Datasets
import Foundation
import PromptLearning
import Runs

/// A run with all that it has kept, and what a report has found out besides.
struct ReportedRun: Sendable {
  let folder: RunFolder
  /// How a person would name it.
  let name: String
  let record: RunFolder.Record
  let method: PromptLearning.Method
  /// Whether it can be asked about other classes than it was learned on.
  let namesOtherClasses: Bool
  /// Of the training; that of an import is not known.
  let seed: Int?
  let isFinished: Bool
  /// Whether it is zero-shot CLIP's answers that a report made beside another run, and no run that somebody made.
  let isComputed: Bool
  /// One for each epoch that was trained.
  let epochs: [EpochReport]
  var evaluations: [SavedEvaluation]
  /// One line each: what could not be read or computed, and why.
  var remarks: [String] = []
  /// By the evaluation's name.
  var changes: [String: MetaTokenEffect] = [:]
  var words: ContextWords?

  /// - Throws: `RunError`, `LearningError` where the folder holds no run of this version.
  init(_ found: RunFinder.Found) throws {
    folder = try RunFolder(existing: found.url)
    name = found.name
    record = try folder.record()
    seed = record.configuration?.seed
    // An import is told apart by what was learned.
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
    if !isFinished { remarks.append("\(name): The training is not finished; its curve is shown as far as it goes.") }
  }

  /// Zero-shot CLIP on the images that another run was measured on.
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

  /// The number of epochs that its training has, or had until now where that is not known.
  var plannedEpochs: Int { record.configuration?.training?.epochs ?? epochs.count }

  static let unknownDataset = "unknown data"

  /// The title of the dataset that was learned on: what the run's data are called, or the dataset of an evaluation over the
  /// very classes. Variants of ImageNet have its classes too, so the name counts first.
  var dataset: String {
    let name = record.data.map { data in
      let name = Dataset.name(ofSplitFile: URL(filePath: data))
      return (PublishedDataset(named: data) ?? PublishedDataset(named: name))?.rawValue ?? name
    }
    let own = evaluations.filter { $0.classNames == record.classNames }
    return own.first { $0.title == name }?.title ?? own.first?.title ?? name ?? Self.unknownDataset
  }

  /// Figures on test images of the run's own dataset.
  func evaluation(on classes: ClassSubset) -> SavedEvaluation? {
    evaluations.first {
      $0.split == .test && $0.classes == classes && $0.title == dataset
        && (isOfChosenClasses ? $0.classNames == record.classNames : !$0.isChosen)
    }
  }

  /// Whether a person has chosen its classes by name.
  var isOfChosenClasses: Bool { record.configuration?.chosenClasses != nil }

  /// What a part of its own classes is to the run: those that were chosen, for a run on such.
  func choice(_ classes: ClassSubset) -> ClassChoice { isOfChosenClasses ? record.choice : .part(classes) }

  /// The parts of its own classes that a run is to be measured on.
  var measuredClasses: [ClassSubset] {
    switch record.classes ?? .all {
    case .base: namesOtherClasses ? [.base, .new] : [.base]
    case .new: [.new]
    case .all: [.all]
    }
  }

  /// Figures on test images of other datasets.
  var transfers: [SavedEvaluation] { evaluations.filter { $0.split == .test && $0.title != dataset } }
}

extension SavedEvaluation {
  /// The dataset as the paper calls it, or else by its own name.
  var title: String { PublishedDataset(named: dataset)?.rawValue ?? dataset }
}
