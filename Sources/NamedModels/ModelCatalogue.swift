import Foundation
import Support

/// The models that are known by name: OpenAI's nine, and open_clip's table.
///
/// Compiled by `Scripts/record-model-catalogue` from public repositories, on the date of ``read``. None of the addresses
/// was asked then.
public struct ModelCatalogue: Sendable, Decodable {
  public let read: String
  package let standard: Preprocessing
  public let openAI: [OpenAIModel]
  public let openClip: [OpenClipModel]
  let repositories: [Repository]
  private let architectures: [JSONValue]

  /// The pixels that a model was trained on.
  package struct Preprocessing: Sendable, Decodable {
    package let mean, std: [Double]
    let interpolation, resizeMode: String
  }

  /// One of OpenAI's models, a file with a published hash.
  public struct OpenAIModel: Sendable, Decodable, Equatable {
    public let name, file, sha256: String
    public let bytes: Int?
    let approximateBytes: Int?
    package let addresses: [String]
    let otherForms: [String]

    public var size: Int { bytes ?? approximateBytes ?? 0 }
  }

  /// A row of open_clip's table: an architecture and what it was trained on.
  public struct OpenClipModel: Sendable, Decodable, Equatable {
    public let model, tag: String
    /// Why it can't be used here; `nil` where it can.
    public let unsupported: String?
    public let repository: String?
    /// The names of its weights in the repository, the best first.
    package let files: [String]?
    public let quickGELU: Bool?
    let approximateBytes: Int?
    public let licence: String?
    /// A file of weights alone, besides the repository.
    package let url: String?
    /// The hash of ``url``, or the digits that begin it.
    package let sha256: String?
    package let urlBytes: Int?
    let mean, std: [Double]?
    let interpolation, resizeMode: String?

    public var name: String { "open_clip:\(model)/\(tag)" }
    public var size: Int { approximateBytes ?? urlBytes ?? 0 }
    package static let quickSuffix = "-quickgelu"
    var architecture: String {
      model.hasSuffix(Self.quickSuffix) ? String(model.dropLast(Self.quickSuffix.count)) : model
    }
  }

  struct Repository: Sendable, Decodable {
    let name: String
    let licence: String?
    let approximateBytes: Int?
  }

  /// The catalogue that ships with the package.
  public static func standard() throws -> ModelCatalogue {
    guard let url = Bundle.module.url(forResource: "models", withExtension: "json") else {
      throw AcquisitionError(
        .other, "The package's catalogue of models is missing", remedy: "Install the package again")
    }
    do {
      return try JSONDecoder().decode(Self.self, from: Data(contentsOf: url))
    } catch {
      throw AcquisitionError(
        .other, "The package's catalogue of models, \(url.path), cannot be read: \(error)",
        remedy: "Install the package again")
    }
  }

  /// The names that can be downloaded.
  var names: [String] { openAI.map(\.name) + openClip.filter { $0.unsupported == nil }.map(\.name) }

  /// What is known of a repository on the Hub.
  package func about(repository: String) -> (unsupported: String?, licence: String?) {
    let rows = openClip.filter { $0.repository == repository }
    return (
      rows.lazy.compactMap(\.unsupported).first,
      rows.lazy.compactMap(\.licence).first ?? repositories.first { $0.name == repository }?.licence
    )
  }

  /// The configuration of a row in open_clip's form, `open_clip_config.json`.
  ///
  /// open_clip takes the architecture from the name, and the preprocessing from the tag. Whether the activation is
  /// QuickGELU follows from the tag too: a name without `-quickgelu` must not change it (open_clip#771).
  package func configuration(of row: OpenClipModel) throws -> Data {
    guard var model = architectures.lazy.compactMap(\.object).first(where: { $0["name"]?.string == row.architecture })
    else { throw AcquisitionError(.other, "The package's catalogue has no architecture \(row.architecture)") }
    model["name"] = nil
    if row.quickGELU == true { model["quick_gelu"] = true }
    let pixels: JSONValue = [
      "mean": .array((row.mean ?? standard.mean).map(JSONValue.number)),
      "std": .array((row.std ?? standard.std).map(JSONValue.number)),
      "interpolation": .string(row.interpolation ?? standard.interpolation),
      "resize_mode": .string(row.resizeMode ?? standard.resizeMode),
    ]
    return try JSONValue.object(["model_cfg": .object(model), "preprocess_cfg": pixels]).document()
  }
}
