import Support

/// What can be wrong with what a person asks for.
public enum ExperimentError: UserFacingError, Equatable {
  case unknownModel(name: String, nearest: String?)
  case unknownData(name: String, nearest: String?)
  /// A benchmark's name without the folder that it lies in.
  case noRoot(name: String, folder: String)
  /// Only benchmarks lie under a root.
  case notABenchmark(name: String, nearest: String?)
  case runExists(path: String)
  /// A folder that is not empty and holds no run: it is never replaced.
  case foreignFolder(path: String)
  /// A folder that is not empty and holds no comparison.
  case noComparison(path: String)
  /// A comparison that would have two rows of one name.
  case datasetTwice(title: String)
  case notARun(path: String, reason: String)
  /// A training that was stopped, as far as it is known in which epoch.
  case unfinished(path: String, epoch: Int?, of: Int?)
  case stillTraining(path: String)
  case noRunToResume(path: String)
  case nothingToResume(path: String)
  /// Neither the newest checkpoint nor the one before can be read.
  case damagedCheckpoint(path: String, reason: String)
  /// The disk took no further checkpoint; how far the training is kept.
  case notKept(path: String, reason: String, epoch: Int, step: Int)
  /// The run to resume was started on other images.
  case otherImages(path: String, found: Int, requested: Int)
  /// Another process writes into the folder now.
  case inUse(path: String)
  /// The run to resume was started with another setting.
  case otherSetting(path: String, setting: String, found: String, requested: String)
  /// Prompts that don't know the model, the classes or the data that they were learned on.
  case modelNotNamed(path: String)
  case classesNotNamed(path: String)
  case dataNotNamed(path: String)
  /// A file that an export would replace.
  case exportExists(path: String)
  /// A run's folder whose name is not UTF-8, or that lies below one.
  case folderName(path: String)
  /// What the run was made with is not where it was.
  case lost(RunPart, place: String)
  /// Class names that cannot be told apart or read.
  case classList(source: String, problem: String)
  /// The run's own dataset has other classes than when it was learned on.
  case otherClasses(path: String, data: String, difference: String)
  case unknownBackbone(name: String, known: [String])
  /// A precision that this machine cannot compute in.
  case precision(String)
  /// A run whose answers cannot be approximated.
  case noFastMode(path: String, reason: String)
  case noPhotos(folder: String, isRecursive: Bool, leftOut: LeftOutFiles)
  case noMatch(glob: String)
  /// Standard input was to hold paths.
  case notAPath(line: Int, isSeparatedByNul: Bool)
  /// Results have nowhere to go.
  case output(reason: String)
  case unreadableFolder(path: String)
  /// Figures or predictions in a run's folder that are not as they were written.
  case keptEvaluation(path: String, reason: String)
  /// The words of context vectors were asked of a method that learns none.
  case noContexts(path: String, method: String)
  /// An image was given for context vectors that no image shifts.
  case sameForEveryImage(path: String, method: String)
  /// A folder of runs that is not there.
  case noFolder(path: String)
  /// Two runs that were not measured on the same images.
  case incomparable(first: String, second: String, reason: String)
  /// Two runs on one dataset whose figures are of other photos.
  case otherTestPhotos(first: String, second: String, evaluation: String, difference: String)
  /// Photos to learn from that cannot be read, and what is wrong with the first of them.
  case brokenPhotos(count: Int, of: Int, first: [String])
  /// A run that has no images to be measured on.
  case nothingToMeasure(path: String, split: String)

  /// What a run remembers the place of.
  public enum RunPart: String, Sendable, Equatable {
    case model, data
    case root = "folder of benchmarks"

    var option: String { self == .model ? "--model" : self == .data ? "--data" : "--root" }
  }

