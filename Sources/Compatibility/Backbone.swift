import Foundation
import Runs

/// The checkpoint for `MODEL.BACKBONE.NAME`.
///
/// The reference downloads it; here `cocoop models download` does, when it is asked to. It is searched for in the folder of the environment variable
/// `COCOOP_MODELS`, and in the folder of the reference's own downloads, so that no option is needed on a machine on
/// which the reference runs.
package struct Backbone: Sendable {
  let name: String
  private let environment: [String: String]

  package init(_ name: String, environment: [String: String]) {
    self.name = name
    self.environment = environment
  }

  /// OpenAI's file names have `-` where names have `/` or `@`: `ViT-B-16.pt`.
  private var fileName: String { String(name.map { "/@".contains($0) ? "-" : $0 }) }

  /// The paths to search, in this order.
  var places: [String] {
    let own = environment["COCOOP_MODELS"].map { folder in
      ["", ".pt", ".safetensors", ".bin"].map { "\(folder.expandingHome)/\(fileName)\($0)" }
    }
    return (own ?? []) + ["~/.cache/clip/\(fileName).pt".expandingHome]
  }

  /// - Parameter model: a name or path that replaces the backbone's, if there is one.
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

  /// The paths for a message, with the four names of one folder shortened to `folder/ViT-B-16[.pt|.safetensors|.bin]`.
  private static func shortened(_ places: [String]) -> [String] {
    guard places.count > 1, let first = places.first, let last = places.last else { return places }
    return ["\(first)[.pt|.safetensors|.bin]", last]
  }
}
