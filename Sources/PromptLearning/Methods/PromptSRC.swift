import CLIP
import Datasets
import Torch

extension Method {
  /// PromptSRC: IVLP whose features and answers stay close to frozen CLIP's, and whose prompts are a mean over the
  /// epochs (Khattak, Wasim, Naseer, Khan, Yang, Khan: *Self-regulating Prompts*, ICCV 2023, arXiv 2307.06948).
  public static let promptsrc: Method = Method(
    "promptsrc", title: "PromptSRC", traits: [.learns, .namesOtherClasses, .promptsImages, .averagesEpochs],
    contextSettings: [.beginning],
    options: [tokens, textDepth, imageDepth, textWeight, imageWeight, logitWeight, mean, deviation],
    paperKey: "promptsrc", series: 12, parameters: IndependentPrompts.specs, training: { _ in .promptsrc },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          try IndependentPrompts(
            setup, of: promptsrc, authors: 9, tokens: tokens, textDepth: textDepth, imageDepth: imageDepth)
        },
        restore: IndependentPrompts.init(_:_:path:),
        recipe: { setup in
          let teacher = try ZeroShotPrompts.meanOfRaw(
            for: setup.classNames, templates: PromptTemplate.selfRegulating, clip: setup.clip)
          return TrainingRecipe(
            objective: SelfRegulatedObjective(
              textWeight: Float(setup.options[textWeight]), imageWeight: Float(setup.options[imageWeight]),
              logitWeight: Float(setup.options[logitWeight])),
            teacherClasses: teacher, comparesImages: true,
            average: GaussianAverage(mean: setup.options[mean], deviation: setup.options[deviation]))
        })),
    templates: { try $0.deepTemplates(of: promptsrc) },
    ownContext: { _ in ContextSettings(words: "a photo of a", length: 4) },
    contexts: ContextPrompts.contexts,
    reference: ReferenceFormat(
      trainer: "PromptSRC", section: "TRAINER.PROMPTSRC",
      keys: ReferenceFormat.independentKeys(tokens, textDepth, imageDepth, count: 4) + [
        ReferenceFormat.Key(
          "TEXT_LOSS_WEIGHT", .integer(25), option: textWeight.name, "how strongly class features are held"),
        ReferenceFormat.Key(
          "IMAGE_LOSS_WEIGHT", .integer(10), option: imageWeight.name, "how strongly image features are held"),
        ReferenceFormat.Key(
          "GPA_MEAN", .integer(15), option: mean.name, "the epoch that counts most in the mean of the prompts"),
        ReferenceFormat.Key(
          "GPA_STD", .integer(1), option: deviation.name, "the deviation of that mean's weights, in epochs"),
      ], ownKeys: [],
      // Without the third tower its files are those of IVLP, and are taken for PromptSRC's where somebody says so.
      recognises: IndependentPrompts.areIn, wholeModel: .independent))

  private static let tokens = MethodOption(
    "image-tokens", standard: 4, in: 1...256, help: "prompts in each block of the image tower", isWhole: true)
  private static let textDepth = MethodOption(
    "text-depth", standard: 0, in: 0...256,
    help: "blocks of the text tower with prompts of their own; 0 is 9, or all of a smaller tower", isWhole: true)
  private static let imageDepth = MethodOption(
    "image-depth", standard: 0, in: 0...256,
    help: "blocks of the image tower with prompts of their own; 0 is 9, or all of a smaller tower", isWhole: true)
  private static let textWeight = MethodOption(
    "text-weight", standard: 25, in: 0...1000, help: "how strongly class features are held close to frozen CLIP's")
  private static let imageWeight = MethodOption(
    "image-weight", standard: 10, in: 0...1000, help: "how strongly image features are held close to frozen CLIP's")
  private static let logitWeight = MethodOption(
    "logit-weight", standard: 1, in: 0...1000, help: "how strongly answers are held close to frozen CLIP's")
  /// μ and σ of the authors' base-to-new configuration.
  private static let mean = MethodOption(
    "average-mean", standard: 15, in: 0...100_000, help: "the epoch that counts most in the mean of the prompts")
  private static let deviation = MethodOption(
    "average-deviation", standard: 1, in: 0.001...100_000,
    help: "of the Gaussian weights of that mean, in epochs")
}

