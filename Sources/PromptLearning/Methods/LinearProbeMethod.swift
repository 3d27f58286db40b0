import CLIP
import Datasets
import Torch

extension Method {
  /// Logistic regression on image features: without prompts, and for its own classes only (CoOp, `lpclip/`).
  public static let linearProbe = Method(
    "linear-probe", title: "linear probe", traits: [.learns], series: 3, artifactName: "probe.safetensors",
    artifactNoun: "linear probe",
    parameters: [ParameterSpec("weight", [.classes, .embeddingWidth]), ParameterSpec("bias", [.classes])],
    learning: .direct(
      DirectLearning(
        fit: { setup, images, progress in
          let (dataset, extractor) = (images.dataset, images.extractor)
          let rule = PenaltyRule(for: dataset)
          try progress(.penalty(rule))
          let total = dataset.training.count + (rule == .validation ? dataset.validation.count : 0)
          // The images are preprocessed as in testing: the reference augments none here.
          let training = try LabelledEmbeddings(of: dataset, split: .train, by: extractor) {
            try progress(.views(encoded: $0, of: total))
          }
          guard rule == .validation else {
            let probe = try LinearProbe(
              for: setup.classNames, training: training, choosingBy: rule, clip: setup.clip
            ) { try progress(.fit(number: $0 + 1, of: $1)) }
            return Fitted(classifier: probe, parameters: probe.parameters, search: probe.search)
          }
          let validation = try LabelledEmbeddings(of: dataset, split: .val, by: extractor) {
            try progress(.views(encoded: training.labels.count + $0, of: total))
          }
          let probe = try LinearProbe(
            for: setup.classNames, training: training, validation: validation, clip: setup.clip
          ) { try progress(.fit(number: $0 + 1, of: $1)) }
          return Fitted(classifier: probe, parameters: probe.parameters, search: probe.search)
        },
        restore: { artifact, setup, path in
          guard let search = artifact.search, let penalty = search["inverseRegularization"] else {
            throw LearningError.notAnArtifact(path: path, noun: "linear probe", reason: "its metadata cannot be read")
          }
          return try LinearProbe(
            clip: setup.clip, classNames: artifact.description.classNames,
            weight: artifact.parameter("weight", path: path), bias: artifact.parameter("bias", path: path),
            inverseRegularization: penalty, validationAccuracy: search["validationAccuracy"]
          ).withClasses(setup.classNames)
        },
        fitSeconds: { setup, sample in
          let features = try sample.embeddings.converted(to: .float64)
          let start = ContinuousClock.now
          _ = try LogisticRegression(
            fitting: features, labels: sample.labels, classes: setup.classNames.count, inverseRegularization: 1)
          return Double(LinearProbe.mostFits) * (ContinuousClock.now - start).seconds
        })))
}

extension LinearProbe {
  fileprivate var parameters: [String: Tensor] { ["weight": weight, "bias": bias] }

  /// The results of choosing the penalty.
  fileprivate var search: [String: Double] {
    ["inverseRegularization": inverseRegularization].merging(
      validationAccuracy.map { ["validationAccuracy": $0] } ?? [:]
    ) { $1 }
  }
}

extension Artifact {
  /// The artifact of a linear probe.
  public init(_ probe: LinearProbe, model: ModelIdentity) {
    self.init(
      ArtifactDescription(method: .linearProbe, classNames: probe.classNames, model: model),
      parameters: probe.parameters, search: probe.search)
  }
}
