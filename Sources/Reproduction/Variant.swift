import CLIP
import PromptLearning
import Runs

/// A row of a comparison: a method, and how its contexts begin where that is not as the comparison's do.
public struct Variant: Sendable, Hashable {
  public let method: Method
  /// M random context vectors in place of the comparison's context.
  public let randomVectors: Int?

  public init(_ method: Method, randomVectors: Int? = nil) {
    self.method = method
    self.randomVectors = randomVectors
  }

  /// What tells it from the method as usual, such as `random-8`; `nil` for that.
  public var label: String? { randomVectors.map { "random-\($0)" } }

  public var title: String { method.title + (randomVectors.map { ", \($0) random vectors" } ?? "") }

  /// Of its runs' folders.
  var folderName: String { method.id + (label.map { "-\($0)" } ?? "") }

  func context(instead usual: RunConfiguration.Context) -> RunConfiguration.Context {
    guard let randomVectors else { return usual }
    return RunConfiguration.Context(
      words: nil, length: randomVectors, position: usual.position, isClassSpecific: usual.isClassSpecific)
  }
}

/// The paper's ablations, each a list of variants (CoCoOp, §4.4).
public enum Ablation: String, Sendable, CaseIterable {
  /// CoCoOp with 4, 8 and 16 vectors, all random: no words would be of these lengths alike.
  case contextLength = "context-length"
  /// CoCoOp that begins as words, and as random vectors.
  case initialisation
  /// CoOp with about as many numbers to learn as CoCoOp has, beside both.
  case contextSize = "context-size"

  /// - Parameter configuration: of the model, which decides how many vectors CoOp needs.
  public func variants(for configuration: CLIPConfiguration) -> [Variant] {
    switch self {
    case .contextLength: [4, 8, 16].map { Variant(.cocoop, randomVectors: $0) }
    case .initialisation: [Variant(.cocoop), Variant(.cocoop, randomVectors: 4)]
    case .contextSize:
      [Variant(.coop), Variant(.coop, randomVectors: Self.largeContext(for: configuration)), Variant(.cocoop)]
    }
  }

  /// CoCoOp's numbers in vectors, or the most that leaves a class name 14 tokens: 60 of CLIP's 77, as in the paper.
  static func largeContext(for configuration: CLIPConfiguration) -> Int {
    let (width, embedding) = (configuration.text.width, configuration.embeddingWidth)
    let hidden = ConditionalPrompts.codeWidth(for: configuration)
    let numbers = 4 * width + (embedding + 1) * hidden + (hidden + 1) * width
    // Start, full stop and end stand beside vectors and name.
    return max(1, min(numbers / width, configuration.text.tokenLimit - 14 - 3))
  }
}
