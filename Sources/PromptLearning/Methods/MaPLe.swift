import CLIP
import Datasets
import Torch

extension Method {
  /// MaPLe: deep prompts in the text tower, from which linear functions make those of the image tower (Khattak,
  /// Rasheed, Maaz, Khan, Khan: *MaPLe: Multi-modal Prompt Learning*, CVPR 2023, arXiv 2210.03117).
  public static let maple: Method = Method(
    "maple", title: "MaPLe", traits: [.learns, .namesOtherClasses, .promptsImages], contextSettings: [.beginning],
    options: [depth], paperKey: "maple", series: 11, parameters: CoupledPrompts.specs, training: { _ in .maple },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          let blocks = min(setup.clip.textEncoder.layerCount, try setup.clip.visionTransformer.layerCount)
          return try CoupledPrompts(
            for: setup.classNames, initialContext: setup.deepContext(of: maple),
            depth: setup.depth(depth, authors: 9, blocks: blocks), clip: setup.clip, seed: setup.seed)
        },
        restore: CoupledPrompts.init(_:_:path:))),
    templates: { try $0.deepTemplates(of: maple) },
    ownContext: { _ in ContextSettings(words: "a photo of a", length: 2) },
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "MaPLe", section: "TRAINER.MAPLE",
      keys: [
        ReferenceFormat.Key(
          "N_CTX", .integer(2), length: .vectors("ctx"), "context vectors, and prompts in each block"),
        .deepContextWords, .precision,
        ReferenceFormat.Key(
          "PROMPT_DEPTH", .integer(9), option: depth.name, length: .blocks("compound_prompts_text"),
          "blocks of both towers with prompts of their own"),
      ], ownKeys: [],
      recognises: { $0["ctx"] != nil && $0["proj.weight"] != nil && $0["adapter_image.fc.0.weight"] == nil },
      wholeModel: .coupled([:])))

  private static let depth = MethodOption(
    "depth", standard: 0, in: 0...256,
    help: "blocks of both towers with prompts of their own; 0 is 9, or all of a smaller tower", isWhole: true)
}

extension CoupledPrompts {
  init(_ artifact: Artifact, _ setup: MethodSetup, path: String) throws {
    let parameters = try Self.parameterNames.map { try artifact.parameter($0, path: path) }
    let count = parameters[1].shape[0]
    for (name, tensor) in zip(Self.parameterNames, parameters).dropFirst(4) where tensor.shape[0] != count {
      throw LearningError.parameterShape(
        path: path, name: name, expected: [count] + tensor.shape[1...], found: tensor.shape)
    }
    try self.init(
      for: setup.classNames, parameters: parameters, sentence: artifact.description.sentence(path: path),
      clip: setup.clip)
  }
}

extension ReferenceFormat.WholeModel {
  /// The files of MaPLe, and the first of CoPrompt's.
  ///
  /// - Parameter more: further tensors' names in the file, by ours.
  static func coupled(_ more: [String: String]) -> Self {
    Self(
      folder: "MultiModalPromptLearner",
      names: [
        "ctx": "prompt_learner.ctx", "proj.weight": "prompt_learner.proj.weight",
        "proj.bias": "prompt_learner.proj.bias",
      ].merging(more) { $1 },
      stacks: [
        .init("compound_prompts_text", "prompt_learner.compound_prompts_text.", "", first: 0, like: "ctx"),
        .init(
          "compound_prompt_projections.weight", "prompt_learner.compound_prompt_projections.", ".weight", first: 0,
          like: "proj.weight"),
        .init(
          "compound_prompt_projections.bias", "prompt_learner.compound_prompt_projections.", ".bias", first: 0,
          like: "proj.bias"),
      ],
      uneven: { "it has prompts for \($0 + 1) blocks, but couplings for \($1 + 1)" })
  }
}

extension TrainingConfiguration {
  /// 5 epochs, 4 images a step, a rate of 0.0035 (`configs/trainers/MaPLe/vit_b16_c2_ep5_batch4_2ctx.yaml`).
  static let maple = deep(epochs: 5, learningRate: 0.0035)
}
