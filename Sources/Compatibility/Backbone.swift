import Foundation
import Runs

/// The checkpoint that `MODEL.BACKBONE.NAME` stands for.
///
/// The reference downloads it; nothing is downloaded here. It is looked for in the folder that the environment's
/// `COCOOP_MODELS` names, and where the reference keeps its own downloads, so that nothing needs to be told on a machine
/// that the reference runs on.
package struct Backbone: Sendable {
  let name: String
  private let environment: [String: String]

  package init(_ name: String, environment: [String: String]) {
    self.name = name
    self.environment = environment
  }

  /// OpenAI's file names have `-` where names have `/` or `@`: `ViT-B-16.pt`.
  private var fileName: String { String(name.map { "/@".contains($0) ? "-" : $0 }) }

  /// Where to look, in this order.
  var places: [String] {
    let own = environment["COCOOP_MODELS"].map { folder in
      ["", ".pt", ".safetensors", ".bin"].map { "\(folder.expandingHome)/\(fileName)\($0)" }
    }
    return (own ?? []) + ["~/.cache/clip/\(fileName).pt".expandingHome]
  }

  /// - Parameter model: the name or path given in place of the backbone's, if there is one.
  /// - Throws: ``CompatibilityError/noModel(backbone:places:)``, `RunError`.
  package func source(model: String?) throws -> ModelSource {
    if let model { return try ModelSource(model) }
    if ModelSource.embedded.contains(name) { return try ModelSource(name) }
    guard !name.isEmpty else {
      throw CompatibilityError.missing(option: "--config-file", key: "MODEL.BACKBONE.NAME")
    }
    guard let place = places.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
      throw CompatibilityError.noModel(backbone: name, places: Self.shortened(places))
    }
    return try ModelSource(place)
  }

  /// `folder/ViT-B-16[.pt|.safetensors|.bin]` for the four names of one folder.
  private static func shortened(_ places: [String]) -> [String] {
    guard places.count > 1, let first = places.first, let last = places.last else { return places }
    return ["\(first)[.pt|.safetensors|.bin]", last]
  }
}
