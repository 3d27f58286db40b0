import Foundation
import Images
import PromptLearning

/// Makes a run readable while it goes and afterwards: lines for people in `log.txt`.
///
/// Nothing touches the disk until ``open()``, since the run that a new one replaces stays until there is something to keep
/// in its place; what is recorded before is held back.
public final class RunRecorder {
  private let folder: URL
  private var held: [String] = []
  private var log: AppendedFile?

  public init(folder: URL) {
    self.folder = folder
  }

  /// Begins to write, with what was held back.
  ///
  /// - Throws: `WritingError`.
  public func open() throws {
    guard log == nil else { return }
    let log = try AppendedFile(folder.appending(path: "log.txt"))
    self.log = log
    try log.append(held.joined())
    held = []
  }

  /// A step of the training.
  ///
  /// - Parameters:
  ///   - epoch: from 1, like `step`, which counts within the epoch.
  ///   - accuracy: on the batch, in percent; `nil` where it is not known.
  ///   - images: of the batch.
  ///   - seconds: that the step took.
  public func step(
    epoch: Int, step: Int, of steps: Int, loss: Float, accuracy: Double?, learningRate: Float, images: Int,
    seconds: Double
  ) throws {}

  /// An epoch that is finished.
  public func epoch(_ report: EpochReport) throws {
    try note(
      "epoch \(report.epoch): loss \(String(format: "%.4f", report.loss)), \(report.images) images, "
        + "\(String(format: "%.1f", report.seconds)) s")
  }

  /// Figures on test images.
  public func evaluation(_ kept: KeptEvaluation) throws {
    try note("\(kept.name): accuracy \(String(format: "%.2f", kept.evaluation.accuracy)) %")
  }

  /// A grid of views as the training sees them.
  public func views(_ grid: Image) throws {}

  /// A line for people, with the time.
  public func note(_ text: String) throws {
    let line = "\(Date.now.formatted(.iso8601)) \(text.onOneLine)\n"
    if let log { try log.append(line) } else { held.append(line) }
  }
}
