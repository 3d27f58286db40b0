import CLIP
import Foundation
import Images
import Support
import Torch

/// The report of `models inspect` on a checkpoint, whether or not it loads.
///
/// Facts that are not known are absent.
public struct ModelReport: Sendable, Encodable {
  public let name: String
  /// The way in which the checkpoint states its configuration: `open_clip`, `Hugging Face` or `weights alone`.
  public let form: String
  /// The file of weights, or the index of its shards.
  public let weights: String
  /// The library whose names the tensors have, and their prefix.
  public let spelling, prefix: String
  /// The name of the architecture, such as `ViT-B/16`, or its sizes.
  public let architecture: String?
  public let imageTower: String?
  /// The number of parameters of both towers, as the file stores them.
  public let parameters: Int
  /// The number of tensors of each element type, such as "F16".
  public let precision: [String: Int]
  /// E, the width of the shared space.
  public let embeddingWidth: Int?
  public let text: Text?
  public let activation: String?
  public let preprocessing: Pixels?
  /// The settings that are not stated, with their assumed values.
  public let assumptions: [String]
  public let logitScale: Float?
  public let sha256: String
  public let loads: Bool
  /// The reason why it does not load.
  public let refusal: String?
  public let oddTensors: [OddTensor]
  /// The number of tensors that are not weights, and of those outside the model.
  public let bookkeeping, beside: Int
  /// The prefixes of further whole models in the file.
  public let otherModels: [String]

  public struct Text: Sendable, Encodable {
    public let width, layers, heads, tokenLimit, vocabularySize: Int
  }

  public struct Pixels: Sendable, Encodable {
    public let size: Int
    public let mean, standardDeviation: [Float]
    public let interpolation, resizeMode: String
  }

  public struct OddTensor: Sendable, Encodable {
    public let tensor: String
    /// The problem: `missing`, `unknown`, `shape`, `unreadable`, `not finite`, `all zero` or `constant`.
    public let problem: String
    /// The shapes, where they differ.
    public let expected, found: [Int]?
  }

  /// Builds the model as far as possible, and describes it.
  ///
  /// - Parameter prefix: the prefix of the wanted model, where the file holds several.
  /// - Throws: `CLIPError` where there are no tensors to describe.
  public init(of source: ModelSource, prefix: String? = nil) throws {
    let inspection = try CheckpointInspection(Checkpoint(at: source.location, prefix: prefix))
    let (files, tensors) = (inspection.checkpoint.files, inspection.checkpoint.tensors)
    name = files.name
    form = files.form.rawValue
    weights = files.weights.lastPathComponent
    spelling = tensors.spelling.rawValue
    self.prefix = tensors.prefix
    parameters = tensors.names.map { tensors.shape(of: $0)?.reduce(1, *) ?? 0 }.reduce(0, +)
    precision = Dictionary(tensors.names.map { (tensors.elementType(of: $0) ?? "other", 1) }, uniquingKeysWith: +)
    let configuration = inspection.configuration
    architecture = configuration?.architecture
    imageTower = configuration?.image.description
    embeddingWidth = configuration?.embeddingWidth
    text = configuration.map { Text($0.text) }
    activation = configuration.map { $0.activation == .quickGELU ? "QuickGELU" : "GELU" }
    preprocessing = configuration.map { Pixels($0.preprocessing) }
    assumptions = configuration?.assumptions ?? []
    logitScale = inspection.logitScale
    sha256 = try files.hash()
    loads = inspection.refusal == nil
    refusal = inspection.refusal?.explanation
    oddTensors = inspection.oddities.map(OddTensor.init)
    bookkeeping = tensors.bookkeeping.count
    beside = tensors.passedOver.count
    otherModels = tensors.otherModels
  }
}

extension ModelReport.Text {
  fileprivate init(_ tower: CLIPConfiguration.TextTower) {
    self.init(
      width: tower.width, layers: tower.layers, heads: tower.heads, tokenLimit: tower.tokenLimit,
      vocabularySize: tower.vocabularySize)
  }
}

extension ModelReport.Pixels {
  fileprivate init(_ preprocessing: Preprocessing) {
    self.init(
      size: preprocessing.size, mean: preprocessing.mean, standardDeviation: preprocessing.standardDeviation,
      interpolation: preprocessing.interpolation.rawValue, resizeMode: preprocessing.resizeMode.rawValue)
  }
}

extension ModelReport.OddTensor: CustomStringConvertible {
  fileprivate init(_ oddity: CheckpointDiagnosis.Oddity) {
    var shapes: (expected: [Int], found: [Int])?
    switch oddity.reason {
    case .missing: problem = "missing"
    case .unknown: problem = "unknown"
    case .unreadable: problem = "unreadable"
    case .notFinite: problem = "not finite"
    case .allZero: problem = "all zero"
    case .constant: problem = "constant"
    case .shape(let expected, let found):
      problem = "shape"
      shapes = (expected, found)
    }
    tensor = oddity.tensor
    expected = shapes?.expected
    found = shapes?.found
  }

  public var description: String {
    guard let expected, let found else { return "\(tensor): \(problem)" }
    return "\(tensor): shape \(found), where \(expected) is needed"
  }
}

extension ModelReport: CustomStringConvertible {
  /// A table of the known facts, one on each line.
  public var description: String {
    var lines = [("model", name), ("form", formText)]
    func add(_ title: String, _ text: String?) {
      if let text { lines.append((title, text)) }
    }
    add("architecture", architecture)
    add("image tower", imageTower)
    add(
      "text tower",
      text.map {
        "width \($0.width), \($0.layers) layers, \($0.heads) heads, \($0.tokenLimit) positions, \($0.vocabularySize) tokens"
      })
    let scale = logitScale.map { ", logit scale \($0)" } ?? ""
    add("shared space", embeddingWidth.map { "\($0) numbers\(scale)" })
    add("activation", activation)
    add(
      "pixels",
      preprocessing.map {
        "\($0.size) × \($0.size), \($0.interpolation), \($0.resizeMode), mean \($0.mean), std \($0.standardDeviation)"
      })
    let kinds = precision.sorted { $0.key < $1.key }.map { "\($0.value) tensors \($0.key)" }
    add("parameters", "\(parameters) in \(kinds.joined(separator: ", "))")
    add("sha256", sha256)
    for assumption in assumptions { add("assumed", assumption) }
    add("passed over", passedOver)
    for prefix in otherModels { add("other model", "under '\(prefix)': give --prefix \(prefix)") }
    for tensor in oddTensors.prefix(Self.listed) { add("odd tensor", tensor.description) }
    if oddTensors.count > Self.listed { add("odd tensors", "\(oddTensors.count) in all; --json lists them") }
    add("loads", loads ? "yes" : "no: \(refusal ?? "")")
    return lines.map { title, text in
      title.padding(toLength: 15, withPad: " ", startingAt: 0) + text.onOneLine
    }.joined(separator: "\n")
  }

  /// The number of odd tensors that are listed.
  private static let listed = 20

  private var formText: String {
    let names = "\(spelling)'s names" + (prefix.isEmpty ? "" : " after '\(prefix)'")
    return "\(form), \(weights), \(names)"
  }

  private var passedOver: String? {
    let parts = [(bookkeeping, "of bookkeeping"), (beside, "beside the model")].filter { $0.0 > 0 }
    return parts.isEmpty ? nil : parts.map { "\($0.0) tensors \($0.1)" }.joined(separator: ", ")
  }
}
