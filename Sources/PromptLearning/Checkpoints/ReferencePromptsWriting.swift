import CLIP
import Explanations
import Foundation
import Torch

extension ReferencePrompts {
  /// What the reference's loader finds beside the tensors.
  public struct Training: Sendable {
    /// Names the file as well.
    public let epoch: Int
    public let learningRate: Double
    public let validationResult: Double?

    public init(epoch: Int, learningRate: Double, validationResult: Double? = nil) {
      self.epoch = epoch
      self.learningRate = learningRate
      self.validationResult = validationResult
    }
  }

  /// Where the file of an epoch stands in an output folder.
  public static func file(ofEpoch epoch: Int, in output: URL) -> URL {
    output.appending(path: "\(folderName)/\(epochPrefix)\(epoch)")
  }

  /// Writes an output folder that the reference's loader accepts: `prompt_learner/model.pth.tar-N`, and the text
  /// `checkpoint` that names it.
  ///
  /// - Parameter precision: of all tensors.
  /// - Throws: ``LearningError``, `TorchError`, `WritingError`.
  public static func write(
    _ prompts: Artifact, on clip: CLIPModel, _ training: Training, precision: Tensor.Kind, toFolder output: URL
  ) throws {
    let file = file(ofEpoch: training.epoch, in: output)
    let folder = file.deletingLastPathComponent()
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw WritingError.failed(path: folder.path, reason: "the folder cannot be made")
    }
    try write(prompts, on: clip, training, precision: precision, to: file)
    let text = Data("\(file.lastPathComponent)\n".utf8)
    try WholeFile.write(text, to: folder.appending(path: newestName))
  }

  /// Writes the file alone.
  public static func write(
    _ prompts: Artifact, on clip: CLIPModel, _ training: Training, precision: Tensor.Kind, to url: URL
  ) throws {
    let names = prompts.description.method.parameterNames
    guard !names.isEmpty, let context = prompts.parameters["ctx"] else {
      throw LearningError.nothingLearned(path: url.path)
    }
    let contextLength = context.shape[context.shape.count - 2]
    let buffers = try tokenBuffers(
      for: prompts.description.classNames, contextLength: contextLength, clip: clip)
    // The reference's order: the parameter, the buffers, then the modules inside.
    let ordered =
      [("ctx", context)] + buffers
      + names.dropFirst().compactMap { name in
        prompts.parameters[name].map { (name, $0) }
      }
    let state = try ordered.map { name, tensor in
      (key: name, value: SavedValue.tensor(try tensor.converted(to: precision)))
    }
    let value = SavedValue.dictionary([
      ("state_dict", .dictionary(state)), ("epoch", .integer(training.epoch)),
      ("optimizer", optimizer(of: names.count, training)),
      ("scheduler", .dictionary([("last_epoch", .integer(training.epoch))])),
      ("val_result", training.validationResult.map(SavedValue.double) ?? .none),
    ])
    try TorchArchive.write(value, to: url)
  }

  /// The state of `torch.optim.SGD` after it was made: no velocities.
  private static func optimizer(of parameters: Int, _ training: Training) -> SavedValue {
    let group: [(key: String, value: SavedValue)] = [
      ("lr", .double(training.learningRate)), ("momentum", .double(0.9)), ("dampening", .integer(0)),
      ("weight_decay", .double(5e-4)), ("nesterov", .bool(false)),
      ("initial_lr", .double(training.learningRate)), ("params", .list((0..<parameters).map(SavedValue.integer))),
    ]
    return .dictionary([("state", .dictionary([])), ("param_groups", .list([.dictionary(group)]))])
  }

  /// The embeddings of what stands around the contexts: `[C, 1, D]` and `[C, L - 1 - M, D]`.
  private static func tokenBuffers(
    for classNames: [String], contextLength: Int, clip: CLIPModel
  ) throws -> [(String, Tensor)] {
    let wording = PromptWording(clip)
    let (limit, width) = (clip.textEncoder.tokenLimit, clip.textEncoder.width)
    let start = try clip.textEncoder.embeddings(of: classNames.map { _ in clip.tokenizer.startOfText })
    let suffixes = try classNames.map { name in
      let symbols = try wording.symbols(of: name, contexts: 0..<contextLength, position: .end)
      let tokens = symbols.dropFirst(1 + contextLength).map { symbol -> Int in
        if case .token(let id) = symbol { id } else { 0 }
      }
      return try clip.textEncoder.embeddings(
        of: tokens + [Int](repeating: 0, count: limit - 1 - contextLength - tokens.count))
    }
    return [
      ("token_prefix", try start.reshaped([classNames.count, 1, width])),
      ("token_suffix", try Tensor.stacked(suffixes)),
    ]
  }
}
