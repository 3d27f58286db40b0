import CLIP
import Embedded
import Foundation
import Images
import Torch

/// Tensors that a script of Scripts/oracle recorded, with the recipe that made them.
public struct Fixture<Recipe: Decodable>: Sendable where Recipe: Sendable {
  public let recipe: Recipe
  private let file: SafetensorsFile

  public init(_ name: String, in bundle: Bundle) throws {
    let url = bundle.bundleURL.appending(path: "Fixtures/\(name)")
    file = try SafetensorsFile(contentsOf: url.appendingPathExtension("safetensors"))
    recipe = try JSONDecoder().decode(Recipe.self, from: Data(contentsOf: url.appendingPathExtension("json")))
  }

  public func tensor(_ name: String) throws -> Tensor { try file.tensor(name) }

  public func has(_ name: String) -> Bool { file.names.contains(name) }
}

/// The first values of one name, against which another implementation of the formula is checked.
public struct Golden: Decodable, Sendable {
  public let name: String
  public let fnv1a64: String
  public let splitmix64: [String]
  public let values: [Float]
}

/// The checkpoint and the photos that ship with the package.
public enum TinyCLIP {
  public static let folder = Embedded.tinyCLIP
  private static let loaded = Result { try CLIPModel(weights: folder) }
  public static var clip: CLIPModel { get throws { try loaded.get() } }

  /// All tensors, as 32-bit floats where they are floats.
  public static func tensors() throws -> [String: Tensor] {
    let file = try SafetensorsFile(contentsOf: CheckpointFiles(at: folder).weights)
    return try Dictionary(uniqueKeysWithValues: file.names.map { ($0, try file.tensor($0)) })
  }

  public static func photo(_ path: String) -> URL { Embedded.openclipart.appending(path: "images/\(path)") }
}

extension Tensor {
  /// The largest difference from `reference`, as a share of its largest magnitude.
  public func relativeDifference(from reference: Tensor) throws -> Float {
    let largest = try reference.floats().map(abs).max() ?? 0
    return try largestDifference(from: reference) / largest
  }

  public var isFinite: Bool { get throws { try floats().allSatisfy(\.isFinite) } }
}
