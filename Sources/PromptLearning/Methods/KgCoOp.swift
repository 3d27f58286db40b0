import CLIP
import Datasets
import Torch

extension Method {
  /// KgCoOp: CoOp whose class features are pulled towards those of a hand-written sentence (Yao, Zhang, Xu:
  /// *Visual-Language Prompt Tuning with Knowledge-guided Context Optimization*, CVPR 2023, arXiv 2303.13283).
  public static let kgcoop = Method(
    "kgcoop", title: "KgCoOp", traits: [.learns, .namesOtherClasses], contextSettings: [.beginning],
    options: [knowledgeWeight], paperKey: "kgcoop", series: 4, parameters: [ContextPrompts.sharedContextSpec],
    training: { _ in .kgcoop },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          try ContextPrompts(
            for: setup.classNames, initialContext: setup.context.initial, clip: setup.clip, seed: setup.seed)
        },
        restore: ContextPrompts.init(_:_:path:),
        recipe: { setup in
          let teacher = try ZeroShotPrompts(
            for: setup.classNames, templates: [.knowledge(for: setup.dataset)], clip: setup.clip)
          return TrainingRecipe(
            objective: KnowledgeGuidedObjective(weight: Float(setup.options[knowledgeWeight])),
            teacherClasses: teacher.features)
        })),
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "KgCoOp", section: "TRAINER.COOP",
      keys: [
        ReferenceFormat.Key("ALPHA", .number(1), ReferenceFormat.unread), .contextLength, .sharedContexts, .isFromWords,
        ReferenceFormat.Key(
          "W", .number(1), option: knowledgeWeight.name, "how strongly class features are pulled towards the teacher's"),
        .precision, .nameAtTheEnd,
      ],
      ownKeys: ReferenceFormat.unreadLosses, decimals: 2,
      // The original makes the last three modules and never uses them.
      buffers: ReferenceFormat.tokenBuffers + ["bias_vectors", "meta_net.linear1.weight", "meta_net.linear1.bias"],
      // Without them its files are those of CoOp, and are taken for KgCoOp's where somebody says so.
      recognises: { ReferenceFormat.holdsContextsAlone($0) || $0["ctx"] != nil && $0["bias_vectors"] != nil }))

  /// The weight W of the paper's equation 6.
  private static let knowledgeWeight = MethodOption(
    "weight", standard: 8, in: 0...1000,
    help: "how strongly class features are pulled towards the hand-written sentence's")
}

/// Cross-entropy, and the distance of class features from the teacher's: CE + W · (1 − mean_c cos(g_c, ĝ_c)).
struct KnowledgeGuidedObjective: Objective {
  /// The weight W.
  let weight: Float

  func terms(_ student: Features, teacher: Features?, labels: Tensor) throws -> [LossTerm] {
    let terms = try CrossEntropy().terms(student, teacher: nil, labels: labels)
    guard let teacher else { return terms }
    return terms + [
      LossTerm("knowledge", try student.classes.distance(from: teacher.classes, weight: weight))
    ]
  }
}

extension TrainingConfiguration {
  /// KgCoOp's configuration: 100 epochs, 128 images a step (`configs/trainers/KgCoOp/vit_b16_ep100_ctxv1.yaml`).
  static let kgcoop = coop.with(epochs: 100, batchSize: 128)
}

extension PromptTemplate {
  /// The hand-written sentence of a dataset (`trainers/kgcoop.py`): zero-shot CLIP's, except for textures.
  fileprivate static func knowledge(for dataset: String) -> PromptTemplate {
    PublishedDataset(named: dataset) == .dtd ? .texturePhoto : .zeroShot(for: dataset)
  }
}
