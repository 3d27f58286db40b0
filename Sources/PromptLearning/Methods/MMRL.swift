import CLIP
import Datasets
import Torch

extension Method {
  /// MMRL: tokens of a shared space in the upper blocks of both towers, and a second image feature of their own (Guo, Gu:
  /// *MMRL: Multi-Modal Representation Learning for Vision-Language Models*, CVPR 2025, arXiv 2503.08497).
  ///
  /// The authors' program answers by both image features about base classes and by the class token's alone about new
  /// ones, and knows from its command line which half it tests. Here the class list decides: both where every class was
  /// learned, the class token's alone where one was not. The option `heads` decides otherwise.
  public static let mmrl: Method = Method(
    "mmrl", title: "MMRL", traits: [.learns, .namesOtherClasses, .promptsImages],
    options: [tokens, width, depth, share, weight, heads], paperKey: "mmrl", series: 13,
    parameters: RepresentationTokens.specs,
    training: { PublishedDataset(named: $0) == .imageNet ? .mmrl.with(epochs: 5, batchSize: 32) : .mmrl },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          let (width, depth) = (Int(setup.options[width]), Int(setup.options[depth]))
          return try RepresentationTokens(
            for: setup.classNames, tokens: Int(setup.options[tokens]),
            width: width == 0 ? (PublishedDataset(named: setup.dataset) == .euroSAT ? 2048 : 512) : width,
            depth: depth == 0 ? nil : depth, template: .zeroShot(for: setup.dataset), answering: answering(setup),
            clip: setup.clip, seed: setup.seed)
        },
        restore: { artifact, setup, path in
          let parameters = try RepresentationTokens.parameterNames.map { try artifact.parameter($0, path: path) }
          try RepresentationTokens.check(parameters, path: path)
          return try RepresentationTokens(
            for: setup.classNames, learned: artifact.description.classNames, parameters: parameters,
            template: (artifact.description.templates ?? []).first.map(PromptTemplate.init) ?? .photo,
            answering: answering(setup), clip: setup.clip)
        },
        recipe: { setup in
          let teacher = try ZeroShotPrompts(
            for: setup.classNames, templates: [.zeroShot(for: setup.dataset)], clip: setup.clip)
          return TrainingRecipe(
            objective: RepresentationObjective(
              share: Float(setup.options[share]), weight: Float(regularization(setup))),
            teacherClasses: teacher.features, comparesImages: true)
        })),
    templates: { [.zeroShot(for: $0.dataset)] },
    reference: ReferenceFormat(
      trainer: "MMRL", section: "TRAINER.MMRL",
      keys: [
        ReferenceFormat.Key("ALPHA", .number(0.7), option: share.name, "the class token's share"),
        ReferenceFormat.Key("REG_WEIGHT", .number(1), option: weight.name, "how strongly features are held"),
        ReferenceFormat.Key(
          "REP_LAYERS", .integers([]), option: depth.name, length: .layers("compound_rep_tokens_r2vproj.weight"),
          "the blocks with tokens, counted from 1, up to the last"),
        ReferenceFormat.Key(
          "REP_DIM", .integer(512), option: width.name, length: .width("compound_rep_tokens"),
          "numbers of a token before it is projected"),
        ReferenceFormat.Key(
          "N_REP_TOKENS", .integer(5), option: tokens.name, length: .vectors("compound_rep_tokens"),
          "tokens in each block"),
        .precision,
      ],
      ownKeys: [
        ReferenceFormat.Key(
          "TASK", .text("B2N"), choices: ["B2N", "FS", "CD"], isOfEveryRun: true,
          "which image features answer: B2N both for base classes, FS both, CD both on ImageNet; else the class token's"
        ),
        ReferenceFormat.Key("OPTIM.NAME", .text("adam"), choices: ["adamw"], "AdamW"),
      ] + unreadKeys,
      recognises: { shapes in
        shapes.keys.contains { $0.hasPrefix("representation_learner.compound_rep_tokens_r2") }
      },
      wholeModel: .init(
        folder: "MultiModalRepresentationLearner",
        names: [
          "compound_rep_tokens": "representation_learner.compound_rep_tokens", "proj_rep": "image_encoder.proj_rep",
        ],
        stacks: ["r2vproj", "r2tproj"].flatMap { layer in
          ["weight", "bias"].map { part in
            .init(
              "compound_rep_tokens_\(layer).\(part)", "representation_learner.compound_rep_tokens_\(layer).",
              ".\(part)", first: 0)
          }
        },
        uneven: { "it has layers for \($0) blocks of the image tower, but others for \($1)" }),
      views: .chosenCrop,
      datasetDefaults: { dataset in
        guard let benchmark = PublishedDataset(named: dataset), let weight = regularizations[benchmark] else {
          return []
        }
        return [("TRAINER.MMRL.REG_WEIGHT", .number(weight))]
          + (benchmark == .euroSAT ? [("TRAINER.MMRL.REP_DIM", .integer(2048))] : [])
      },
      derived: { keys in
        let both =
          switch keys.text("TASK") {
          case "FS": true
          case "CD": keys.text("DATASET.NAME") == "ImageNet"
          default: keys.text("DATASET.SUBSAMPLE_CLASSES") == "base"
          }
        return [heads.name: both ? 2 : 1]
      }, loadsLast: true, layersKey: "TRAINER.MMRL.REP_LAYERS"))

  /// Keys of the program's other trainer.
  private static let unreadKeys = [
    ReferenceFormat.Key("TRAINER.MMRLpp.ALPHA", .number(0.7), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.BETA", .number(0.9), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.REG_WEIGHT", .number(1), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.REP_LAYERS", .integers([]), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.REP_DIM", .integer(512), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.N_REP_TOKENS", .integer(5), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.PROJ_LORA_DIM", .integer(64), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.RES_LORA_DIM", .integer(4), ofOther),
    ReferenceFormat.Key("TRAINER.MMRLpp.PREC", .text("fp16"), ofOther),
  ]
  private static let ofOther = "nothing: it belongs to MMRL++"

  private static func answering(_ setup: MethodSetup) -> RepresentationTokens.Answering {
    .init(share: Float(setup.options[share]), heads: .init(rawValue: Int(setup.options[heads])) ?? .byClasses)
  }

  /// λ: the option's, or what the authors take on a dataset (`trainers/config.py`; elsewhere `vit_b16.yaml`).
  private static func regularization(_ setup: MethodSetup) -> Double {
    let asked = setup.options[weight]
    guard asked < 0 else { return asked }
    return PublishedDataset(named: setup.dataset).flatMap { regularizations[$0] } ?? 1
  }

  private static let regularizations: [PublishedDataset: Double] = [
    .stanfordCars: 7, .fgvcAircraft: 6, .sun397: 6, .dtd: 6, .food101: 5, .flowers102: 4, .ucf101: 3, .imageNet: 0.5,
    .caltech101: 0.5, .oxfordPets: 0.2, .euroSAT: 0.01,
  ]

  private static let tokens = MethodOption(
    "tokens", standard: 5, in: 1...256, help: "tokens in each block", isWhole: true)
  private static let width = MethodOption(
    "width", standard: 0, in: 0...65_536,
    help: "numbers of a token before it is projected; 0 is 512, on EuroSAT 2048", isWhole: true)
  private static let depth = MethodOption(
    "depth", standard: 0, in: 0...256,
    help: "blocks of both towers with tokens, up to the last; 0 is 7 of 12, or as much of a smaller tower",
    isWhole: true)
  /// The α of the paper's equations 9 and 12.
  private static let share = MethodOption(
    "alpha", standard: 0.7, in: 0...1, help: "the class token's share in the loss and in answers by both features",
    decidesAnswers: true)
  private static let weight = MethodOption(
    "weight", standard: -1, in: -1...1000,
    help: "how strongly features are held close to frozen CLIP's; -1 is the authors' for the dataset, elsewhere 1")
  private static let heads = MethodOption(
    "heads", standard: 0, in: 0...2,
    help: "image features that answer: 0 both where all classes were learned, else the class token's; 1 that; 2 both",
    isWhole: true, decidesAnswers: true)
}

