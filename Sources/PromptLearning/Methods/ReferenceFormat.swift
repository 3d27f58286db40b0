/// The original's program, as far as its files and command lines are supported.
public struct ReferenceFormat: Sendable {
  /// The name of the trainer on the original's command line, such as `CoOp`.
  public let trainer: String
  /// The section of its configuration keys, such as `TRAINER.COOP`; `nil` for a trainer without keys.
  public let section: String?
  /// The keys of the section, in the original's order.
  public let keys: [Key]
  /// Tensors of its checkpoints that are not learned, and are ignored.
  let buffers: [String]
  /// Whether a checkpoint with these tensors is the method's; `nil` where it has none.
  let recognises: (@Sendable (Set<String>) -> Bool)?

  /// One key of the section.
  public struct Key: Sendable {
    /// The name without the section, such as `N_CTX`.
    public let name: String
    public let standard: Value
    /// The values that are accepted; `nil` accepts any of the default's type.
    public let choices: [String]?
    /// The setting here, in words.
    public let meaning: String

    public enum Value: Sendable { case integer(Int), number(Double), flag(Bool), text(String) }

    init(_ name: String, _ standard: Value, choices: [String]? = nil, _ meaning: String) {
      self.name = name
      self.standard = standard
      self.choices = choices
      self.meaning = meaning
    }
  }

  init(
    trainer: String, section: String? = nil, keys: [Key] = [], buffers: [String] = [],
    recognises: (@Sendable (Set<String>) -> Bool)? = nil
  ) {
    self.trainer = trainer
    self.section = section
    self.keys = keys
    self.buffers = buffers
    self.recognises = recognises
  }

  /// The embeddings of the training classes' tokens: the current classes' take their place, as in the reference.
  static let tokenBuffers = ["token_prefix", "token_suffix"]
}

extension ReferenceFormat.Key {
  static let contextLength = ReferenceFormat.Key(
    "N_CTX", .integer(16), "random context vectors, where CTX_INIT is empty")
  static let contextWords = ReferenceFormat.Key("CTX_INIT", .text(""), "the words that the context begins as")
  static let precision = ReferenceFormat.Key(
    "PREC", .text("fp16"), choices: ["fp16", "fp32", "amp"],
    "nothing: computing is in float32, with a warning where another is asked for")
}
