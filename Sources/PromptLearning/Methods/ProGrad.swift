import CLIP
import Datasets
import Torch

extension Method {
  /// ProGrad: CoOp whose steps never point against the direction that agrees with zero-shot CLIP (Zhu, Niu, Han, Wu,
  /// Zhang: *Prompt-aligned Gradient for Prompt Tuning*, ICCV 2023, arXiv 2205.14865).
  public static let prograd: Method = Method(
    "prograd", title: "ProGrad", traits: [.learns, .namesOtherClasses], contextSettings: [.beginning],
    options: [alignment, temperature], paperKey: "prograd", series: 5, parameters: [ContextPrompts.sharedContextSpec],
    training: { PublishedDataset(named: $0) == .imageNet ? .prograd.with(epochs: 50) : .prograd },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          try ContextPrompts(
            for: setup.classNames, initialContext: initialContext(setup), clip: setup.clip, seed: setup.seed)
        },
        restore: { artifact, setup, path in
          try ContextPrompts(
            for: setup.classNames, contextVectors: artifact.parameter("ctx", path: path), position: .end,
            sentence: artifact.description.sentence(path: path), clip: setup.clip)
        },
        recipe: { setup in
          let teacher = try ZeroShotPrompts(
            for: setup.classNames, templates: [.alignment(for: setup.dataset)], clip: setup.clip)
          return TrainingRecipe(
            objective: AlignedObjective(temperature: Float(setup.options[temperature])),
            teacherClasses: teacher.features,
            gradientRule: AlignedGradient(weight: Float(setup.options[alignment])))
        })),
    templates: { setup in
      let sentence = try initialContext(setup).sentence(by: setup.clip.tokenizer)
      return sentence == .name ? [] : [sentence]
    },
    ownContext: { ContextSettings(words: PromptTemplate.alignment(for: $0).contextWords, length: contextLength) },
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "ProGrad", section: "TRAINER.COOP",
      keys: [
        .contextLength, .isFromWords, .precision, .sharedContexts, .nameAtTheEnd,
        ReferenceFormat.Key("ALPHA", .number(1), ReferenceFormat.unread),
      ],
      ownKeys: [
        ReferenceFormat.Key("LOSS.NAME", .text(""), choices: ["prograd"], "the two losses of ProGrad"),
        ReferenceFormat.Key("LOSS.T", .number(1), option: temperature.name, "the temperature of the guide's softmax"),
        ReferenceFormat.Key(
          "LOSS.LAMBDA", .number(1), option: alignment.name, "how much of the opposed part of a gradient is taken away"),
        ReferenceFormat.Key("LOSS.GM", .flag(false), ReferenceFormat.unread),
        ReferenceFormat.Key("LOSS.ALPHA", .number(0), ReferenceFormat.unread),
      ], decimals: 2,
      buffers: ReferenceFormat.tokenBuffers,
      // Its files are those of CoOp, so that they are taken for ProGrad's where somebody says so.
      recognises: ReferenceFormat.holdsContextsAlone))

  /// M in the authors' scripts.
  private static let contextLength = 16

  private static func initialContext(_ setup: MethodSetup) -> InitialContext {
    prograd.context(setup.context, on: setup.dataset).initial
  }

  /// λ of the paper's equation 5.
  private static let alignment = MethodOption(
    "lambda", standard: 1, in: 0...10,
    help: "how much of a step's part that points against zero-shot CLIP is taken away; 0 is CoOp")
  /// T of the authors' loss.
  private static let temperature = MethodOption(
    "temperature", standard: 1, in: 0.01...100, help: "of the softmax that is compared with zero-shot CLIP's")
}

/// The cross-entropy, and as a guide the cross-entropy against zero-shot CLIP's answers:
/// −T² · mean_b Σ_c p̂ log p, each of softmax(logits / T).
struct AlignedObjective: Objective {
  /// T.
  let temperature: Float

  func terms(_ student: Features, teacher: Features?, labels: Tensor) throws -> [LossTerm] {
    let terms = try CrossEntropy().terms(student, teacher: nil, labels: labels)
    guard let teacher else { return terms }
    let (scale, square) = (1 / temperature, temperature * temperature)
    let guide = try (student.logits * scale).crossEntropy(probabilities: (teacher.logits * scale).softmax())
    return terms + [LossTerm("guide", try guide * square, isGuide: true)]
  }
}

/// The gradient a of the loss without λ times its part along the guide's gradient b, where the two are opposed:
/// a − λ (⟨a, b⟩ / ‖b‖²) b where ⟨a, b⟩ < 0, else a; tensor by tensor.
package struct AlignedGradient: GradientRule {
  /// λ.
  let weight: Float

  package init(weight: Float) { self.weight = weight }

  /// What keeps 0 / 0 from being no number, and is lost in any other square.
  private static let least: Float = 1e-37

  package func combine(_ gradients: [[Tensor]], at parameters: [Tensor]) throws -> [Tensor] {
    try zip(gradients[0], gradients[1]).map { loss, guide in
      let axes = Array(loss.shape.indices)
      if loss.device.isAccelerator {  // without asking for a value, which would wait for the device
        let product = try (loss * guide).mean(over: axes), square = try (guide * guide).mean(over: axes)
        let opposed = try Activation.relu(product * -1) * weight  // ⟨a, b⟩ and ‖b‖² as means
        return try loss + guide * (opposed / square.adding(Tensor([Self.least], shape: []), scaledBy: 1))
      }
      let product = try (loss * guide).mean(over: axes).scalar()
      let square = try (guide * guide).mean(over: axes).scalar()
      return product < 0 && square > 0 ? try loss.adding(guide, scaledBy: -weight * product / square) : loss
    }
  }
}

extension TrainingConfiguration {
  /// ProGrad's: 100 epochs, 32 images a step (`configs/trainers/ProGrad/rn50_ep100.yaml`).
  static let prograd = coop.with(epochs: 100)
}

extension PromptTemplate {
  /// The sentence of a dataset that contexts begin as, and that zero-shot CLIP is asked with (`trainers/prograd.py`): where
  /// it tells the type of what is seen, the type comes first.
  fileprivate static func alignment(for dataset: String) -> PromptTemplate {
    switch PublishedDataset(named: dataset) {
    case .oxfordPets: .fixed("a type of pet, a photo of a {}.")
    case .flowers102: .fixed("a type of flower, a photo of a {}.")
    case .fgvcAircraft: .fixed("a type of aircraft, a photo of a {}.")
    case .food101: .fixed("a type of food, a photo of {}.")
    case .dtd: .fixed("a texture of {}.")
    default: .zeroShot(for: dataset)
    }
  }

  /// The words before the name.
  fileprivate var contextWords: String { text.replacing(" {}.", with: "") }
}

extension ArtifactDescription {
  /// Its sentences: what follows learned contexts in its prompts, and those of a teacher.
  ///
  /// - Parameter path: of its file, for errors.
  /// - Throws: ``LearningError/notAnArtifact(path:noun:reason:)`` for one without a place for the class name.
  func sentences(path: String) throws -> [PromptTemplate] {
    try (templates ?? []).map { text in
      guard let template = try? PromptTemplate(text) else {
        throw LearningError.notAnArtifact(
          path: path, noun: method.artifactNoun,
          reason: "its sentence '\(text.prefix(60))' has no {} for the class name")
      }
      return template
    }
  }

  /// What follows learned contexts in its prompts.
  func sentence(path: String) throws -> PromptTemplate { try sentences(path: path).first ?? .name }
}
