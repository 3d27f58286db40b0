import Acquisition
import Foundation
import NamedModels
import Runs
import Support

/// The result of `models list`: what ships with the package, what is on this machine, and what has a name.
struct ModelListing {
  let models: [Entry]

  /// One model.
  struct Entry: Encodable {
    let name: String
    /// Where it is: embedded, cached or known.
    let state: State
    let bytes: Int
    let licence: String?
    /// Whether it loads; for a model that isn't here, whether models of its kind do.
    let loads: Bool
    /// The reason why it doesn't.
    let refusal: String?
    /// The checkpoint on this machine.
    let location: String?
    /// The architecture and the parameters, of an embedded model.
    let imageTower: String?
    let parameters: Int?
  }

  enum State: String, Encodable { case embedded, cached, known }

  init(_ store: ModelStore, isLocal: Bool) throws {
    let embedded = try ModelSource.embedded.map { name in
      let source = try ModelSource(name)
      let report = try ModelReport(of: source)
      let weights = source.location.appending(path: report.weights).path
      let size = try? FileManager.default.attributesOfItem(atPath: weights)[.size] as? Int
      return Entry(
        name: name, state: .embedded, bytes: size ?? 0, licence: "MIT", loads: report.loads, refusal: report.refusal,
        location: nil, imageTower: report.imageTower,
        parameters: report.parameters)
    }
    let here = try store.all().map { stored in
      let refusal = Self.refusal(of: stored)
      return Entry(
        name: stored.name.text, state: .cached, bytes: stored.bytes, licence: Self.licence(of: stored.name),
        loads: refusal == nil, refusal: refusal, location: stored.location.path, imageTower: nil, parameters: nil)
    }
    let names = Set(here.map(\.name))
    let openAI = store.catalogue.openAI.map {
      Entry(
        name: $0.name, state: .known, bytes: $0.size, licence: "MIT", loads: true, refusal: nil, location: nil,
        imageTower: nil, parameters: nil)
    }
    let openClip = store.catalogue.openClip.map {
      Entry(
        name: $0.name, state: .known, bytes: $0.size, licence: $0.licence, loads: $0.unsupported == nil,
        refusal: $0.unsupported, location: nil, imageTower: nil, parameters: nil)
    }
    models = embedded + here + (isLocal ? [] : (openAI + openClip).filter { !names.contains($0.name) })
  }

  private static func licence(of name: ModelName) -> String? {
    switch name {
    case .openAI: "MIT"
    case .openClip(let row): row.licence
    case .hub: nil
    }
  }

  /// Why the configuration of a model on this machine isn't one that loads. The weights aren't read: they may be large.
  private static func refusal(of stored: StoredModel) -> String? {
    guard FileSystem.folderExists(stored.location.path) else { return nil }
    do {
      try ModelSource.checkConfiguration(in: stored.location)
      return nil
    } catch let error as any UserFacingError {
      return error.problem
    } catch {
      return "\(error)"
    }
  }

  /// One line for each model that loads or is here; the others are counted.
  var text: String {
    let shown = models.filter { $0.loads || $0.state != .known }
    let width = shown.filter { $0.state != .embedded }.map(\.name.count).max() ?? 0
    var lines = shown.map { model -> String in
      if let parameters = model.parameters {
        return "\(model.name)  \(model.imageTower ?? "unknown"), \(parameters) parameters, embedded"
      }
      let state = model.refusal.map { "\(model.state.rawValue), does not load: \($0)" } ?? model.state.rawValue
      let name = model.name.padding(toLength: max(width, model.name.count), withPad: " ", startingAt: 0)
      return "\(name)  \(ByteCount(model.bytes)), \(model.licence ?? "licence not stated"), \(state)"
    }
    let refused = models.count - shown.count
    if refused > 0 { lines.append("\(refused) more of open_clip's cannot be used here: --json has the reasons") }
    return lines.joined(separator: "\n")
  }
}
