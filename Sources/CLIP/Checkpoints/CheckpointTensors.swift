import Torch

/// The tensors of a checkpoint by open_clip's names, however its file spells them and wherever in it they lie.
public struct CheckpointTensors: TensorFile {
  /// Whose names the file uses.
  public enum Spelling: String, Sendable, CaseIterable {
    /// OpenAI's too.
    case openCLIP = "open_clip"
    /// open_clip's where the text tower is a module of its own.
    case customText = "open_clip, custom_text"
    case huggingFace = "Hugging Face"
  }

  public let spelling: Spelling
  /// What stands before each name of the model, such as `state_dict.module.`.
  public let prefix: String
  /// Tensors that are no weights, by the file's names: positions, counters, sizes.
  public let bookkeeping: [String]
  /// What training left beside the model, by the file's names.
  public let beside: [String]
  /// Tensors that no CLIP of this spelling has, by the file's names.
  public let strays: [String]

  private let file: any TensorFile
  private let origins: [String: Origin]

  /// Where a tensor comes from: one of the file, or several whose rows follow one another.
  private struct Origin {
    var names: [String]
    var isTransposed = false
  }

  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where the tensors are of several models.
  public init(_ file: any TensorFile) throws {
    let names = file.names
    self.file = file
    (prefix, spelling) = try ModelPrefix.find(in: names, path: file.path)
    var (origins, strays, bookkeeping, beside): ([String: Origin], [String], [String], [String]) = ([:], [], [], [])
    let all = Set(names)
    for name in names {
      guard name.hasPrefix(prefix) else {
        if ModelPrefix.isBeside(name, prefix: prefix) { beside.append(name) } else { strays.append(name) }
        continue
      }
      let own = String(name.dropFirst(prefix.count))
      if Bookkeeping.includes(own) {
        bookkeeping.append(name)
      } else if let (openCLIP, origin) = Self.origin(of: own, spelling, prefix: prefix, among: all) {
        origins[openCLIP] = origin
      } else {
        strays.append(name)
      }
    }
    (self.origins, self.strays, self.bookkeeping, self.beside) = (origins, strays, bookkeeping, beside)
  }

  private static func origin(
    of name: String, _ spelling: Spelling, prefix: String, among all: Set<String>
  ) -> (openCLIP: String, Origin)? {
    switch spelling {
    case .openCLIP: return (name, Origin(names: [prefix + name]))
    case .customText:
      return ("\(name.hasPrefix("text.") ? name.dropFirst(5) : name[...])", Origin(names: [prefix + name]))
    case .huggingFace:
      guard let spelling = TensorSpelling.of(huggingFace: name) else { return nil }
      let names = spelling.huggingFace.map { prefix + $0 }
      guard names.allSatisfy(all.contains) else { return nil }
      return (spelling.openCLIP, Origin(names: names, isTransposed: spelling.isTransposed))
    }
  }

  // MARK: Reading

  public var path: String { file.path }

  /// open_clip's names, sorted.
  public var names: [String] { origins.keys.sorted() }

  public func shape(of name: String) -> [Int]? {
    guard let origin = origins[name] else { return nil }
    let shapes = origin.names.compactMap(file.shape)
    guard shapes.count == origin.names.count, let first = shapes.first else { return nil }
    if origin.isTransposed { return first.reversed() }
    guard shapes.count > 1 else { return first }
    // Parts that don't agree are shown as the first is, which is then of no use to any layer.
    guard !first.isEmpty, shapes.allSatisfy({ $0 == first }) else { return first }
    return [first[0] * shapes.count] + first.dropFirst()
  }

  public func kind(of name: String) -> Tensor.Kind? { origins[name]?.names.first.flatMap(file.kind) }

  public func tensor(_ name: String) throws -> Tensor {
    guard let origin = origins[name] else { return try file.tensor(name) }
    let parts = try origin.names.map(file.tensor)
    let whole = parts.count == 1 ? parts[0] : try Tensor.concatenated(parts, axis: 0)
    guard origin.isTransposed, whole.shape.count == 2 else { return whole }
    // A copy and no view: products round by the order in which a matrix lies.
    return try Tensor.concatenated([whole.transposed()], axis: 0)
  }

  /// The file's name for a tensor, as messages should give it; where it would have several, the first that is missing.
  public func spelled(_ name: String) -> String {
    if let origin = origins[name] { return origin.names[0] }
    switch spelling {
    case .openCLIP: return prefix + name
    case .customText:
      let belongsToText = !name.hasPrefix("visual.") && name != "logit_scale"
      return prefix + (belongsToText ? "text." : "") + name
    case .huggingFace:
      let names = TensorSpelling.of(openCLIP: name)?.huggingFace.map { prefix + $0 } ?? [prefix + name]
      return names.first { file.shape(of: $0) == nil } ?? names[0]
    }
  }
}
