import CLIP
import Datasets

extension Method {
  /// Zero-shot CLIP: the dataset's own template, without learning (Radford et al., 2021, §3.1).
  public static let zeroShot = fixed(
    "zero-shot", title: "zero-shot CLIP", paperKey: "clip", trainer: "ZeroshotCLIP"
  ) { [.zeroShot(for: $0)] }

  /// Zero-shot CLIP with the averaged features of several templates (Radford et al., 2021, §3.1.4).
  public static let zeroShotEnsemble = fixed(
    "zero-shot-ensemble", title: "zero-shot CLIP, ensemble", trainer: "ZeroshotCLIP2",
    templates: PromptTemplate.ensemble(for:))

  private static func fixed(
    _ id: String, title: String, paperKey: String? = nil, trainer: String,
    templates: @escaping @Sendable (String) -> [PromptTemplate]
  ) -> Method {
    Method(
      id, title: title, traits: [.namesOtherClasses], paperKey: paperKey,
      learning: .direct(
        DirectLearning(
          fit: { setup, _, _ in
            let prompts = try ZeroShotPrompts(
              for: setup.classNames, templates: templates(setup.dataset), clip: setup.clip)
            return Fitted(classifier: prompts.classifier(on: setup.clip))
          },
          restore: { artifact, setup, path in
            let templates = try artifact.description.sentences(path: path)
            return try ZeroShotPrompts(for: setup.classNames, templates: templates, clip: setup.clip)
              .classifier(on: setup.clip)
          },
          fitSeconds: { setup, _ in
            let start = ContinuousClock.now
            _ = try ZeroShotPrompts(for: setup.classNames, templates: templates(setup.dataset), clip: setup.clip)
            return (ContinuousClock.now - start).seconds
          })),
      templates: { templates($0.dataset) }, reference: ReferenceFormat(trainer: trainer))
  }
}
