import CLIP
import Datasets
import Torch

extension Method {
  /// TCP: KgCoOp with tokens of each class's own in the upper part of the text tower (Yao, Zhang, Xu: *TCP:
  /// Textual-based Class-aware Prompt Tuning for Visual-Language Model*, CVPR 2024, arXiv 2311.18231).
  public static let tcp: Method = Method(
    "tcp", title: "TCP", traits: [.learns, .namesOtherClasses], contextSettings: [.beginning],
    options: [knowledge, entrance], paperKey: "tcp", series: 8,
    parameters: [ContextPrompts.sharedContextSpec] + ClassTokenNetwork.specs,
    training: { shortened.contains(PublishedDataset(named: $0)) ? .tcp.with(epochs: 25) : .tcp },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          try ClassTokenPrompts(
            for: setup.classNames, initialContext: tcp.context(setup.context, on: setup.dataset).initial,
            sentence: .classAware(for: setup.dataset), teacher: .classTeacher(for: setup.dataset),
            block: block(setup.options), clip: setup.clip, seed: setup.seed)
        },
        restore: { artifact, setup, path in
          let sentences = try artifact.description.sentences(path: path)
          let names = ClassTokenPrompts.parameterNames
          let parameters = try names.map { try artifact.parameter($0, path: path) }
          // Each may have any number of tokens, but both the same.
          guard parameters[4].shape == [parameters[3].shape[0]] else {
            throw LearningError.parameterShape(
              path: path, name: names[4], expected: [parameters[3].shape[0]], found: parameters[4].shape)
          }
          return try ClassTokenPrompts(
            for: setup.classNames, parameters: parameters, sentence: sentences.first ?? .name,
            teacher: sentences.count > 1 ? sentences[1] : .photo,
            block: block(setup.options), clip: setup.clip)
        },
        recipe: { setup in
          let teacher = try ZeroShotPrompts(
            for: setup.classNames, templates: [.classTeacher(for: setup.dataset)], clip: setup.clip)
          return TrainingRecipe(
            objective: KnowledgeGuidedObjective(weight: Float(setup.options[knowledge])),
            teacherClasses: teacher.features)
        })),
    templates: { [.classAware(for: $0.dataset), .classTeacher(for: $0.dataset)] },
    ownContext: { _ in ContextSettings(words: nil, length: ClassTokenPrompts.tokenCount) },
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "TCP", section: "TRAINER.COOP",
      keys: [
        .contextLength, .isFromWords, .precision, .sharedContexts, .nameAtTheEnd,
        ReferenceFormat.Key("W", .number(1), "nothing: the original reads it and takes 8.0 for the loss"),
        ReferenceFormat.Key("ALPHA", .number(1), ReferenceFormat.unread),
      ],
      ownKeys: [
        ReferenceFormat.Key("OPTIM.NAME", .text("adam"), choices: ["adam"], "Adam, with the original's epsilon of 1e-3")
      ] + ReferenceFormat.unreadLosses,
      epochs: { shortened.contains(PublishedDataset(named: $0)) ? 25 : nil }, buffers: ReferenceFormat.tokenBuffers,
      recognises: { shapes in
        guard let width = shapes["ctx"]?.last, let rows = shapes["meta_net.linear2.weight"]?.first, width > 0 else {
          return false
        }
        return rows > width && rows.isMultiple(of: width)
      }))

  private static func block(_ options: MethodOptions) -> Int? { options[entrance] == 0 ? nil : Int(options[entrance]) }

  /// Where the authors' program trains for 25 epochs whatever it is told (`train.py`).
  private static let shortened: [PublishedDataset?] = [.imageNet, .sun397]
  /// The 8.0 of the authors' loss.
  private static let knowledge = MethodOption(
    "weight", standard: 8, in: 0...1000,
    help: "how strongly class features are pulled towards the hand-written sentence's")
  /// The 8 of the authors' text tower.
  private static let entrance = MethodOption(
    "block", standard: 0, in: 0...63,
    help: "the block of the text tower, from 1, where class tokens enter; 0 is two thirds of the way up, 8 of 12",
    isWhole: true)
}

extension TrainingConfiguration {
  /// TCP's: 50 epochs of Adam with ε = 1e-3, 32 images a step (`configs/trainers/TCP/vit_b16_ep100_ctxv1.yaml`, README).
  static let tcp: TrainingConfiguration = {
    var configuration = coop.with(epochs: 50)
    configuration.optimizer = .adam
    configuration.epsilon = 1e-3
    return configuration
  }()
}

extension PromptTemplate {
  /// What follows the contexts (`trainers/tcp.py`, CUSTOM_TEMPLATES).
  fileprivate static func classAware(for dataset: String) -> PromptTemplate {
    switch PublishedDataset(named: dataset) {
    case .oxfordPets: .fixed("{}, a type of pet.")
    case .flowers102: .fixed("{}, a type of flower.")
    case .fgvcAircraft: .fixed("{}, a type of aircraft.")
    case .dtd: .fixed("{} texture.")
    case .stanfordCars: .fixed("{}, a type of car")
    case .food101: .fixed("{}, a type of food.")
    case .ucf101: .fixed("person doing {}.")
    default: .name
    }
  }

  /// The sentence of ĝ (`trainers/tcp.py`, CUSTOM_TEMPLATES_ori).
  fileprivate static func classTeacher(for dataset: String) -> PromptTemplate {
    switch PublishedDataset(named: dataset) {
    case .fgvcAircraft: .fixed("a photo of an aircraft {}.")
    case .food101: .fixed("a photo of a {}, a type of food.")
    case .dtd: .texturePhoto
    default: .zeroShot(for: dataset)
    }
  }
}
