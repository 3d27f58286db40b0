import Torch

/// The tensors of a checkpoint by open_clip's names, whatever their names and prefix in the file.
///
/// A file may hold more than the model: counters, random states, metrics, averages, queues, heads, optimisers. Tensors
/// outside the modules of a CLIP are ignored; within them loading is strict.
public struct CheckpointTensors: TensorFile {
  /// The library whose names the file uses.
  public enum Spelling: String, Sendable, CaseIterable {
    /// open_clip's names, which are also OpenAI's.
    case openCLIP = "open_clip"
    /// open_clip's names where the text tower is a separate module.
    case customText = "open_clip, custom_text"
    case huggingFace = "Hugging Face"
  }

  public let spelling: Spelling
  /// The prefix of each name of the model, such as `state_dict.module.`.
  public let prefix: String
  /// Tensors that are not weights, by the file's names: positions, counters, sizes.
  public let bookkeeping: [String]
  /// Tensors outside the model, by the file's names.
  public let passedOver: [String]
  /// Tensors in the modules of a CLIP that no CLIP with this spelling has, by the file's names.
  public let unexpected: [String]
  /// The prefixes of further whole models in the file, whose tensors are among ``passedOver``.
  public let otherModels: [String]

  let file: any TensorFile
  private let origins: [String: Origin]

  /// The origin of a tensor: one tensor of the file, or several whose rows follow one another.
  private struct Origin {
    var names: [String]
    var isTransposed = false
  }

  /// - Parameter prefix: the prefix of the wanted model, where the file holds several; with or without its last point.
  ///   A part that only one prefix has is enough.
  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where the tensors are of several models and no prefix is given, or
  ///   where there is no model with this prefix.
  public init(_ file: any TensorFile, prefix: String? = nil) throws {
    self.file = file
    let search = ModelSearch(file.names)
    let model = try search.model(under: prefix, path: file.path)
    self.prefix = model?.prefix ?? ""
    spelling = model?.spelling ?? .openCLIP
    otherModels = search.whole.filter { $0 != model }.map(\.prefix).sorted()
    var (origins, unexpected, bookkeeping, passedOver) = ([String: Origin](), [String](), [String](), [String]())
    let rawNames = search.rawNames
    for name in rawNames.keys.sorted() {
      let raw = rawNames[name] ?? name
      guard name.hasPrefix(self.prefix) else {
        passedOver.append(raw)
        continue
      }
      let own = String(name.dropFirst(self.prefix.count))
      if Self.isBookkeeping(own) {
        bookkeeping.append(raw)
      } else if model != nil, !spelling.hasModule(of: own) {
        passedOver.append(raw)
      } else if let (openCLIP, origin) = Self.origin(of: own, raw, spelling, prefix: self.prefix, among: rawNames) {
        origins[openCLIP] = origin
      } else {
        unexpected.append(raw)
      }
    }
    unexpected += search.duplicates
    (self.origins, self.unexpected, self.bookkeeping) = (origins, unexpected, bookkeeping)
    self.passedOver = passedOver
  }

  private static func origin(
    of name: String, _ raw: String, _ spelling: Spelling, prefix: String, among rawNames: [String: String]
  ) -> (openCLIP: String, Origin)? {
    switch spelling {
    case .openCLIP: return (name, Origin(names: [raw]))
    case .customText: return ("\(name.hasPrefix("text.") ? name.dropFirst(5) : name[...])", Origin(names: [raw]))
    case .huggingFace:
      guard let spelling = TensorNaming.of(huggingFace: name) else { return nil }
      let names = spelling.huggingFace.compactMap { rawNames[prefix + $0] }
      guard names.count == spelling.huggingFace.count else { return nil }
      return (spelling.openCLIP, Origin(names: names, isTransposed: spelling.isTransposed))
    }
  }

  // MARK: Reading

  public var path: String { file.path }
  public var metadata: [String: String] { file.metadata }

  /// open_clip's names, sorted.
  public var names: [String] { origins.keys.sorted() }

