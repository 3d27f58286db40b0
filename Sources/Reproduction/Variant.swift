import CLIP
import PromptLearning
import Runs

/// A row of a comparison: a method, and its initial contexts where they differ from the comparison's.
public struct Variant: Sendable, Hashable {
  public let method: Method
  /// The number of random context vectors that replace the comparison's context.
  public let randomVectors: Int?

  public init(_ method: Method, randomVectors: Int? = nil) {
    self.method = method
    self.randomVectors = randomVectors
  }

  /// The suffix that distinguishes it from the usual method, such as `random-8`; `nil` for that.
  public var label: String? { randomVectors.map { "random-\($0)" } }

  public var title: String { method.title + (randomVectors.map { ", \($0) random vectors" } ?? "") }

  /// The name of its runs' folders.
  var folderName: String { method.id + (label.map { "-\($0)" } ?? "") }

  func context(instead usual: RunConfiguration.Context) -> RunConfiguration.Context {
    guard let randomVectors else { return usual }
    return RunConfiguration.Context(
      words: nil, length: randomVectors, position: usual.position, isClassSpecific: usual.isClassSpecific)
  }
}

/// The paper's ablations, each a list of variants (CoCoOp, §4.4).
public enum Ablation: String, Sendable, CaseIterable {
  /// CoCoOp with 4, 8 and 16 vectors, all random: words of these three lengths would not be comparable.
  case contextLength = "context-length"
  /// CoCoOp with words and with random vectors as initial context.
  case initialisation
  /// CoOp with about as many parameters as CoCoOp, in addition to both.
  case contextSize = "context-size"

  /// - Parameter configuration: the model's configuration, which determines the number of vectors for CoOp.
  public func variants(for configuration: CLIPConfiguration) -> [Variant] {
    switch self {
    case .contextLength: [4, 8, 16].map { Variant(.cocoop, randomVectors: $0) }
    case .initialisation: [Variant(.cocoop), Variant(.cocoop, randomVectors: 4)]
    case .contextSize:
      [Variant(.coop), Variant(.coop, randomVectors: Self.largeContext(for: configuration)), Variant(.cocoop)]
    }
  }

  /// The number of vectors with CoCoOp's number of parameters, or the most that leaves a class name 14 tokens: 60 of
  /// CLIP's 77, as in the paper.
  static func largeContext(for configuration: CLIPConfiguration) -> Int {
    let (width, embedding) = (configuration.text.width, configuration.embeddingWidth)
    let hidden = ConditionalPrompts.codeWidth(for: configuration)
    let numbers = 4 * width + (embedding + 1) * hidden + (hidden + 1) * width
    // The start, the full stop and the end take three positions besides vectors and name.
    return max(1, min(numbers / width, configuration.text.tokenLimit - 14 - 3))
  }
}
