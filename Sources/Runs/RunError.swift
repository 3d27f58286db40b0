import Support
import Torch

/// An error in a run, or in its model and data.
public struct RunError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?
  package let kind: Kind

  /// The few errors that callers handle specially.
  package enum Kind: Sendable, Equatable {
    case unknownModel, unknownData
    case inUse, otherSetting
    case notKept(path: String, reason: String)
    /// The problem of a list of classes, without the list's source.
    case classList(problem: String)
    /// The reason why a run cannot answer fast.
    case noFastMode(reason: String)
    case other
  }

  private init(_ problem: String, remedy: String? = nil, kind: Kind = .other) {
    (self.problem, self.remedy, self.kind) = (problem, remedy, kind)
  }
}

extension RunError {
  /// Whether another process is using the folder, which will end.
  package var isInUse: Bool { kind == .inUse }

  public static func unknownModel(name: String, nearest: String?) -> Self {
    Self(
      "There is no model '\(name)': it is neither a known name nor a path",
      remedy: nearest.map { "Did you mean '\($0)'?" }
        ?? "Give tiny-clip, the path of a checkpoint, or a name that 'cocoop models list' shows",
      kind: .unknownModel)
  }

  public static func unknownData(name: String, nearest: String?) -> Self {
    Self(
      "There is no dataset '\(name)': it is neither embedded nor a path",
      remedy: nearest.map { "Did you mean '\($0)'?" } ?? "Give \(DataSource.forms)",
      kind: .unknownData)
  }

  /// A process of a training with something else than the first has.
  static func otherProcess(_ number: Int, of count: Int, thing: String, found: String, expected: String) -> Self {
    Self(
      "Process \(number) of \(count) has another \(thing) than process 1: \(found), where process 1 has \(expected)",
      remedy: "Start all processes with one command, and with the same files")
  }

  /// A benchmark's name without its root folder.
  public static func noRoot(name: String, folder: String) -> Self {
    Self(
      "'\(name)' is a published benchmark, and no --root says where it lies",
      remedy: "Give as --root the folder that holds '\(folder)'")
  }

  /// A name that is not a benchmark's, given with a root.
  public static func notABenchmark(name: String, nearest: String?) -> Self {
    Self(
      "'\(name)' is no published benchmark, and only those lie under a --root",
      remedy: nearest.map { "Did you mean '\($0)'?" }
        ?? "'cocoop datasets list' names them; give other data without --root")
  }

  public static func runExists(path: String) -> Self {
    Self(
      "There is a run in \(path) already",
      remedy: "Choose another --output, continue it with --resume or replace it with --force")
  }

  /// A folder that is not empty and holds no run: it is never replaced.
  public static func foreignFolder(path: String) -> Self {
    Self(
      "\(path) has other files in it and is no run",
      remedy: "Choose another --output")
  }

  public static func notARun(path: String, reason: String) -> Self {
    Self(
      "\(path) is no run: \(reason)",
      remedy: "Give a folder that 'cocoop train' has written")
  }

  /// A training that was stopped, with its epoch as far as it is known.
  public static func unfinished(path: String, epoch: Int?, of epochs: Int?) -> Self {
    var place = ""
    if let epoch, let epochs { place = ": it was stopped in epoch \(epoch) of \(epochs)" }
    return Self(
      "The training of the run in \(path) is not finished\(place)",
      remedy: "Continue it with the 'cocoop train' that began it and --resume")
  }

  public static func stillTraining(path: String) -> Self {
    Self(
      "The run in \(path) is being trained now",
      remedy: "Wait until it has ended")
  }

  public static func noRunToResume(path: String) -> Self {
    Self(
      "There is no run in \(path) to go on with",
      remedy: "Start it without --resume")
  }

  public static func nothingToResume(path: String) -> Self {
    Self(
      "The run in \(path) has no checkpoint to go on from",
      remedy: "Start it again with --force")
  }

  /// Neither the newest checkpoint nor the previous one can be read.
  public static func damagedCheckpoint(path: String, reason: String) -> Self {
    Self(
      "The run in \(path) cannot go on: none of its checkpoints can be read. \(reason)",
      remedy: "Start it again with --force")
  }

  /// The disk accepted no further checkpoint; with the last saved step of the training.
  public static func notKept(path: String, reason: String, epoch: Int, step: Int) -> Self {
    Self(
      "Cannot write \(path): \(reason)",
      remedy: "Make room, then go on with the same command and --resume: the training is kept up to "
        + (step > 0 ? "step \(step) of epoch \(epoch)" : epoch > 1 ? "the end of epoch \(epoch - 1)" : "its beginning"),
      kind: .notKept(path: path, reason: reason))
  }

  /// The run to resume was started on other images.
  public static func otherImages(path: String, found: Int, requested: Int) -> Self {
    Self(
      "The run in \(path) was started on other images than these: "
        + (found == requested ? "\(found) as well, but not the same" : "\(found), not \(requested)"),
      remedy: "Restore the dataset, or start again with --force")
  }

  /// Another process is writing into the folder.
  public static func inUse(path: String) -> Self {
    Self(
      "Another process is at work in \(path)",
      remedy: "Wait until it has ended, or choose another --output",
      kind: .inUse)
  }

  /// The run to resume was started with another setting.
  public static func otherSetting(path: String, setting: String, found: String, requested: String) -> Self {
    Self(
      "The run in \(path) was started with \(setting) \(found), not \(requested)",
      remedy: "Resume with the settings it was started with, or choose another --output",
      kind: .otherSetting)
  }

  /// Prompts that do not record the model, the classes or the data that they were learned on.
  public static func modelNotNamed(path: String) -> Self {
    Self(
      "\(path) does not say which model its prompts were learned on",
      remedy: "Name it with --model")
  }

