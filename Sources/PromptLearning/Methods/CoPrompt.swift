import CLIP
import Datasets
import Images
import Torch

extension Method {
  /// CoPrompt: MaPLe with adapters behind both towers, held close to what frozen CLIP makes of another view of each
  /// image and of sentences about each class (Roy, Etemad: *Consistency-guided Prompt Learning for Vision-Language
  /// Models*, ICLR 2024, arXiv 2306.01195).
  ///
  /// The authors' sentences were written by a language model and belong to their repository: a file of such is given
  /// with the setup. Without one, the sentences are templates with the class name, the 60 of PromptSRC.
  public static let coprompt: Method = Method(
    "coprompt", title: "CoPrompt", traits: [.learns, .namesOtherClasses, .promptsImages, .readsSentences],
    contextSettings: [.beginning],
    options: [depth, weight, operations, magnitude], paperKey: "coprompt", series: 14,
    parameters: AdaptedPrompts.specs,
    training: { PublishedDataset(named: $0) == .food101 ? .coprompt.with(epochs: 5) : .coprompt },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          let blocks = min(setup.clip.textEncoder.layerCount, try setup.clip.visionTransformer.layerCount)
          return try AdaptedPrompts(
            for: setup.classNames, initialContext: setup.deepContext(of: coprompt),
            depth: setup.depth(depth, authors: authors(setup.dataset).depth, blocks: blocks), clip: setup.clip,
            seed: setup.seed)
        },
        restore: { artifact, setup, path in
          let prompts = try CoupledPrompts(artifact, setup, path: path)
          let names = AdaptedPrompts.parameterNames.dropFirst(CoupledPrompts.parameterNames.count)
          let adapters = try names.map { try artifact.parameter($0, path: path) }
          return AdaptedPrompts(prompts, adapters: try adapters.on(setup.clip.device))
        },
        recipe: { setup in
          let count = Int(setup.options[operations])
          let asked = setup.options[weight]
          return TrainingRecipe(
            objective: ConsistencyObjective(weight: Float(asked < 0 ? authors(setup.dataset).weight : asked)),
            teacherClasses: try setup.sentences?.features(of: setup.classNames, clip: setup.clip)
              ?? ZeroShotPrompts.each(of: PromptTemplate.selfRegulating, for: setup.classNames, clip: setup.clip),
            comparesImages: true, comparesOtherViews: true,
            randAugment: count == 0 ? nil : try RandAugment(count: count, magnitude: Int(setup.options[magnitude])))
        })),
    templates: { try $0.deepTemplates(of: coprompt) },
    ownContext: { ContextSettings(words: "a photo of a", length: authors($0).length) },
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "CoPrompt", section: "TRAINER.CoPrompt",
      keys: [
        ReferenceFormat.Key(
          "N_CTX", .integer(2), length: .vectors("ctx"), "context vectors, and prompts in each block"),
        .deepContextWords, .precision,
        ReferenceFormat.Key(
          "PROMPT_DEPTH", .integer(9), option: depth.name, length: .blocks("compound_prompts_text"),
          "blocks of both towers with prompts of their own"),
      ],
      ownKeys: [
        ReferenceFormat.Key("TRAINER.W", .number(8), option: weight.name, "how strongly features are held"),
        ReferenceFormat.Key("TRAINER.DISTILL", .text("cosine"), choices: ["cosine"], "how the distance is measured"),
        ReferenceFormat.Key(
          "INPUT.RANDAUGMENT_N", .integer(2), option: operations.name, "operations of a view, one after the other"),
        ReferenceFormat.Key(
          "INPUT.RANDAUGMENT_M", .integer(10), option: magnitude.name, "their strength, from 0 to 30"),
      ],
      recognises: { $0["ctx"] != nil && $0["proj.weight"] != nil && $0["adapter_image.fc.0.weight"] != nil },
      wholeModel: .coupled(
        Dictionary(
          uniqueKeysWithValues: ["image", "text"].flatMap { tower in
            ["0", "2"].map { ("adapter_\(tower).fc.\($0).weight", "adapter_\(tower).fc.\($0).weight") }
          })),
      views: .twoRandAugment,
      overrides: { dataset in
        // The authors' program takes these whatever the command line says.
        guard let benchmark = PublishedDataset(named: dataset), let authors = recipes[benchmark] else { return [] }
        return [
          ("TRAINER.CoPrompt.PROMPT_DEPTH", .integer(authors.depth)),
          ("TRAINER.CoPrompt.N_CTX", .integer(authors.length)), ("TRAINER.W", .number(authors.weight)),
        ] + (benchmark == .food101 ? [("OPTIM.MAX_EPOCH", .integer(5))] : [])
      },
      sentenceFile: { dataset in
        PublishedDataset(named: dataset).flatMap { sentenceFiles[$0] }.map { "gpt_file/\($0)_prompt.json" }
      }))

  /// The names of the authors' files of sentences (`trainers/coprompt.py`).
  private static let sentenceFiles: [PublishedDataset: String] = [
    .imageNet: "imagenet", .caltech101: "caltech", .oxfordPets: "oxford_pets", .stanfordCars: "stanford_cars",
    .flowers102: "oxford_flowers", .food101: "food101", .fgvcAircraft: "fgvc", .sun397: "sun397", .dtd: "dtd",
    .euroSAT: "eurosat", .ucf101: "ucf101", .imageNetV2: "imagenetv2", .imageNetSketch: "imagenet_sketch",
    .imageNetA: "imagenet_a", .imageNetR: "imagenet_r",
  ]

  /// What the authors take on a dataset (`trainers/constants.py`; elsewhere `coprompt.yaml`): J, M and λ.
  private static func authors(_ dataset: String) -> (depth: Int, length: Int, weight: Double) {
    PublishedDataset(named: dataset).flatMap { recipes[$0] } ?? (9, 2, 1)
  }

  private static let recipes: [PublishedDataset: (depth: Int, length: Int, weight: Double)] = [
    .imageNet: (12, 4, 8), .caltech101: (12, 4, 4), .oxfordPets: (12, 2, 0.1), .stanfordCars: (12, 4, 4),
    .flowers102: (9, 4, 8), .food101: (9, 4, 0.5), .fgvcAircraft: (9, 4, 2), .sun397: (12, 4, 8), .dtd: (12, 2, 8),
    .euroSAT: (12, 2, 0.1), .ucf101: (12, 4, 2),
  ]

  private static let depth = MethodOption(
    "depth", standard: 0, in: 0...256,
    help: "blocks of both towers with prompts of their own; 0 is the authors' for the dataset, elsewhere 9, or all of a"
      + " smaller tower", isWhole: true)
  private static let weight = MethodOption(
    "weight", standard: -1, in: -1...1000,
    help: "how strongly features are held close to frozen CLIP's; -1 is the authors' for the dataset, elsewhere 1")
  private static let operations = MethodOption(
    "operations", standard: 2, in: 0...16,
    help: "RandAugment's operations on a view; 0 takes the other methods' crops and mirror images", isWhole: true)
  private static let magnitude = MethodOption(
    "magnitude", standard: 10, in: 0...30, help: "the strength of these operations", isWhole: true)
}

/// The cross-entropy, and the distances of features from those that frozen CLIP has of other inputs (CoPrompt, §3.2):
/// CE + λ · (1 − mean_c cos(g, ĝ_r)) + λ · (1 − mean_b cos(f, f̂)), with ĝ_r of the rth sentence about each class and f̂
/// of another view.
struct ConsistencyObjective: Objective {
  /// λ.
  let weight: Float

  func terms(_ student: Features, teacher: Features?, labels: Tensor) throws -> [LossTerm] {
    let terms = try CrossEntropy().terms(student, teacher: nil, labels: labels)
    guard let teacher else { return terms }
    return terms + [
      LossTerm("texts", try student.classes.distance(from: teacher.classes, weight: weight)),
      LossTerm("images", try student.images.distance(from: teacher.images, weight: weight)),
    ]
  }
}

extension TrainingConfiguration {
  /// 8 epochs, 4 images a step, a rate of 0.0035 (`configs/trainers/coprompt.yaml`).
  static let coprompt = deep(epochs: 8, learningRate: 0.0035)
}