/// The cross-entropy, and the distances from frozen CLIP of class features, image features and answers (PromptSRC,
/// §3.2.1): CE + w_t · mean |g − ĝ| + w_i · mean |f − f̂| + w_l · KL(p̂ ‖ p) / (B · C).
struct SelfRegulatedObjective: Objective {
  let textWeight, imageWeight, logitWeight: Float

  func terms(_ student: Features, teacher: Features?, labels: Tensor) throws -> [LossTerm] {
    let terms = try CrossEntropy().terms(student, teacher: nil, labels: labels)
    guard let teacher else { return terms }
    let text = try (student.classes - teacher.classes).absolute().mean(over: [0, 1, 2]) * textWeight
    let image = try (student.images - teacher.images).absolute().mean(over: [0, 1]) * imageWeight
    // The cross-entropy without the entropy of p̂ is the divergence, a mean over the images.
    let answers = try teacher.logits.softmax()
    let divergence =
      try student.logits.crossEntropy(probabilities: answers) - teacher.logits.crossEntropy(probabilities: answers)
    let classes = Float(student.logits.shape[1])
    return terms + [
      LossTerm("text", text), LossTerm("image", image),
      LossTerm("answers", try divergence * (logitWeight / classes)),
    ]
  }
}

extension ZeroShotPrompts {
  /// The mean over templates of features that are not of unit length, brought to unit length: `[1, C, E]`.
  static func meanOfRaw(
    for classNames: [String], templates: [PromptTemplate], clip: CLIPModel
  ) throws -> Tensor {
    let names = try classNames.checkedAsClassNames()
    let sentences = templates.flatMap { template in names.map(template.filled(with:)) }
    return try clip.embeddings(of: sentences).reshaped([templates.count, names.count, -1]).mean(over: [0]).unitRows()
      .unsqueezed(at: 0)
  }
}

extension TrainingConfiguration {
  /// 20 epochs, 4 images a step (`configs/trainers/PromptSRC/vit_b16_c2_ep20_batch4_4+4ctx.yaml`).
  static let promptsrc = deep(epochs: 20, learningRate: 0.0025)
}

extension PromptTemplate {
  /// The sentences of ĝ, the same for every dataset: 60 of OpenAI's 80 for ImageNet (`trainers/imagenet_templates.py`).
  static let selfRegulating = [
    "a photo of a {}.", "a bad photo of a {}.", "a photo of many {}.", "a sculpture of a {}.",
    "a photo of the hard to see {}.", "a low resolution photo of the {}.", "a rendering of a {}.",
    "graffiti of a {}.", "a bad photo of the {}.", "a cropped photo of the {}.", "a tattoo of a {}.",
    "the embroidered {}.", "a photo of a hard to see {}.", "a bright photo of a {}.", "a photo of a clean {}.",
    "a photo of a dirty {}.", "a dark photo of the {}.", "a drawing of a {}.", "a photo of my {}.", "the plastic {}.",
    "a photo of the cool {}.", "a close-up photo of a {}.", "a black and white photo of the {}.",
    "a painting of the {}.", "a painting of a {}.", "a pixelated photo of the {}.", "a sculpture of the {}.",
    "a bright photo of the {}.", "a cropped photo of a {}.", "a plastic {}.", "a photo of the dirty {}.",
    "a jpeg corrupted photo of a {}.", "a blurry photo of the {}.", "a photo of the {}.", "a good photo of the {}.",
    "a rendering of the {}.", "a {} in a video game.", "a photo of one {}.", "a doodle of a {}.",
    "a close-up photo of the {}.", "the origami {}.", "the {} in a video game.", "a sketch of a {}.",
    "a doodle of the {}.", "a origami {}.", "a low resolution photo of a {}.", "the toy {}.",
    "a rendition of the {}.", "a photo of the clean {}.", "a photo of a large {}.", "a rendition of a {}.",
    "a photo of a nice {}.", "a photo of a weird {}.", "a blurry photo of a {}.", "a cartoon {}.", "art of a {}.",
    "a sketch of the {}.", "a embroidered {}.", "a pixelated photo of a {}.", "itap of the {}.",
  ].map(PromptTemplate.fixed)
}