  public static func classesNotNamed(path: String) -> Self {
    Self(
      "\(path) does not say which classes its prompts were learned on",
      remedy: "Name them with --classes or --classes-file, or import the file with --data or --classes-file")
  }

  public static func dataNotNamed(path: String) -> Self {
    Self(
      "\(path) does not say which data its prompts were learned on",
      remedy: "Name it with --data")
  }

  /// A file that an export would replace.
  public static func exportExists(path: String) -> Self {
    Self(
      "There is a file \(path) already",
      remedy: "Choose another place or replace it with --force")
  }

  /// A run's folder whose path is not UTF-8.
  public static func folderName(path: String) -> Self {
    Self(
      "A run's folder needs a path in UTF-8, and \(path) is none",
      remedy: "Rename it, or give another")
  }

  /// An input of the run that is no longer where it was.
  public static func lost(_ part: RunPart, place: String) -> Self {
    Self(
      "The run's \(part.rawValue) was at \(place), and nothing is there",
      remedy: "Give \(part.option) with its place")
  }

  /// Data with one class, or one that was chosen of them: every photo would be that.
  public static func oneClass(_ name: String, of data: String, isChosen: Bool) -> Self {
    Self(
      isChosen
        ? "Of \(data), one class is chosen, '\(name)', and there is nothing to tell it from"
        : "\(data) has one class, '\(name)', and there is nothing to tell it from",
      remedy: isChosen
        ? "Choose at least two with --classes" : "Put photos of at least one other class into a folder beside it")
  }

  /// Class names that cannot be distinguished or read.
  public static func classList(source: String, problem: String) -> Self {
    Self(
      "The list of classes in \(source) cannot be used: \(problem)",
      remedy: "Give each class one name, and each name once",
      kind: .classList(problem: problem))
  }

  /// The run's own dataset has other classes than during the training.
  public static func otherClasses(path: String, data: String, difference: String) -> Self {
    Self(
      "\(data) has changed since the run in \(path) learned its classes: \(difference)",
      remedy: "Restore the dataset, or measure on it as another one with --data")
  }

  /// A precision that a device does not support.
  ///
  /// - Parameter other: one that it supports, and that the work may have.
  public static func precision(reason: String, other: Precision = .float32) -> Self {
    Self(reason, remedy: "Give --precision \(other.rawValue)")
  }

  /// The run to resume was started in a precision that the device does not support, and in which it must end.
  package static func precisionToResume(path: String, begun: Precision, reason: String) -> Self {
    Self(
      "\(reason), and the run in \(path) was started in \(begun.rawValue)",
      remedy: "Resume it on a machine or a --device that has them, or start again with --precision float32 and --force")
  }

  /// A run whose answers cannot be approximated.
  public static func noFastMode(path: String, reason: String) -> Self {
    Self(
      "The run in \(path) cannot answer fast: \(reason)",
      remedy: "Leave --fast out",
      kind: .noFastMode(reason: reason))
  }

  public static func unreadableFolder(path: String) -> Self {
    Self(
      "The folder \(path) cannot be read",
      remedy: "Check its permissions")
  }

  /// Figures or predictions in a run's folder that were changed or damaged.
  public static func keptEvaluation(path: String, reason: String) -> Self {
    Self(
      "\(path) cannot be used: \(reason)",
      remedy: "Remove the folder that it is in and measure again with 'cocoop evaluate'")
  }

  /// The words of context vectors were requested for a method without contexts.
  public static func noContexts(path: String, method: String) -> Self {
    Self(
      "\(path) has no context vectors: \(method) learns none",
      remedy: "Give a run of coop or cocoop")
  }

  /// An image was given for context vectors that no image shifts.
  public static func sameForEveryImage(path: String, method: String) -> Self {
    Self(
      "The context vectors of \(path) are the same for every image: \(method) does not look at one",
      remedy: "Leave out --image, or give a run of cocoop")
  }

  /// A folder of runs that does not exist.
  public static func noFolder(path: String) -> Self {
    Self(
      "There is no folder \(path)",
      remedy: "Name the folder that holds the runs")
  }

  /// Two runs that were not evaluated on the same images.
  public static func incomparable(first: String, second: String, reason: String) -> Self {
    Self(
      "\(first) and \(second) cannot be compared: \(reason)",
      remedy: "Measure both on the same images with 'cocoop evaluate'")
  }

  /// Two runs on one dataset whose figures are from different photos.
  public static func otherTestPhotos(first: String, second: String, evaluation: String, difference: String) -> Self {
    Self(
      "\(first) and \(second) were measured on other photos (\(evaluation)): \(difference)",
      remedy: Self.sameTestPhotos)
  }

  /// Training photos that cannot be read, with the problems of the first.
  public static func brokenPhotos(count: Int, of total: Int, first: [String]) -> Self {
    Self(
      "\(count) of \(total) photos to learn from cannot be read\(count > first.count ? ", such as" : ":") "
        + first.joined(separator: "; "),
      remedy: "Replace them, or leave them out with --skip-broken")
  }

  /// A run without images for an evaluation.
  public static func nothingToMeasure(path: String, split: String) -> Self {
    Self(
      "The data of \(path) have no \(split) images to measure it on",
      remedy: "Give other images with --data, or train again without '--test none'")
  }

  /// The inputs whose paths a run records.
  public enum RunPart: String, Sendable, Equatable {
    case model, data
    case root = "folder of benchmarks"

    var option: String { self == .model ? "--model" : self == .data ? "--data" : "--root" }
  }

  /// Advice for evaluating runs on the same photos.
  package static let sameTestPhotos =
    "Divide the photos once with 'cocoop datasets split', and train each run with --data and the file that it writes"
}
