/// The original's program, as far as its files and command lines are supported.
public struct ReferenceFormat: Sendable {
  /// The name of the trainer on the original's command line, such as `CoOp`.
  public let trainer: String
  /// The section of its configuration keys, such as `TRAINER.COOP`; `nil` for a trainer without keys.
  public let section: String?
  /// The keys of the section, in the original's order.
  public let keys: [Key]
  /// Keys outside the section, by their whole names, that the original's program has beside those of CoOp's. `nil` where
  /// the method is in CoOp's own program.
  public let ownKeys: [Key]?
  /// The epochs on a dataset that the original's program takes whatever it is given; `nil` where it takes what is given.
  public let epochs: (@Sendable (_ dataset: String) -> Int?)?
  /// Tensors of its checkpoints that nothing is learned in: they are passed over.
  let buffers: [String]
  /// Whether a checkpoint with tensors of these shapes, by name, is the method's; `nil` where it keeps none.
  let recognises: (@Sendable ([String: [Int]]) -> Bool)?

  /// One key of the section.
  public struct Key: Sendable {
    /// The name without the section, such as `N_CTX`.
    public let name: String
    public let standard: Value
    /// The values that are accepted; `nil` accepts any of the default's type.
    public let choices: [String]?
    /// The setting here, in words.
    public let meaning: String
    /// The option of the method whose value it is.
    public let option: String?
    /// Whether the standard value alone is taken.
    public let isFixed: Bool

    public enum Value: Sendable { case integer(Int), number(Double), flag(Bool), text(String) }

    init(
      _ name: String, _ standard: Value, choices: [String]? = nil, option: String? = nil, isFixed: Bool = false,
      _ meaning: String
    ) {
      self.name = name
      self.standard = standard
      self.choices = choices
      self.meaning = meaning
      self.option = option
      self.isFixed = isFixed
    }
  }

  init(
    trainer: String, section: String? = nil, keys: [Key] = [], ownKeys: [Key]? = nil,
    epochs: (@Sendable (String) -> Int?)? = nil, buffers: [String] = [],
    recognises: (@Sendable ([String: [Int]]) -> Bool)? = nil
  ) {
    self.trainer = trainer
    self.section = section
    self.keys = keys
    self.ownKeys = ownKeys
    self.epochs = epochs
    self.buffers = buffers
    self.recognises = recognises
  }

  /// The embeddings of the training classes' tokens: the current classes' take their place, as in the reference.
  static let tokenBuffers = ["token_prefix", "token_suffix"]
  /// Tensors that files of CoOp's contexts alone do not have.
  static let networks: Set = ["bias_vectors", "meta_net.linear1.weight"]
  @Sendable static func holdsContextsAlone(_ shapes: [String: [Int]]) -> Bool {
    shapes["ctx"] != nil && networks.isDisjoint(with: shapes.keys)
  }
  /// Keys of a program that grew out of ProGrad's.
  static let unreadLosses = [
    Key("LOSS.NAME", .text(""), "nothing: the loss is the method's"), Key("LOSS.T", .number(1), unread),
    Key("LOSS.LAMBDA", .number(1), unread), Key("LOSS.GM", .flag(false), unread),
    Key("LOSS.ALPHA", .number(0), unread),
  ]
  static let unread = "nothing: the original never reads it"
}

extension ReferenceFormat.Key {
  static let contextLength = ReferenceFormat.Key(
    "N_CTX", .integer(16), "random context vectors, where CTX_INIT is empty")
  static let isFromWords = ReferenceFormat.Key(
    "CTX_INIT", .flag(false), "whether the context begins as words of the method's own")
  static let sharedContexts = ReferenceFormat.Key("CSC", .flag(false), isFixed: true, "contexts that all classes share")
  static let nameAtTheEnd = ReferenceFormat.Key(
    "CLASS_TOKEN_POSITION", .text("end"), choices: ["end"], "where the class name stands")
  static let contextWords = ReferenceFormat.Key("CTX_INIT", .text(""), "the words that the context begins as")
  static let precision = ReferenceFormat.Key(
    "PREC", .text("fp16"), choices: ["fp16", "fp32", "amp"],
    "nothing: computing is in float32, with a warning where another is asked for")
}