/// The cross-entropy of both heads, and the distances of features from frozen CLIP's (MMRL, §3.3): α · CE(l_c) + (1 − α)
/// · CE(l_r) + λ · (1 − mean_b cos(f_c, f̂)) + λ · (1 − mean_c cos(g, ĝ)).
struct RepresentationObjective: Objective {
  /// α.
  let share: Float
  /// λ.
  let weight: Float

  func terms(_ student: Features, teacher: Features?, labels: Tensor) throws -> [LossTerm] {
    guard student.heads.count == 2 else { return try CrossEntropy().terms(student, teacher: nil, labels: labels) }
    let terms = [
      LossTerm("class-feature", try student.heads[0].crossEntropy(labels) * share),
      LossTerm("representation", try student.heads[1].crossEntropy(labels) * (1 - share)),
    ]
    guard let teacher else { return terms }
    return terms + [
      LossTerm("images", try student.images.distance(from: teacher.images, weight: weight)),
      LossTerm("texts", try student.classes.distance(from: teacher.classes, weight: weight)),
    ]
  }
}

extension Tensor {
  /// `weight` · (1 − the mean cosine of rows), where both have unit rows.
  func distance(from other: Tensor, weight: Float) throws -> Tensor {
    // The cosine is the sum of the products over the last axis, which is its length times their mean.
    let width = Float(shape.last ?? 1)
    let cosine = try (self * other).mean(over: Array(shape.indices)) * width
    return try Tensor([weight], shape: []).adding(cosine, scaledBy: -weight)
  }
}

extension TrainingConfiguration {
  /// MMRL's: 10 epochs of AdamW, 4 images a step, crops of at least half a photo (`configs/trainers/MMRL/vit_b16.yaml`).
  static let mmrl: TrainingConfiguration = {
    var configuration = deep(epochs: 10, learningRate: 0.001)
    configuration.optimizer = .adamW
    configuration.smallestCrop = 0.5
    return configuration
  }()
}
