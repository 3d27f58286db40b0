import CLIP
import Datasets
import Torch

extension Method {
  /// VPT: deep prompts in the image tower alone (Jia et al., *Visual Prompt Tuning*, ECCV 2022), beside zero-shot
  /// CLIP's class features, as MaPLe's authors compare with it (Khattak et al., CVPR 2023).
  public static let vpt: Method = Method(
    "vpt", title: "VPT", traits: [.learns, .namesOtherClasses, .promptsImages], options: [tokens, depth],
    paperKey: "vpt", series: 10, parameters: ImagePrompts.specs, training: { _ in .vpt },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          let blocks = try setup.clip.visionTransformer.layerCount
          return try ImagePrompts(
            for: setup.classNames, depth: setup.depth(depth, authors: 12, blocks: blocks),
            tokens: Int(setup.options[tokens]), clip: setup.clip, seed: setup.seed)
        },
        restore: { artifact, setup, path in
          try ImagePrompts(
            for: setup.classNames,
            parameters: ImagePrompts.parameterNames.map { try artifact.parameter($0, path: path) }, clip: setup.clip)
        })),
    reference: ReferenceFormat(
      trainer: "VPT", section: "TRAINER.VPT",
      keys: [
        ReferenceFormat.Key(
          "N_CTX_VISION", .integer(2), option: tokens.name, length: .vectors("VPT"), "prompts in each block"),
        ReferenceFormat.Key("CTX_INIT", .text("a photo of a"), "nothing: the sentence is always a photo of a NAME."),
        .precision,
        ReferenceFormat.Key(
          "PROMPT_DEPTH_VISION", .integer(1), option: depth.name, length: .blocks("image_prompts"),
          "blocks with prompts of their own"),
      ], ownKeys: [], recognises: { $0["VPT"] != nil && $0["ctx"] == nil },
      wholeModel: .init(
        folder: ReferencePrompts.folderName, names: ["VPT": "image_encoder.VPT"],
        stacks: [.init("image_prompts", "image_encoder.transformer.resblocks.", ".VPT_shallow", first: 1, like: "VPT")])
    ))

  private static let tokens = MethodOption(
    "image-tokens", standard: 8, in: 1...256, help: "prompts in each block of the image tower", isWhole: true)
  private static let depth = MethodOption(
    "image-depth", standard: 0, in: 0...256,
    help: "blocks of the image tower with prompts of their own; 0 is 12, or all of a smaller tower", isWhole: true)
}

extension TrainingConfiguration {
  /// 5 epochs, 4 images a step (`configs/trainers/VPT/vit_b16_c2_ep5_batch4_4.yaml`).
  static let vpt = deep(epochs: 5, learningRate: 0.0025)
}
