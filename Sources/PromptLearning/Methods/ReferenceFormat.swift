/// The original's program, as far as its files and command lines are supported.
public struct ReferenceFormat: Sendable {
  /// The name of the trainer on the original's command line, such as `CoOp`.
  public let trainer: String
  /// The section of its configuration keys, such as `TRAINER.COOP`; `nil` for a trainer without keys.
  public let section: String?
  /// The keys of the section, in the original's order.
  public let keys: [Key]
  /// Keys outside the section, by their whole names, that the original's program has in addition to those of CoOp's.
  /// `nil` where the method is in CoOp's own program.
  public let ownKeys: [Key]?
  /// How its program makes the views of training.
  public let views: Views
  /// What its program sets on a dataset, by the keys' whole names, whatever it is given.
  public let overrides: (@Sendable (_ dataset: String) -> [(key: String, value: Key.Value)])?
  /// What its program sets on a dataset before it takes what the command line gives.
  public let datasetDefaults: (@Sendable (_ dataset: String) -> [(key: String, value: Key.Value)])?
  /// The epochs on a dataset that the original's program takes whatever it is given; `nil` where it takes what is given.
  public let epochs: (@Sendable (_ dataset: String) -> Int?)?
  /// The file of sentences about a dataset's classes that its program reads, from the folder that it is started in.
  public let sentenceFile: (@Sendable (_ dataset: String) -> String?)?
  /// Makes options of the method from other keys of the section, by their whole names.
  public let derived: (@Sendable (_ keys: Settings) -> [String: Double])?
  /// Whether its program loads the best checkpoint or else the last one where no epoch is asked for.
  public let loadsLast: Bool
  /// The key of blocks, counted from 1, that have tokens: consecutive ones up to the last.
  public let layersKey: String?
  /// The decimals of percentages in its log.
  public let decimals: Int
  /// Tensors of its checkpoints that nothing is learned in: they are passed over.
  let buffers: [String]
  /// Whether a checkpoint with tensors of these shapes, by name, is the method's; `nil` where it keeps none.
  let recognises: (@Sendable ([String: [Int]]) -> Bool)?
  /// How the learned tensors are named in checkpoints of the whole model; `nil` where they hold those tensors alone.
  let wholeModel: WholeModel?

  /// How its cache of few-shot features is kept; `nil` for a method without one.
  let cache: CacheFiles.Format?

  /// A checkpoint of both towers with what is learned between their weights.
  struct WholeModel: Sendable {
    /// The folder in the output of a training.
    let folder: String
    /// The file's names of tensors, by ours.
    let names: [String: String]
    /// Our tensors that a file holds in pieces, one for each block.
    let stacks: [Stack]
    /// Says what is wrong with numbers of pieces that differ; `nil` where each stack has a number of its own.
    var uneven: (@Sendable (_ first: Int, _ other: Int) -> String)?

    struct Stack: Sendable {
      let name, prefix, suffix: String
      /// The number of the first piece.
      let first: Int
      /// The tensor whose shape each piece has, by our name; `nil` where it is that of the first piece.
      let pattern: String?

      init(_ name: String, _ prefix: String, _ suffix: String, first: Int, like pattern: String? = nil) {
        (self.name, self.prefix, self.suffix, self.first) = (name, prefix, suffix, first)
        self.pattern = pattern
      }

      /// The number in the name of a piece; `nil` for another tensor.
      func number(in tensor: String) -> Int? {
        guard tensor.hasPrefix(prefix), tensor.hasSuffix(suffix), tensor.count > prefix.count + suffix.count else {
          return nil
        }
        return Int(tensor.dropFirst(prefix.count).dropLast(suffix.count))
      }
    }

    /// Whether a tensor is of the frozen towers or of the training's class names, and passed over.
    func isPassedOver(_ name: String) -> Bool {
      let frozen = [
        "image_encoder.", "text_encoder.", "prompt_learner.ZS_image_encoder.", "prompt_learner.token_",
        "model_distill.",
      ]
      return name == "logit_scale" || name == ReferenceFormat.promptBuffer || frozen.contains { name.hasPrefix($0) }
    }
  }

  /// The values of a configuration.
  public struct Settings {
    let text: (_ key: String) -> String

    package init(text: @escaping (_ key: String) -> String) { self.text = text }
  }

  /// How a program makes the views of training.
  public enum Views: Sendable, Equatable {
    /// One crop of any area from 8 % on, and perhaps its mirror image.
    case crop
    /// One crop of areas that a configuration chooses, and perhaps its mirror image.
    case chosenCrop
    /// Two squashed photos after RandAugment.
    case twoRandAugment
  }

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
    /// The learned tensor whose length is the key's value, which is at least 1; of a list, its count.
    public let length: Length?
    /// Whether an evaluation depends on it too.
    public let isOfEveryRun: Bool

    public enum Value: Sendable { case integer(Int), number(Double), flag(Bool), text(String), integers([Int]) }

