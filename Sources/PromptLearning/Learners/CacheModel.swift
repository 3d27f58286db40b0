import CLIP
import Datasets
import Torch

/// Tip-Adapter's cache model: features of training photos are keys that vote for their classes, beside zero-shot CLIP
/// (Zhang et al., ECCV 2022, §3.1).
///
/// logits = s · f Wᵀ + α · exp(−β (1 − f Qᵀ)) V, where W are zero-shot CLIP's class features, Q the keys and V the keys'
/// classes, one-hot.
public struct CacheModel: TrainablePromptLearner {
  public let classNames: [String]
  /// What W was made of.
  let templates: [PromptTemplate]
  package let keys: Tensor  // Q, [N, E], unit rows before they are learned
  package let labels: [Int]  // N indices into classNames
  package let strengths: Strengths
  private let classFeatures: Tensor  // W, [1, C, E], unit rows
  let ballots: Tensor  // V, [N, C], one-hot

  /// How much a vote counts, and how fast it fades with distance.
  public struct Strengths: Sendable, Equatable {
    public let alpha, beta: Float

    public init(alpha: Float, beta: Float) { (self.alpha, self.beta) = (alpha, beta) }
  }

  /// - Parameters:
  ///   - keys: `[N, E]`.
  ///   - labels: N indices into `classNames`.
  ///   - templates: the sentences of W.
  public init(
    for classNames: [String], keys: Tensor, labels: [Int], strengths: Strengths, templates: [PromptTemplate],
    clip: CLIPModel
  ) throws {
    let prompts = try ZeroShotPrompts(for: classNames, templates: templates, clip: clip)
    try self.init(
      for: classNames, keys: keys, labels: labels, strengths: strengths, templates: templates,
      classFeatures: prompts.features)
  }

  /// The same with class features that are known: `[1, C, E]`, unit rows.
  package init(
    for classNames: [String], keys: Tensor, labels: [Int], strengths: Strengths, templates: [PromptTemplate],
    classFeatures: Tensor
  ) throws {
    self.classNames = classNames
    self.templates = templates
    self.keys = try keys.on(classFeatures.device)
    self.labels = labels
    self.strengths = strengths
    self.classFeatures = classFeatures
    var ballots = [Float](repeating: 0, count: labels.count * classNames.count)
    for (row, label) in labels.enumerated() { ballots[row * classNames.count + label] = 1 }
    self.ballots = try Tensor(ballots, shape: [labels.count, classNames.count]).on(classFeatures.device)
  }

  /// Where it computes.
  var device: Device { classFeatures.device }

  /// Enough images that their cosines with all keys stay small.
  public var imagesPerMicrobatch: Int { 256 }
  public func microbatchBytes(isTraining: Bool) -> Int { 3 * labels.count * MemoryLayout<Float>.size }

  public func classFeatures(for imageFeatures: Tensor) -> Tensor { classFeatures }
  public var actsThroughClassFeatures: Bool { false }

  public func logits(of features: Features) throws -> Tensor {
    let one = try Tensor([1], shape: [])
    let cosines = try features.images.matmul(keys.transposed())  // [B, N]
    let nearness = try (cosines * strengths.beta).adding(one, scaledBy: -strengths.beta).exponential()
    return try features.logits.adding(nearness.matmul(ballots), scaledBy: strengths.alpha)
  }

  /// The cache over some of its own classes.
  ///
  /// - Throws: ``LearningError/closedClasses(count:noun:)`` for any names but its own.
  public func withClasses(_ classNames: [String], on clip: CLIPModel) throws -> CacheModel {
    guard classNames != self.classNames else { return self }
    let known = Dictionary(zip(self.classNames, 0...), uniquingKeysWith: { first, _ in first })
    let chosen = classNames.compactMap { known[$0] }
    guard chosen.count == classNames.count, !chosen.isEmpty else {
      throw LearningError.closedClasses(count: self.classNames.count, noun: "A cache of photos")
    }
    return try choosing(chosen)
  }

  public func restricted(to classes: Range<Int>) throws -> CacheModel { try choosing(Array(classes)) }

  /// Some of the classes, with the keys of theirs.
  private func choosing(_ classes: [Int]) throws -> CacheModel {
    let newLabels = Dictionary(zip(classes, 0...), uniquingKeysWith: { first, _ in first })
    let rows = labels.indices.filter { newLabels[labels[$0]] != nil }
    return try CacheModel(
      for: classes.map { classNames[$0] }, keys: keys.gathered(Indices(rows), axis: 0),
      labels: rows.compactMap { newLabels[labels[$0]] }, strengths: strengths, templates: templates,
      classFeatures: classFeatures.gathered(Indices(classes), axis: 1))
  }

  package func with(_ strengths: Strengths) throws -> CacheModel {
    try CacheModel(
      for: classNames, keys: keys, labels: labels, strengths: strengths, templates: templates,
      classFeatures: classFeatures)
  }

  public static let parameterNames = ["keys"]
  public var parameters: [Tensor] { [keys] }

  public func replacing(_ parameters: [Tensor]) throws -> CacheModel { CacheModel(self, keys: parameters[0]) }

  private init(_ other: CacheModel, keys: Tensor) {
    (classNames, templates, labels) = (other.classNames, other.templates, other.labels)
    (strengths, classFeatures, ballots) = (other.strengths, other.classFeatures, other.ballots)
    self.keys = keys
  }

  static let specs = [ParameterSpec("keys", [.any(usual: 16), .embeddingWidth])]
  static let constantSpecs = [
    ParameterSpec("labels", [.any(usual: 16)]), ParameterSpec("strengths", [.any(usual: 2)]),
  ]

  /// What files hold beside the keys: the label of each key, and α and β.
  public var constants: [String: Tensor] {
    let tensors = try? [
      "labels": Tensor(labels.map(Float.init), shape: [labels.count]),
      "strengths": Tensor([strengths.alpha, strengths.beta], shape: [2]),
    ]
    return tensors ?? [:]
  }

  /// The cache of a file.
  init(_ artifact: Artifact, _ setup: MethodSetup, path: String) throws {
    let learned = artifact.description.classNames
    func damaged(_ reason: String) -> LearningError { .notAnArtifact(path: path, noun: "cache", reason: reason) }
    let labels = try artifact.parameter("labels", path: path).floats()
    let keys = try artifact.parameter("keys", path: path)
    guard labels.count == keys.shape[0],
      labels.allSatisfy({ $0 >= 0 && $0 == $0.rounded() && Int($0) < learned.count })
    else { throw damaged("its labels are not of its \(learned.count) classes, one a key") }
    let strengths = try artifact.parameter("strengths", path: path).floats()
    guard strengths.count == 2 else { throw damaged("it has \(strengths.count) strengths, not α and β") }
    let templates = try artifact.description.sentences(path: path)
    self = try CacheModel(
      for: learned, keys: keys, labels: labels.map { Int($0) },
      strengths: Strengths(alpha: strengths[0], beta: strengths[1]),
      templates: templates.isEmpty ? [.photo] : templates, clip: setup.clip
    ).withClasses(setup.classNames, on: setup.clip)
  }
}

extension CacheModel: HeadStatingLearner {
  public func head() throws -> ClassifierHead {
    .cache(
      classFeatures: try classFeatures.reshaped([classNames.count, -1]), keys: keys, ballots: ballots,
      strengths: strengths)
  }
}
