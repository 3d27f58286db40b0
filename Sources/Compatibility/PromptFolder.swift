import CLIP
import Explanations
import Foundation
import PromptLearning

/// Where the reference keeps prompts: `prompt_learner/` in an output folder, with `model.pth.tar-EPOCH` files, perhaps
/// `model-best.pth.tar`, and a text `checkpoint` that names the newest.
struct PromptFolder: Sendable {
  let url: URL

  init(in outputFolder: URL) { url = outputFolder.appending(path: "prompt_learner", directoryHint: .isDirectory) }

  static func fileName(epoch: Int?) -> String { epoch.map { "model.pth.tar-\($0)" } ?? "model-best.pth.tar" }

  /// The files of prompts that are there, by epoch, the best last.
  var files: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    let epochs = names.compactMap { $0.wholeMatch(of: /model\.pth\.tar-(\d{1,9})/).flatMap { Int($0.1) } }.sorted()
    return epochs.map { Self.fileName(epoch: $0) } + names.filter { $0 == Self.fileName(epoch: nil) }
  }

  /// The file that `checkpoint` names, if there is one.
  var newest: URL? {
    let text = try? String(contentsOf: url.appending(path: "checkpoint"), encoding: .utf8)
    let name = text?.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return files.contains(name) ? url.appending(path: name) : nil
  }

  /// The file of an epoch, or of the best.
  ///
  /// - Throws: ``CompatibilityError/noEpoch(path:found:)``.
  func file(epoch: Int?) throws -> URL {
    let file = url.appending(path: Self.fileName(epoch: epoch))
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw CompatibilityError.noEpoch(path: file.path, found: files)
    }
    return file
  }

  /// Writes a file of prompts as the reference's loader takes it, and `checkpoint` to name it.
  func write(
    _ prompts: Artifact, on clip: CLIPModel, _ training: ReferencePrompts.Training, fileName: String
  ) throws -> URL {
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: url.path, reason: "the folder cannot be made")
    }
    let file = url.appending(path: fileName)
    try ReferencePrompts.write(prompts, on: clip, training, precision: .float32, to: file)
    try WholeFile.write(Data("\(fileName)\n".utf8), to: url.appending(path: "checkpoint"))
    return file
  }
}
