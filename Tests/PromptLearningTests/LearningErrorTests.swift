import CLIP
import Datasets
import PromptLearning
import Support
import Testing
import TestSupport
import Torch

@Suite("What cannot be learned is refused in one line that says what to do")
struct LearningErrorTests {
  let clip: CLIPModel

  init() throws { clip = try TinyCLIP.clip }

  @Test("no classes, and a class without a name")
  func classNames() {
    let none = "There are no classes to tell apart. Name at least one class."
    #expect(message { try ZeroShotPrompts(for: [], clip: clip) } == none)
    #expect(message { try ContextPrompts(for: [], clip: clip) } == none)
    #expect(message { try ConditionalPrompts(for: [], clip: clip) } == none)
    #expect(message { try ContextPrompts(for: [], isClassSpecific: true, clip: clip) } == none)
    let second = "Class 2 has an empty name. Give every class a name."
    for name in ["", " ", "_", " _\t"] {
      #expect(message { try ZeroShotPrompts(for: ["dog", name], clip: clip) } == second)
      #expect(message { try ContextPrompts(for: ["dog", name], clip: clip) } == second)
      #expect(message { try ConditionalPrompts(for: ["dog", name], clip: clip) } == second)
    }
  }

  @Test("a prompt of one token more than the model reads")
  func promptTooLong() throws {
    func name(_ tokens: Int) -> String { [String](repeating: "dog", count: tokens).joined(separator: " ") }
    // start, four contexts, name, full stop, end
    #expect(message { try ContextPrompts(for: [name(70)], clip: clip) } == "no error")
    #expect(message { try ZeroShotPrompts(for: [name(70)], clip: clip) } == "no error")
    let shown = name(71).prefix(60) + "…"
    let text =
      "The prompt of class '\(shown)' has 78 tokens, but the model reads 77. Shorten the class name or the context."
    #expect(message { try ConditionalPrompts(for: ["dog", name(71)], clip: clip) } == text)
    for position in ContextPosition.allCases {
      #expect(message { try ContextPrompts(for: ["dog", name(71)], position: position, clip: clip) } == text)
    }
    #expect(
      message { try ContextPrompts(for: ["cat"], initialContext: .random(count: 74), clip: clip) }
        == "The prompt of class 'cat' has 78 tokens, but the model reads 77. Shorten the class name or the context.")
    #expect(
      message { try ZeroShotPrompts(for: [name(71)], clip: clip) }
        == "The prompt of class 'a photo of a \(name(71).prefix(47))…' has 78 tokens, but the model reads 77. "
        + "Shorten the class name or the context.")
  }

  @Test("contexts of no words, or of an impossible number")
  func contexts() {
    for words in ["", "  "] {
      #expect(
        message { try ContextPrompts(for: ["dog"], initialContext: .words(words), clip: clip) }
          == "The context '\(words)' has no tokens. Give the context at least one word.")
    }
    for count in [-1, 0, 77, Int.max] {
      #expect(
        message { try ConditionalPrompts(for: ["dog"], initialContext: .random(count: count), clip: clip) }
          == "The number of context vectors must be from 1 to 76, found \(count).")
    }
  }

  @Test("class-specific contexts for other classes")
  func classSpecific() throws {
    let contexts = try FormulaWeights.values("ctx", [2, 4, 256], scale: 0.05)
    #expect(
      message { try ContextPrompts(for: ["a", "b", "c"], contextVectors: contexts, position: .end, clip: clip) }
        == "These contexts were learned for 2 classes, one set each, and cannot serve 3 others. "
        + "Evaluate them on the classes they were learned for, or learn unified contexts.")
  }

  @Test("settings out of range")
  func settings() {
    func setting(_ body: () throws -> TrainingConfiguration) -> String { message { try body() } }
    #expect(
      setting { try TrainingConfiguration(epochs: 0, batchSize: 1) }
        == "The number of epochs must be from 1 to 100000, found 0.")
    #expect(
      setting { try TrainingConfiguration(epochs: 1, batchSize: 0) }
        == "The batch size must be from 1 to 100000, found 0.")
    #expect(
      setting { try TrainingConfiguration(epochs: 1, batchSize: 1, views: .stored(0)) }
        == "The number of views of an image must be from 1 to 10000, found 0.")
    for (rate, text) in [(0.0, "0.0"), (-1, "-1.0"), (.nan, "nan"), (.infinity, "inf")] {
      #expect(
        setting { try TrainingConfiguration(epochs: 1, batchSize: 1, learningRate: rate) }
          == "The learning rate must be a positive number, found \(text).")
    }
  }

  @Test("views are fresh or a number of them")
  func views() {
    #expect(ImageViews(rawValue: "fresh") == .fresh)
    #expect(ImageViews(rawValue: "8") == .stored(8))
    for text in ["", "0", "-1", "stale", "8.0"] { #expect(ImageViews(rawValue: text) == nil) }
    #expect([ImageViews.fresh, .stored(8)].map(\.rawValue) == ["fresh", "8"])
  }

  @Test("the rest of what a user may meet")
  func texts() {
    #expect(
      LearningError.diverged(epoch: 3, step: 7).explanation
        == "Training diverged in epoch 3, step 7: the loss is not a number. Lower the learning rate.")
    #expect(
      LearningError.diverged(epoch: 3, step: 7, in: .float16).explanation
        == "Training diverged in epoch 3, step 7: the loss or a gradient is not a number in float16. Give --precision"
        + " bfloat16 or float32, or lower the learning rate.")
    for (precision, remedy) in [
      (Precision.float16, "Give --precision bfloat16 or float32"), (.bfloat16, "Give --precision float32"),
      (.tf32, "Give --precision float32"), (.float32, "Use another model or run"),
    ] {
      #expect(
        LearningError.notNumbers("The probabilities of a.jpg", in: precision).explanation
          == "The probabilities of a.jpg are not numbers in \(precision.rawValue). \(remedy).")
    }
    #expect(
      LearningError.noTrainingImages.explanation
        == "There are no training images. Give a dataset with images for training.")
  }
}
