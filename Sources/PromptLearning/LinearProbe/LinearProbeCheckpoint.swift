import CLIP
import Foundation
import Torch

/// A linear probe in a file: a safetensors file with `weight` `[C, E]` and `bias` `[C]`, whose metadata describes it.
///
/// Read strictly, as prompts are; docs/formats.md has the details.
public struct LinearProbeCheckpoint: Sendable {
  public static let version = 1

  public let description: PromptDescription
  private let weight: Tensor
  private let bias: Tensor
  private let search: Search

  /// How the penalty was chosen.
  private struct Search: Codable {
    let inverseRegularization: Double
    let validationAccuracy: Double
  }

  private struct Header: Codable {
    let version: Int
    let description: PromptDescription
    let search: Search
  }

  public init(_ probe: LinearProbe, model: ModelIdentity) {
    description = PromptDescription(method: .linearProbe, classNames: probe.classNames, model: model)
    weight = probe.weight
    bias = probe.bias
    search = Search(
      inverseRegularization: probe.inverseRegularization, validationAccuracy: probe.validationAccuracy)
  }

  /// Writes the file whole or not at all.
  public func write(to url: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let header = try encoder.encode(Header(version: Self.version, description: description, search: search))
    try SafetensorsFile.write(
      ["weight": weight, "bias": bias],
      metadata: [PromptCheckpoint.metadataKey: String(decoding: header, as: UTF8.self)], to: url)
  }

  /// - Throws: ``LearningError`` where version, metadata, names, shapes or numbers are not those of a probe.
  public init(contentsOf url: URL) throws {
    let (file, path) = (try SafetensorsFile(contentsOf: url), url.path)
    func refused(_ reason: String) -> LearningError { .notAProbe(path: path, reason: reason) }
    struct Version: Decodable { let version: Int }
    guard let json = file.metadata[PromptCheckpoint.metadataKey],
      let found = try? JSONDecoder().decode(Version.self, from: Data(json.utf8)).version
    else { throw refused("its metadata cannot be read") }
    guard found == Self.version else {
      throw LearningError.version(path: path, found: found, readable: Self.version)
    }
    guard let header = try? JSONDecoder().decode(Header.self, from: Data(json.utf8)),
      header.description.method == .linearProbe, !header.description.classNames.isEmpty
    else { throw refused("its metadata cannot be read") }
    guard file.names == ["bias", "weight"] else {
      throw refused("it has the tensors \(file.names.prefix(5).joined(separator: ", ")), not bias and weight")
    }
    weight = try file.tensor("weight")
    bias = try file.tensor("bias")
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
      guard tensor.kind == .float32, try tensor.floats().allSatisfy(\.isFinite) else {
        throw refused("tensor '\(name)' does not hold finite 32-bit floats")
      }
    }
    let classes = header.description.classNames.count
    guard bias.shape == [classes] else {
      throw refused("tensor 'bias' has shape \(bias.shape), not \([classes])")
    }
    description = header.description
    search = header.search
  }

  /// The probe, on the model it was trained on.
  ///
  /// - Parameters:
  ///   - identity: of `clip`; it must be the one that the probe was trained on.
  ///   - path: what errors call the file.
  public func probe(on clip: CLIPModel, identity: ModelIdentity, path: String) throws -> LinearProbe {
    try description.checkModel(is: identity, path: path)
    let shape = [description.classNames.count, clip.embeddingWidth]
    guard weight.shape == shape else {
      throw LearningError.notAProbe(path: path, reason: "tensor 'weight' has shape \(weight.shape), not \(shape)")
    }
    return LinearProbe(
      clip: clip, classNames: description.classNames, weight: weight, bias: bias,
      inverseRegularization: search.inverseRegularization, validationAccuracy: search.validationAccuracy)
  }
}
