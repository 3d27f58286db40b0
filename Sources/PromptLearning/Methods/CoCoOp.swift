import CLIP
import Torch

extension Method {
  /// CoCoOp: context vectors shifted by a token computed from the image (Zhou et al., CVPR 2022).
  public static let cocoop = Method(
    "cocoop", title: "CoCoOp", traits: [.learns, .namesOtherClasses, .conditionsOnImage, .answersFast],
    contextSettings: [.beginning], paperKey: "cocoop", series: 2,
    parameters: [ContextPrompts.sharedContextSpec] + MetaNetwork.specs,
    training: { _ in .cocoop },
    learning: .stepwise(
      StepwiseLearning(
        start: { setup in
          try ConditionalPrompts(
            for: setup.classNames, initialContext: setup.context.initial, clip: setup.clip, seed: setup.seed)
        },
        restore: { artifact, setup, path in
          return try ConditionalPrompts(
            for: setup.classNames,
            parameters: ConditionalPrompts.parameterNames.map { try artifact.parameter($0, path: path) },
            clip: setup.clip)
        })),
    contexts: { artifact, _, path in
      LearnedContexts(
        try artifact.parameter("ctx", path: path).unsqueezed(at: 0), isClassSpecific: false,
        metaNetwork: try MetaNetwork(MetaNetwork.parameterNames.map { try artifact.parameter($0, path: path) }))
    },
    withoutImage: { artifact, setup, path in try ContextPrompts(artifact, setup, path: path) },
    reference: ReferenceFormat(
      trainer: "CoCoOp", section: "TRAINER.COCOOP", keys: [.contextLength, .contextWords, .precision],
      buffers: ReferenceFormat.tokenBuffers,
      recognises: { $0["meta_net.linear1.weight"] != nil && $0["bias_vectors"] == nil }))
}
