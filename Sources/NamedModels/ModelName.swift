import Support

/// A model by its name: `ViT-B/16`, `open_clip:NAME/TAG` or `hf-hub:ORG/REPO[@REVISION]`.
public enum ModelName: Sendable, Equatable {
  case openAI(ModelCatalogue.OpenAIModel)
  case openClip(ModelCatalogue.OpenClipModel)
  case hub(HubRepository)

  static let openClipPrefix = "open_clip:"
  static let hubPrefix = "hf-hub:"

  /// - Returns: `nil` for a text that isn't meant as one of these names.
  /// - Throws: ``AcquisitionError`` of kind `unknownName` or `unsupported`.
  public init?(_ text: String, in catalogue: ModelCatalogue) throws {
    if let model = catalogue.openAI.first(where: { $0.name == text }) {
      self = .openAI(model)
    } else if text.hasPrefix(Self.openClipPrefix) {
      self = .openClip(try Self.row(text, in: catalogue))
    } else if text.hasPrefix(Self.hubPrefix) {
      let repository = try HubRepository(text.dropFirst(Self.hubPrefix.count))
      if let because = catalogue.about(repository: repository.id).unsupported {
        throw Self.unsupported(text, because: because)
      }
      self = .hub(repository)
    } else {
      return nil
    }
  }

  /// The name as it is written in full.
  public var text: String {
    switch self {
    case .openAI(let model): model.name
    case .openClip(let row): row.name
    case .hub(let repository): Self.hubPrefix + repository.text
    }
  }

  /// The known name that a text is probably meant as.
  public static func nearest(to text: String, in catalogue: ModelCatalogue) -> String? {
    if let same = catalogue.openAI.first(where: { plain($0.name) == plain(text) }) { return same.name }
    return text.nearest(among: catalogue.names)
  }

  /// A name without what people write differently: "vit-b-16" for "ViT-B/16".
  private static func plain(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }

  private static func row(_ text: String, in catalogue: ModelCatalogue) throws -> ModelCatalogue.OpenClipModel {
    let rest = text.dropFirst(openClipPrefix.count)
    guard let slash = rest.lastIndex(of: "/"), slash != rest.startIndex, rest.index(after: slash) != rest.endIndex
    else {
      throw AcquisitionError(
        .unknownName, "'\(text)' is no name of open_clip's: it has the form open_clip:NAME/TAG",
        remedy: "Give for example open_clip:ViT-B-16/laion2b_s34b_b88k")
    }
    // As open_clip reads them.
    let model = rest[..<slash].replacing("/", with: "-")
    let tag = rest[rest.index(after: slash)...].lowercased().replacing("-", with: "_")
    if let row = catalogue.openClip.first(where: { $0.model == model && $0.tag == tag }) {
      if let because = row.unsupported { throw unsupported(text, because: because) }
      return row
    }
    let own = catalogue.openClip.filter { $0.model == model && $0.unsupported == nil }
    if own.isEmpty, let other = catalogue.openClip.first(where: { $0.model == model && $0.unsupported != nil }) {
      throw unsupported(text, because: other.unsupported ?? "")
    }
    let nearest = "\(openClipPrefix)\(model)/\(tag)".nearest(among: own.isEmpty ? catalogue.names : own.map(\.name))
    let tags = own.map(\.tag)
    throw AcquisitionError(
      .unknownName,
      own.isEmpty ? "open_clip has no model '\(model)'" : "open_clip has no '\(tag)' of \(model)",
      remedy: nearest.map { "Did you mean '\($0)'?" }
        ?? (tags.isEmpty
          ? "'cocoop models list' names them" : "Its tags are \(tags.joined(separator: ", "))"))
  }

  static func unsupported(_ name: String, because: String) -> AcquisitionError {
    AcquisitionError(
      .unsupported, "\(name) is a model that cannot be used here (\(because)), so nothing is fetched",
      remedy: "'cocoop models list' names those that can")
  }
}

/// A repository on the Hugging Face Hub, at one revision.
public struct HubRepository: Sendable, Equatable {
  /// The organisation and the name: `laion/CLIP-ViT-B-16-laion2B-s34B-b88K`.
  public let id: String
  /// A branch, a tag, or a commit.
  public let revision: String

  static let mainBranch = "main"

  package init(id: String, revision: String = mainBranch) { (self.id, self.revision) = (id, revision) }

  /// - Parameter text: `ORG/REPO`, or `ORG/REPO@REVISION`.
  init(_ text: Substring) throws {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let id = String(parts[0])
    let revision = parts.count > 1 ? String(parts[1]) : Self.mainBranch
    guard id.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)?/) != nil,
      !id.contains("--"), !id.contains(".."), id.count <= 96
    else {
      throw AcquisitionError(
        .unknownName,
        "'hf-hub:\(text)' names no repository: it has the form hf-hub:ORG/REPO or hf-hub:ORG/REPO@REVISION",
        remedy: "Give for example hf-hub:laion/CLIP-ViT-B-16-laion2B-s34B-b88K")
    }
    guard revision.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._\/-]*/) != nil, !revision.contains("..") else {
      throw AcquisitionError(
        .unknownName, "'hf-hub:\(text)' names no revision after the @", remedy: "Give a branch, a tag or a commit")
    }
    self.init(id: id, revision: revision)
  }

  var text: String { revision == Self.mainBranch ? id : "\(id)@\(revision)" }
  /// The name without the organisation.
  var shortName: String { String(id.split(separator: "/").last ?? "") }
  package var isCommit: Bool { revision.isCommit }
  /// The repository's folder in the shared cache.
  var folderName: String { "models--" + id.replacing("/", with: "--") }
}

extension String {
  /// Whether the text is a commit's full name.
  package var isCommit: Bool { count == 40 && isHexadecimal }
  package var isHexadecimal: Bool { !isEmpty && utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) } }
}