  public var problem: String {
    switch self {
    case .unknownModel(let name, _): "There is no model '\(name)': it is neither embedded nor a path"
    case .unknownData(let name, _): "There is no dataset '\(name)': it is neither embedded nor a path"
    case .noRoot(let name, _): "'\(name)' is a published benchmark, and no --root says where it lies"
    case .notABenchmark(let name, _): "'\(name)' is no published benchmark, and only those lie under a --root"
    case .runExists(let path): "There is a run in \(path) already"
    case .foreignFolder(let path): "\(path) has other files in it and is no run"
    case .noComparison(let path): "\(path) has other files in it and nothing of 'cocoop reproduce'"
    case .datasetTwice(let title): "There are two datasets called \(title)"
    case .notARun(let path, let reason): "\(path) is no run: \(reason)"
    case .unfinished(let path, let epoch?, let epochs?):
      "The training of the run in \(path) is not finished: it was stopped in epoch \(epoch) of \(epochs)"
    case .unfinished(let path, _, _): "The training of the run in \(path) is not finished"
    case .stillTraining(let path): "The run in \(path) is being trained now"
    case .noRunToResume(let path): "There is no run in \(path) to go on with"
    case .nothingToResume(let path): "The run in \(path) has no checkpoint to go on from"
    case .damagedCheckpoint(let path, let reason):
      "The run in \(path) cannot go on: none of its checkpoints can be read. \(reason)"
    case .notKept(let path, let reason, _, _): "Cannot write \(path): \(reason)"
    case .otherImages(let path, let found, let requested):
      "The run in \(path) was started on other images than these: "
        + (found == requested ? "\(found) as well, but not the same" : "\(found), not \(requested)")
    case .inUse(let path): "Another process is at work in \(path)"
    case .otherSetting(let path, let setting, let found, let requested):
      "The run in \(path) was started with \(setting) \(found), not \(requested)"
    case .modelNotNamed(let path): "\(path) does not say which model its prompts were learned on"
    case .classesNotNamed(let path): "\(path) does not say which classes its prompts were learned on"
    case .dataNotNamed(let path): "\(path) does not say which data its prompts were learned on"
    case .folderName(let path): "A run's folder needs a path in UTF-8, and \(path) is none"
    case .lost(let part, let place): "The run's \(part.rawValue) was at \(place), and nothing is there"
    case .exportExists(let path): "There is a file \(path) already"
    case .classList(let source, let problem): "The list of classes in \(source) cannot be used: \(problem)"
    case .otherClasses(let path, let data, let difference):
      "\(data) has changed since the run in \(path) learned its classes: \(difference)"
    case .unknownBackbone(let name, _): "There is no backbone '\(name)' to measure"
    case .precision(let precision): "This processor has no products of \(precision)"
    case .noFastMode(let path, let reason): "The run in \(path) cannot answer fast: \(reason)"
    case .noPhotos(let folder, let isRecursive, let leftOut):
      "The folder \(folder) has no photos \(isRecursive ? "in it, nor have its folders" : "directly in it")"
        + (leftOut.isEmpty ? "" : ". \(leftOut.sentence())")
    case .noMatch(let glob): "No file matches \(glob)"
    case .notAPath(let line, let isSeparatedByNul):
      "\(isSeparatedByNul ? "Entry" : "Line") \(line) of standard input is no path: it is not text"
    case .output(let reason): "Cannot write to standard output: \(reason)"
    case .unreadableFolder(let path): "The folder \(path) cannot be read"
    case .keptEvaluation(let path, let reason): "\(path) cannot be used: \(reason)"
    case .noContexts(let path, let method): "\(path) has no context vectors: \(method) learns none"
    case .sameForEveryImage(let path, let method):
      "The context vectors of \(path) are the same for every image: \(method) does not look at one"
    case .noFolder(let path): "There is no folder \(path)"
    case .otherTestPhotos(let first, let second, let evaluation, let difference):
      "\(first) and \(second) were measured on other photos (\(evaluation)): \(difference)"
    case .brokenPhotos(let count, let total, let first):
      "\(count) of \(total) photos to learn from cannot be read\(count > first.count ? ", such as" : ":") "
        + first.joined(separator: "; ")
    case .nothingToMeasure(let path, let split): "The data of \(path) have no \(split) images to measure it on"
    case .incomparable(let first, let second, let reason): "\(first) and \(second) cannot be compared: \(reason)"
    }
  }

