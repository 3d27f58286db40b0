import CLIP
import Datasets
import Torch

extension Method {
  /// IVLP: deep prompts in both towers, independent of each other (Khattak et al., *MaPLe*, CVPR 2023, §4; the carrier
  /// of PromptSRC).
  public static let ivlp: Method = Method(
    "ivlp", title: "IVLP", traits: [.learns, .namesOtherClasses, .promptsImages], contextSettings: [.beginning],
    options: [tokens, textDepth, imageDepth], paperKey: "ivlp", series: 9, parameters: IndependentPrompts.specs,
    training: { _ in .ivlp },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          try IndependentPrompts(
            setup, of: ivlp, authors: 12, tokens: tokens, textDepth: textDepth, imageDepth: imageDepth)
        },
        restore: IndependentPrompts.init(_:_:path:))),
    templates: { try $0.deepTemplates(of: ivlp) },
    ownContext: { _ in ContextSettings(words: "a photo of a", length: 2) },
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "IVLP", section: "TRAINER.IVLP",
      keys: ReferenceFormat.independentKeys(tokens, textDepth, imageDepth, count: 2), ownKeys: [],
      recognises: { IndependentPrompts.areIn($0) && !$0.keys.contains(where: isOfTeacher) },
      wholeModel: .independent))

  private static let tokens = MethodOption(
    "image-tokens", standard: 2, in: 1...256, help: "prompts in each block of the image tower", isWhole: true)
  private static let textDepth = MethodOption(
    "text-depth", standard: 0, in: 0...256,
    help: "blocks of the text tower with prompts of their own; 0 is 12, or all of a smaller tower", isWhole: true)
  private static let imageDepth = MethodOption(
    "image-depth", standard: 0, in: 0...256,
    help: "blocks of the image tower with prompts of their own; 0 is 12, or all of a smaller tower", isWhole: true)

  /// Whether a tensor is of the third tower in PromptSRC's files.
  static func isOfTeacher(_ name: String) -> Bool { name.hasPrefix("ZS_image_encoder.") }
}

extension IndependentPrompts {
  init(
    _ setup: MethodSetup, of method: Method, authors: Int, tokens: MethodOption, textDepth: MethodOption,
    imageDepth: MethodOption
  ) throws {
    let (text, image) = (setup.clip.textEncoder.layerCount, try setup.clip.visionTransformer.layerCount)
    try self.init(
      for: setup.classNames, initialContext: setup.deepContext(of: method),
      depths: (
        setup.depth(textDepth, authors: authors, blocks: text),
        setup.depth(imageDepth, authors: authors, blocks: image)
      ),
      imageTokens: Int(setup.options[tokens]), clip: setup.clip, seed: setup.seed)
  }

  init(_ artifact: Artifact, _ setup: MethodSetup, path: String) throws {
    try self.init(
      for: setup.classNames, parameters: Self.parameterNames.map { try artifact.parameter($0, path: path) },
      sentence: artifact.description.sentence(path: path), clip: setup.clip)
  }

  /// Whether a file with tensors of these shapes has prompts of both towers.
  static func areIn(_ shapes: [String: [Int]]) -> Bool {
    shapes["ctx"] != nil && shapes["VPT"] != nil && shapes["proj.weight"] == nil
  }
}

extension ReferenceFormat {
  /// The keys of IVLP, and the first of PromptSRC's.
  ///
  /// - Parameter count: how many prompts each tower has unless told otherwise.
  static func independentKeys(
    _ tokens: MethodOption, _ textDepth: MethodOption, _ imageDepth: MethodOption, count: Int
  ) -> [Key] {
    [
      Key(
        "N_CTX_VISION", .integer(count), option: tokens.name, length: .vectors("VPT"),
        "prompts in each block of the image tower"),
      Key("N_CTX_TEXT", .integer(count), length: .vectors("ctx"), "context vectors, and prompts in each deeper block"),
      .deepContextWords, .precision,
      Key(
        "PROMPT_DEPTH_VISION", .integer(9), option: imageDepth.name, length: .blocks("image_prompts"),
        "blocks of the image tower with prompts of their own"),
      Key(
        "PROMPT_DEPTH_TEXT", .integer(9), option: textDepth.name, length: .blocks("text_prompts"),
        "blocks of the text tower with prompts of their own"),
    ]
  }
}

extension MethodSetup {
  /// What follows the learned contexts, where that is not the name alone.
  func deepTemplates(of method: Method) throws -> [PromptTemplate] {
    let sentence = try deepContext(of: method).sentence(by: clip.tokenizer)
    return sentence == .name ? [] : [sentence]
  }
}

extension ReferenceFormat.WholeModel {
  /// The files of IVLP and PromptSRC.
  static let independent = Self(
    folder: "VLPromptLearner", names: ["VPT": "image_encoder.VPT", "ctx": "prompt_learner.ctx"],
    stacks: [
      Stack("text_prompts", "text_encoder.transformer.resblocks.", ".VPT_shallow", first: 1, like: "ctx"),
      Stack("image_prompts", "image_encoder.transformer.resblocks.", ".VPT_shallow", first: 1, like: "VPT"),
    ])
}

extension TrainingConfiguration {
  /// 5 epochs, 4 images a step, a rate of 0.0035 (`configs/trainers/IVLP/vit_b16_c2_ep5_batch4_2+2ctx.yaml`).
  static let ivlp = deep(epochs: 5, learningRate: 0.0035)

  /// What all of these recipes share.
  static func deep(epochs: Int, learningRate: Double) -> TrainingConfiguration {
    var configuration = coop.with(epochs: epochs, batchSize: 4)
    configuration.learningRate = learningRate
    return configuration
  }
}