    /// A length of a learned tensor, by the tensor's name.
    public enum Length: Sendable, Equatable {
      /// M of `[M, D]` or `[C, M, D]`.
      case vectors(String)
      /// J of `[J − 1, …]`, the blocks of a tower that have prompts of their own.
      case blocks(String)
      /// J of `[J, …]`, the upper blocks of a tower that have tokens.
      case layers(String)
      /// d of `[…, d]`.
      case width(String)

      /// The length in tensors of these shapes, by name; `nil` where the tensor is missing.
      public func found(in shapes: (String) -> [Int]?) -> Int? {
        switch self {
        case .vectors(let name): shapes(name).flatMap { $0.count >= 2 ? $0[$0.count - 2] : nil }
        case .blocks(let name): shapes(name).flatMap { $0.first.map { $0 + 1 } }
        case .layers(let name): shapes(name).flatMap(\.first)
        case .width(let name): shapes(name).flatMap(\.last)
        }
      }
    }

    init(
      _ name: String, _ standard: Value, choices: [String]? = nil, option: String? = nil, isFixed: Bool = false,
      length: Length? = nil, isOfEveryRun: Bool = false, _ meaning: String
    ) {
      self.isOfEveryRun = isOfEveryRun
      self.name = name
      self.standard = standard
      self.choices = choices
      self.meaning = meaning
      self.option = option
      self.isFixed = isFixed
      self.length = length
    }
  }

  init(
    trainer: String, section: String? = nil, keys: [Key] = [], ownKeys: [Key]? = nil,
    epochs: (@Sendable (String) -> Int?)? = nil, decimals: Int = 1, buffers: [String] = [],
    recognises: (@Sendable ([String: [Int]]) -> Bool)? = nil, wholeModel: WholeModel? = nil,
    views: Views = .crop,
    overrides: (@Sendable (String) -> [(key: String, value: Key.Value)])? = nil,
    datasetDefaults: (@Sendable (String) -> [(key: String, value: Key.Value)])? = nil,
    derived: (@Sendable (Settings) -> [String: Double])? = nil, loadsLast: Bool = false, layersKey: String? = nil,
    sentenceFile: (@Sendable (String) -> String?)? = nil,
    cache: CacheFiles.Format? = nil
  ) {
    self.wholeModel = wholeModel
    self.cache = cache
    self.views = views
    self.overrides = overrides
    self.datasetDefaults = datasetDefaults
    self.derived = derived
    self.loadsLast = loadsLast
    self.layersKey = layersKey
    self.sentenceFile = sentenceFile
    self.trainer = trainer
    self.section = section
    self.keys = keys
    self.ownKeys = ownKeys
    self.epochs = epochs
    self.decimals = decimals
    self.buffers = buffers
    self.recognises = recognises
  }

  /// The folder of prompts in the output folder of a training.
  public var folderName: String { wholeModel?.folder ?? ReferencePrompts.folderName }
  /// Whether its checkpoints hold both towers, with what is learned between their weights.
  public var keepsTowers: Bool { wholeModel != nil }
  /// The key of the number of contexts, whose whole name begins with the section.
  public var contextLengthKey: Key? { keys.first { $0.length == .vectors("ctx") } }

  /// The embeddings of the training classes' tokens: the current classes' take their place, as in the reference.
  static let tokenBuffers = ["token_prefix", "token_suffix"]
  /// The embeddings of the training classes' whole prompts, in files of MMRL's.
  static let promptBuffer = "prompt_embeddings"
  /// Tensors that files of CoOp's contexts alone do not have.
  static let networks: Set = ["bias_vectors", "meta_net.linear1.weight"]
  @Sendable static func holdsContextsAlone(_ shapes: [String: [Int]]) -> Bool {
    shapes["ctx"] != nil && networks.isDisjoint(with: shapes.keys) && shapes["VPT"] == nil
      && shapes["proj.weight"] == nil
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
    "N_CTX", .integer(16), length: .vectors("ctx"), "random context vectors, where CTX_INIT is empty")
  static let isFromWords = ReferenceFormat.Key(
    "CTX_INIT", .flag(false), "whether the context begins as words of the method's own")
  static let sharedContexts = ReferenceFormat.Key("CSC", .flag(false), isFixed: true, "contexts that all classes share")
  static let nameAtTheEnd = ReferenceFormat.Key(
    "CLASS_TOKEN_POSITION", .text("end"), choices: ["end"], "where the class name stands")
  static let contextWords = ReferenceFormat.Key("CTX_INIT", .text(""), "the words that the context begins as")
  static let deepContextWords = ReferenceFormat.Key(
    "CTX_INIT", .text("a photo of a"), "the words whose first tokens up to four contexts begin as; more are random")
  static let precision = ReferenceFormat.Key(
    "PREC", .text("fp16"), choices: ["fp16", "fp32", "amp"],
    "nothing: computing is in float32, with a warning where another is asked for")
}