  public var remedy: String? {
    switch self {
    case .unknownModel(_, let nearest?), .unknownData(_, let nearest?), .notABenchmark(_, let nearest?):
      "Did you mean '\(nearest)'?"
    case .unknownModel: "Give tiny-clip or the path of a checkpoint"
    case .unknownData:
      "Give openclipart, a split file, a folder of class folders, a CSV file, or a benchmark's name with --root"
    case .noRoot(_, let folder): "Give as --root the folder that holds '\(folder)'"
    case .notABenchmark: "'cocoop datasets list' names them; give other data without --root"
    case .runExists: "Choose another --output, continue it with --resume or replace it with --force"
    case .foreignFolder, .noComparison: "Choose another --output"
    case .datasetTwice: "Give each one once"
    case .notARun: "Give a folder that 'cocoop train' has written"
    case .unfinished: "Continue it with the 'cocoop train' that began it and --resume"
    case .stillTraining: "Wait until it has ended"
    case .noRunToResume: "Start it without --resume"
    case .inUse: "Wait until it has ended, or choose another --output"
    case .nothingToResume, .damagedCheckpoint: "Start it again with --force"
    case .notKept(_, _, let epoch, let step):
      "Make room, then go on with the same command and --resume: the training is kept up to "
        + (step > 0 ? "step \(step) of epoch \(epoch)" : epoch > 1 ? "the end of epoch \(epoch - 1)" : "its beginning")
    case .otherImages: "Restore the dataset, or start again with --force"
    case .modelNotNamed: "Name it with --model"
    case .classesNotNamed:
      "Name them with --classes or --classes-file, or import the file with --data or --classes-file"
    case .dataNotNamed: "Name it with --data"
    case .folderName: "Rename it, or give another"
    case .lost(let part, _): "Give \(part.option) with its place"
    case .exportExists: "Choose another place or replace it with --force"
    case .otherClasses: "Restore the dataset, or measure on it as another one with --data"
    case .classList: "Give each class one name, and each name once"
    case .unknownBackbone(_, let known): "Give one of \(known.joined(separator: ", "))"
    case .precision: "Give --precision float32"
    case .noFastMode: "Leave --fast out"
    case .noPhotos(_, false, _): "Give a folder of photos, or --recursive for those of its folders"
    case .noPhotos(_, true, _): "Give a folder of photos"
    case .noMatch: "Check the pattern and the folder that it starts from"
    case .notAPath(_, false): "Give --stdin-image for an image, or --null for paths with NUL between them"
    case .notAPath(_, true): "Give paths with NUL between them, as 'find -print0' writes them"
    case .output: "Give it a file or a pipe that takes them"
    case .unreadableFolder: "Check its permissions"
    case .noFolder: "Name the folder that holds the runs"
    case .otherTestPhotos: Self.sameTestPhotos
    case .brokenPhotos: "Replace them, or leave them out with --skip-broken"
    case .nothingToMeasure: "Give other images with --data, or train again without '--test none'"
    case .incomparable: "Measure both on the same images with 'cocoop evaluate'"
    case .keptEvaluation: "Remove the folder that it is in and measure again with 'cocoop evaluate'"
    case .noContexts: "Give a run of coop or cocoop"
    case .sameForEveryImage: "Leave out --image, or give a run of cocoop"
    case .otherSetting: "Resume with the settings it was started with, or choose another --output"
    }
  }

  /// How runs come to be measured on the same photos.
  package static let sameTestPhotos =
    "Divide the photos once with 'cocoop datasets split', and train each run with --data and the file that it writes"
}
