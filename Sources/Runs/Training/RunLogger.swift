import Foundation
import Images
import PromptLearning
import Support

/// Records a run: curves for TensorBoard, `steps.jsonl` for programs, and lines for people in `log.txt`.
public final class RunLogger {
  private let schedule: LearningRateSchedule?
  /// The number of steps between recorded ones.
  private let interval: Int
  private let log: AppendedFile
  private let steps: AppendedFile
  private let events: EventFile
  private var window = Window()
  private var lastStep: Int

  /// The steps since the last line.
  private struct Window {
    var (steps, images, right) = (0, 0, 0)
    var loss = 0.0
    var begun = ContinuousClock.now
  }

  static let logName = "log.txt"
  static let stepsName = "steps.jsonl"
  /// The most lines of a training, however many steps it has.
  private static let mostLines = 2_000

  /// - Parameters:
  ///   - folder: the folder of a run that has started.
  ///   - schedule: the learning rate's schedule; `nil` where nothing is trained step by step.
  ///   - count: the number of steps of the whole training.
  ///   - step: the last step of a resumed training, counted over all epochs; records of later ones no longer count,
  ///     because these steps are repeated. 0 for a new training.
  /// - Throws: `WritingError`.
  public init(
    in folder: URL, schedule: LearningRateSchedule? = nil, totalSteps count: Int = 0, after step: Int = 0
  ) throws {
    self.schedule = schedule
    interval = max(1, (count + Self.mostLines - 1) / Self.mostLines)
    lastStep = step
    let url = folder.appending(path: Self.stepsName)
    if FileManager.default.fileExists(atPath: url.path) {
      let kept = try StepLine.lines(in: url).filter { $0.step <= step }.map { try $0.text }.joined()
      try AtomicFile.write(Data(kept.utf8), to: url)
    }
    log = try AppendedFile(folder.appending(path: Self.logName))
    steps = try AppendedFile(url)
    events = try EventFile(in: folder, restartingAt: step == 0 ? 0 : step + 1)
  }

  /// Records the progress of a training.
  ///
  /// - Throws: `WritingError`.
  public func record(_ progress: TrainingProgress) throws {
    guard case .step(let step) = progress else {
      window.begun = .now  // excludes time before the first step
      return
    }
    lastStep = (step.epoch - 1) * step.count + step.number
    window.steps += 1
    window.images += step.images
    window.right += step.right
    window.loss += Double(step.loss)
    guard lastStep % interval == 0 else { return }
    let seconds = (ContinuousClock.now - window.begun).seconds
    try record(
      StepLine(
        step: lastStep, epoch: step.epoch, loss: window.loss / Double(window.steps),
        accuracy: 100 * Double(window.right) / Double(max(window.images, 1)),
        learningRate: schedule.map { $0(epoch: step.epoch) } ?? 0,
        imagesPerSecond: Double(window.images) / max(seconds, 1e-9)))
    window = Window()
  }

  private func record(_ line: StepLine) throws {
    try steps.append(line.text)
    let figures = [
      ("loss", Float(line.loss)), ("accuracy", Float(line.accuracy)), ("learning-rate", line.learningRate),
      ("images-per-second", Float(line.imagesPerSecond)),
    ]
    for (tag, number) in figures { try events.append(.scalar(tag: "training/\(tag)", number), step: line.step) }
  }

  /// Records that an epoch is finished.
  ///
  /// - Throws: `WritingError`.
  public func record(_ report: EpochReport) throws {
    window.begun = .now
    try note(
      "epoch \(report.epoch): loss \(String(format: "%.4f", report.loss)), \(report.images) images in "
        + "\(String(format: "%.1f", report.seconds)) s")
  }

  /// Records a grid of views as the training sees them.
  ///
  /// - Throws: `WritingError`.
  public func record(views grid: Image) throws {
    let png = try [UInt8](grid.png())
    try events.append(.image(tag: "training/views", width: grid.width, height: grid.height, png: png), step: lastStep)
  }

  /// Records that the training is finished.
  ///
  /// - Throws: `WritingError`.
  func noteEnd(after seconds: Double) throws { try note("learned in \(String(format: "%.1f", seconds)) s") }

  /// Records that the training was stopped; where that cannot be written, the cause of the stop is reported anyway.
  func noteStop() { try? note("stopped after step \(lastStep)") }

  /// Writes a line for people, with the time.
  ///
  /// - Throws: `WritingError`.
  public func note(_ text: String) throws { try log.append(Self.line(text)) }

  fileprivate static func line(_ text: String) -> String { "\(Date.now.formatted(.iso8601)) \(text.onOneLine)\n" }
}

extension RunLogger {
  /// Adds a line for people to the log of a run that has no steps.
  ///
  /// - Throws: `WritingError`.
  static func note(_ text: String, in folder: URL) throws {
    try AppendedFile(folder.appending(path: logName)).append(line(text))
  }

  /// Adds an evaluation of a finished run to its log and its curves, replacing an earlier one of the same name.
  ///
  /// - Throws: `WritingError`.
  package static func add(_ kept: SavedEvaluation, to folder: URL) throws {
    let step = StepLine.lines(in: folder.appending(path: stepsName)).last?.step ?? 0
    try note(kept.logLine, in: folder)
    let events = try EventFile(in: folder, name: kept.name)
    for (tag, number) in kept.figures {
      try events.append(.scalar(tag: "\(kept.name)/\(tag)", Float(number)), step: step)
    }
  }
}

extension SavedEvaluation {
  /// The figures for TensorBoard.
  fileprivate var figures: [(tag: String, number: Double)] {
    [
      ("accuracy", evaluation.accuracy), ("top-5", evaluation.top5), ("macro-f1", evaluation.macroF1),
      ("ece", evaluation.ece),
    ]
  }

  fileprivate var logLine: String {
    "\(name): accuracy \(String(format: "%.2f", evaluation.accuracy)) % on \(evaluation.images) images"
      + (approximation.map { " in \($0)" } ?? "")
  }
}

/// A line of `steps.jsonl`: means over the steps since the previous line.
public struct StepLine: Sendable, Codable, Equatable {
  /// The step, from 1, counted over all epochs.
  public let step: Int
  /// The epoch, from 1.
  public let epoch: Int
  /// Mean cross-entropy before each step, in nats.
  public let loss: Double
  /// The share of the steps' images that were predicted correctly before each step, in percent.
  public let accuracy: Double
  public let learningRate: Float
  public let imagesPerSecond: Double

  /// The line as text, with its line break.
  var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
  }

  /// Reads whole lines and skips others, such as the last line of a process that died; none where there is no file.
  static func lines(in file: URL) -> [StepLine] {
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(StepLine.self, from: Data($0.utf8)) }
  }
}

/// A file to which pieces are appended, each with one system call, so that a process that dies leaves whole pieces.
final class AppendedFile {
  private let url: URL
  private let descriptor: Int32

  /// - Throws: `WritingError` with the system's reason.
  init(_ url: URL) throws {
    self.url = url
    descriptor = open(url.path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    guard descriptor >= 0 else { throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno))) }
  }

  deinit { close(descriptor) }

  /// Waits until everything is on the disk.
  func sync() throws {
    guard fsync(descriptor) == 0 else {
      throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno)))
    }
  }

  func append(_ text: String) throws { try append(Array(text.utf8)) }

  /// - Throws: `WritingError`; a part of `bytes` may then have been written.
  func append(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw WritingError.failed(path: url.path, reason: String(cString: strerror(errno))) }
      rest = rest.dropFirst(written)
    }
  }
}
