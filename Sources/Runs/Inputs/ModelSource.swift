import CLIP
import Embedded
import Foundation
import NamedModels
import PromptLearning
import Support
import Torch

/// The checkpoint that a name or path on the command line refers to.
public struct ModelSource: Sendable {
  /// The models that ship with the package.
  public static let embedded = ["tiny-clip"]

  /// The folder or the file.
  public let location: URL

  /// - Parameter name: `tiny-clip`, a path for ``CLIPModel/init(weights:)``, or the name of a model that was downloaded:
  ///   `ViT-B/16`, `open_clip:NAME/TAG`, `hf-hub:ORG/REPO[@REVISION]`. Nothing is fetched here.
  /// - Throws: ``RunError/unknownModel(name:nearest:)``; `AcquisitionError` where the name is known, and the model isn't
  ///   on this machine.
  public init(_ name: String) throws {
    if name == "tiny-clip" {
      location = Embedded.tinyCLIP
    } else if (try? FileManager.default.attributesOfItem(atPath: name)) != nil {  // a link that leads nowhere too
      location = URL(filePath: name).standardizedFileURL
    } else {
      let store = try ModelStore.standard()
      guard let named = try ModelName(name, in: store.catalogue) else {
        let nearest = name.nearest(among: Self.embedded) ?? ModelName.nearest(to: name, in: store.catalogue)
        throw RunError.unknownModel(name: name, nearest: nearest)
      }
      location = try store.need(named).location
    }
  }

  /// The model that a text names, where it is neither embedded nor a path.
  public static func name(_ text: String, in catalogue: ModelCatalogue) throws -> ModelName? {
    guard !embedded.contains(text), !FileSystem.exists(text) else { return nil }
    return try ModelName(text, in: catalogue)
  }

  /// Checks that the configuration in a folder is of a model that loads, before its weights are fetched.
  public static func checkConfiguration(in folder: URL) throws {
    let openClip = folder.appending(path: "open_clip_config.json")
    if FileSystem.fileExists(openClip.path) {
      _ = try CLIPConfiguration(openCLIP: openClip)
    } else {
      _ = try CLIPConfiguration(huggingFace: folder)
    }
  }

  /// - Parameter device: where the model computes.
  /// - Throws: ``RunError/precision(reason:)`` where the device does not support the precision.
  public func load(precision: Precision = .float32, on device: Device = .cpu) throws -> CLIPModel {
    try CLIPModel(weights: location, precision: precision.checked(on: device), on: device)
  }

  /// The name and hash by which runs identify the checkpoint.
  ///
  /// - Parameter hashes: the SHA-256 of files that are known already, by their paths without links.
  public func identity(knowing hashes: [String: String] = [:]) throws -> ModelIdentity {
    let files = try CheckpointFiles(at: location)
    return ModelIdentity(name: files.name, sha256: try files.hash(knowing: hashes))
  }
}

extension Precision {
  /// This precision, if the device supports it.
  ///
  /// - Throws: ``RunError/precision(reason:)``.
  public func checked(on device: Device = .cpu) throws -> Precision {
    if let reason = problem(on: device) { throw RunError.precision(reason: reason) }
    return self
  }
}

extension CLIPModel {
  /// A notice about a checkpoint that does not state everything, in one line without its full stop; `nil` where all is
  /// stated.
  public var assumptionNotice: String? {
    guard !configuration.assumptions.isEmpty else { return nil }
    return "\(name) leaves something open (\(configuration.assumptions.joined(separator: "; ")))."
      + " Where the model was trained otherwise, give a folder whose open_clip_config.json says how;"
      + " 'cocoop models convert' writes one to start from"
  }

  /// A notice about tensors outside the model, in one line without its full stop; `nil` where there are none.
  public var passedOverNotice: String? {
    guard !passedOver.isEmpty else { return nil }
    let (listed, count) = (passedOver.grouped.prefix(5), passedOver.grouped.count)
    let more = count > listed.count ? " and \(count - listed.count) more" : ""
    let other = otherModels.first.map {
      ". 'cocoop models convert FILE FOLDER --prefix \($0)' takes the model under '\($0)' instead"
    }
    return "\(name) holds more than the model, which is passed over: \(listed.joined(separator: ", "))\(more)"
      + (other ?? "")
  }

  /// The notices about the checkpoint, each in one line without its full stop.
  public var notices: [String] { [assumptionNotice, passedOverNotice].compactMap { $0 } }
}

extension [String] {
  /// The names of tensors grouped by their beginnings: "optimizer (12 tensors)", "best_acc1".
  fileprivate var grouped: [String] {
    let groups = Dictionary(grouping: self) { $0.prefix { $0 != "." } }
    return groups.sorted { $0.key < $1.key }.map { first, names in
      names.count == 1 ? names[0] : "\(first) (\(names.count) tensors)"
    }
  }
}
