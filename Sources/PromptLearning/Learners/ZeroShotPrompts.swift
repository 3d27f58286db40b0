import CLIP
import Datasets
import Torch

/// Zero-shot CLIP: fixed sentences, without learning (Radford et al., 2021, §3.1).
public struct ZeroShotPrompts: PromptLearner {
  public let classNames: [String]
  public let templates: [PromptTemplate]
  let features: Tensor  // [1, C, E], unit rows

  public var imagesPerMicrobatch: Int { .max }
  public func microbatchBytes(isTraining: Bool) -> Int { 0 }

  /// - Parameter templates: one template, or an ensemble whose unit features are averaged and normalised again.
  public init(for classNames: [String], templates: [PromptTemplate] = [.photo], clip: CLIPModel) throws {
    self.classNames = try classNames.checkedAsClassNames()
    self.templates = templates
    let sentences = templates.flatMap { template in classNames.map(template.filled(with:)) }
    features = try clip.embeddings(of: sentences).unitRows()  // [1, templates · C, E]
      .reshaped([templates.count, classNames.count, -1]).mean(over: [0]).unitRows().unsqueezed(at: 0)
  }

  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> ZeroShotPrompts {
    try ZeroShotPrompts(for: classNames, templates: templates, clip: clip)
  }

  public func classFeatures(for imageFeatures: Tensor) -> Tensor { features }

  public func restricted(to classes: Range<Int>) throws -> ZeroShotPrompts {
    try ZeroShotPrompts(self, classNames: Array(classNames[classes]), features: features.sliced(classes, axis: 1))
  }

  private init(_ other: ZeroShotPrompts, classNames: [String], features: Tensor) {
    self.classNames = classNames
    templates = other.templates
    self.features = features
  }
}

extension ZeroShotPrompts: HeadStatingLearner {
  public func head() throws -> ClassifierHead { try .cosines(with: features) }
}