  public func shape(of name: String) -> [Int]? {
    guard let origin = origins[name] else { return nil }
    let shapes = origin.names.compactMap(file.shape)
    guard shapes.count == origin.names.count, let first = shapes.first else { return nil }
    // A number may be an array of one element, as PyTorch and open_clip accept it.
    if name == "logit_scale", first.allSatisfy({ $0 == 1 }) { return [] }
    if origin.isTransposed { return first.reversed() }
    guard shapes.count > 1 else { return first }
    // Parts that don't agree are reported with the first one's shape, which no layer accepts.
    guard !first.isEmpty, shapes.allSatisfy({ $0 == first }) else { return first }
    return [first[0] * shapes.count] + first.dropFirst()
  }

  public func kind(of name: String) -> Tensor.Kind? { origins[name]?.names.first.flatMap(file.kind) }

  /// The element type in the file's words; of several parts, the first that is not a float type.
  public func elementType(of name: String) -> String? {
    let types = origins[name]?.names.compactMap(file.elementType) ?? []
    return types.first { Tensor.Kind(rawValue: $0)?.isFloat != true } ?? types.first
  }

  public func tensor(_ name: String) throws -> Tensor {
    guard let origin = origins[name] else { return try file.tensor(name) }
    let parts = try origin.names.map(file.tensor)
    let whole = parts.count == 1 ? parts[0] : try Tensor.concatenated(parts, axis: 0)
    if shape(of: name) == [], whole.shape != [] { return try whole.reshaped([]) }
    guard origin.isTransposed, whole.shape.count == 2 else { return whole }
    // A copy, not a view: the rounding of products depends on the memory layout of a matrix.
    return try Tensor.concatenated([whole.transposed()], axis: 0)
  }

  /// The file's name for a tensor, for messages; where there are several, the first that is missing.
  public func spelled(_ name: String) -> String {
    if let origin = origins[name] { return origin.names[0] }
    switch spelling {
    case .openCLIP: return prefix + name
    case .customText:
      let belongsToText = !name.hasPrefix("visual.") && name != "logit_scale"
      return prefix + (belongsToText ? "text." : "") + name
    case .huggingFace:
      let names = TensorNaming.of(openCLIP: name)?.huggingFace.map { prefix + $0 } ?? [prefix + name]
      return names.first { file.shape(of: $0) == nil } ?? names[0]
    }
  }

  // MARK: What is no weight

  /// Whether a tensor only counts, numbers positions, or repeats a size.
  ///
  /// - Parameter name: the name without the model's prefix.
  private static func isBookkeeping(_ name: String) -> Bool {
    sizes.contains(name) || counters.contains { name == $0 || name.hasSuffix(".\($0)") }
  }

  /// The sizes that OpenAI's archives repeat.
  private static let sizes: Set = ["input_resolution", "context_length", "vocab_size"]
  private static let counters = [
    "num_batches_tracked",  // BatchNorm's, which only training reads
    "position_ids",  // 0, 1, 2, …, in transformers before 4.31
    "attn_mask",  // the causal mask, in old archives of open_clip
  ]
}

extension CheckpointTensors.Spelling {
  /// Whether a tensor is in a module that a CLIP with this spelling has, or in one that makes it another model.
  ///
  /// - Parameter name: the name without the model's prefix.
  func hasModule(of name: String) -> Bool {
    let module = String(name.prefix { $0 != "." })
    // Modules of SigLIP and CoCa: such a model is not a CLIP with extra tensors.
    return modules.contains(module) || module == "logit_bias" || module == "text_decoder"
  }

  private var modules: Set<String> {
    switch self {
    case .openCLIP: Self.openCLIPModules
    case .customText: ["visual", "text", "logit_scale"]
    case .huggingFace: Self.huggingFaceModules
    }
  }

  private static let openCLIPModules: Set = [
    "visual", "transformer", "token_embedding", "positional_embedding", "ln_final", "text_projection", "logit_scale",
  ]
  private static let huggingFaceModules: Set = [
    "text_model", "vision_model", "text_projection", "visual_projection", "logit_scale", "visual",
  ]
}

extension Tensor.Kind {
  /// Whether elements are floating-point numbers.
  var isFloat: Bool { self != .int64 }
}
