import PromptLearning

/// One key of the reference's configuration, with its meaning there and its effect here.
///
/// The list contains every key of Dassl's `config/defaults.py` (commit c61a1b5) and of `extend_cfg` in CoOp's
/// `train.py` (commit ff61507), with their defaults. docs/compatibility.md shows the table.
public struct ConfigurationKey: Sendable {
  /// The key's name, such as `OPTIM.LR`.
  public let name: String
  public let standard: ConfigurationValue
  public let role: Role

  public enum Role: Sendable {
    /// Any value of the type is accepted; the text describes its effect.
    case sets(String)
    /// These values are accepted, and any other is an error where the run depends on the key.
    case choice([ConfigurationValue], Scope, String)
    /// The key changes nothing here; the text is the reason. Where it is given, a warning reports it.
    case ignored(String)
  }

  /// The runs that depend on a key.
  public enum Scope: Sendable, Equatable {
    case everyRun, training
    /// The runs of one trainer, by its name.
    case trainer(String)
  }

  init(_ name: String, _ standard: ConfigurationValue, _ role: Role) {
    self.name = name
    self.standard = standard
    self.role = role
  }

  /// Every key, in the order of the reference.
  public static let all = general + input + data + model + optimization + progress + trainers + otherTrainers
}

extension ConfigurationKey {
  static let general = [
    ConfigurationKey("VERSION", 1, .ignored("nothing reads it")),
    ConfigurationKey("OUTPUT_DIR", "./output", .sets("the folder of log.txt and prompt_learner/")),
    ConfigurationKey("RESUME", "", .sets("the folder of a training to go on from")),
    ConfigurationKey("SEED", -1, .sets("the seed of the sample and the training; below 0, one is drawn and printed")),
    ConfigurationKey("USE_CUDA", true, .ignored("the device is chosen with --device before --")),
    ConfigurationKey("VERBOSE", true, .ignored("the log always has the same lines")),
  ]

  static let progress = [
    ConfigurationKey("TRAIN.CHECKPOINT_FREQ", 0, .sets("epochs between files of prompts; 0 or less: the last alone")),
    ConfigurationKey("TRAIN.PRINT_FREQ", 10, .sets("steps between lines of the log")),
    ConfigurationKey("TRAIN.COUNT_ITER", "train_x", .ignored("there are no unlabelled images")),
    ConfigurationKey("TEST.EVALUATOR", "Classification", .choice(["Classification"], .everyRun, "accuracy and F1")),
    ConfigurationKey("TEST.PER_CLASS_RESULT", false, .sets("lines for each class in the log")),
    ConfigurationKey("TEST.COMPUTE_CMAT", false, .choice([false], .everyRun, "no confusion matrix")),
    ConfigurationKey("TEST.NO_TEST", false, .sets("whether testing is left out")),
    ConfigurationKey("TEST.SPLIT", "test", .choice(["test", "val"], .everyRun, "the images that are tested on")),
    ConfigurationKey(
      "TEST.FINAL_MODEL", "last_step",
      .choice(["last_step", "best_val"], .training, "which prompts are tested after training")),
  ]

  static let model = [
    ConfigurationKey("MODEL.INIT_WEIGHTS", "", .choice([""], .training, "no prompts to begin from")),
    ConfigurationKey("MODEL.BACKBONE.NAME", "", .sets("the checkpoint, found by this name")),
    ConfigurationKey("MODEL.BACKBONE.PRETRAINED", true, .ignored("CLIP is always pretrained")),
    ConfigurationKey("MODEL.HEAD.NAME", "", .ignored("CLIP has no head")),
    ConfigurationKey("MODEL.HEAD.HIDDEN_LAYERS", [], .ignored("CLIP has no head")),
    ConfigurationKey("MODEL.HEAD.ACTIVATION", "relu", .ignored("CLIP has no head")),
    ConfigurationKey("MODEL.HEAD.BN", true, .ignored("CLIP has no head")),
    ConfigurationKey("MODEL.HEAD.DROPOUT", 0.0, .ignored("CLIP has no head")),
  ]

  static let optimization = [
    ConfigurationKey("OPTIM.NAME", "adam", .choice(["sgd"], .training, "the optimiser")),
    ConfigurationKey("OPTIM.LR", 0.0003, .sets("the highest learning rate")),
    ConfigurationKey("OPTIM.WEIGHT_DECAY", 5e-4, .sets("SGD's weight decay")),
    ConfigurationKey("OPTIM.MOMENTUM", 0.9, .sets("SGD's momentum")),
    ConfigurationKey("OPTIM.SGD_DAMPNING", 0, .choice([0], .training, "SGD without dampening")),
    ConfigurationKey("OPTIM.SGD_NESTEROV", false, .choice([false], .training, "SGD's plain momentum")),
    ConfigurationKey("OPTIM.RMSPROP_ALPHA", 0.99, .ignored("it belongs to another optimiser")),
    ConfigurationKey("OPTIM.ADAM_BETA1", 0.9, .ignored("it belongs to another optimiser")),
    ConfigurationKey("OPTIM.ADAM_BETA2", 0.999, .ignored("it belongs to another optimiser")),
    ConfigurationKey("OPTIM.STAGED_LR", false, .choice([false], .training, "one rate for all parameters")),
    ConfigurationKey("OPTIM.NEW_LAYERS", [], .ignored("it belongs to OPTIM.STAGED_LR")),
    ConfigurationKey("OPTIM.BASE_LR_MULT", 0.1, .ignored("it belongs to OPTIM.STAGED_LR")),
    ConfigurationKey("OPTIM.LR_SCHEDULER", "single_step", .choice(["cosine"], .training, "how the rate falls")),
    ConfigurationKey("OPTIM.STEPSIZE", [-1], .ignored("it belongs to another schedule")),
    ConfigurationKey("OPTIM.GAMMA", 0.1, .ignored("it belongs to another schedule")),
    ConfigurationKey("OPTIM.MAX_EPOCH", 10, .sets("passes over the training images")),
    ConfigurationKey("OPTIM.WARMUP_EPOCH", -1, .sets("epochs of warm-up; 0 or less: none")),
    ConfigurationKey(
      "OPTIM.WARMUP_TYPE", "linear", .choice(["constant", "linear"], .training, "the form of the warm-up")),
    ConfigurationKey("OPTIM.WARMUP_CONS_LR", 1e-5, .sets("the rate of a constant warm-up")),
    ConfigurationKey("OPTIM.WARMUP_MIN_LR", 1e-5, .sets("the first rate of a linear warm-up")),
    ConfigurationKey("OPTIM.WARMUP_RECOUNT", true, .choice([true], .training, "the cosine begins after the warm-up")),
  ]
}

/// The keys of images: their preprocessing, the datasets, and the batches.
extension ConfigurationKey {
  private static let otherTransform = Role.ignored("it belongs to a transform that is not supported")
  private static let otherDataset = Role.ignored("it belongs to datasets of another field")
  private static let unlabelled = Role.ignored("there are no unlabelled images")

  static let input = [
    ConfigurationKey("INPUT.SIZE", [224, 224], .sets("nothing, but must be the checkpoint's input size")),
    ConfigurationKey(
      "INPUT.INTERPOLATION", "bilinear", .choice(["bicubic", "bilinear"], .everyRun, "how images are resized")),
    ConfigurationKey(
      "INPUT.TRANSFORMS", [],
      .choice(
        [["random_resized_crop", "random_flip", "normalize"]], .everyRun, "the views of training, in any order")),
    ConfigurationKey("INPUT.NO_TRANSFORM", false, .choice([false], .everyRun, "images are prepared")),
    ConfigurationKey(
      "INPUT.PIXEL_MEAN", [0.485, 0.456, 0.406],
      .sets("nothing: the checkpoint's own is used, with a warning if it differs")),
    ConfigurationKey(
      "INPUT.PIXEL_STD", [0.229, 0.224, 0.225],
      .sets("nothing: the checkpoint's own is used, with a warning if it differs")),
    ConfigurationKey("INPUT.CROP_PADDING", 4, otherTransform),
    ConfigurationKey(
      "INPUT.RRCROP_SCALE", [0.08, 1.0], .choice([[0.08, 1.0]], .training, "the area of random crops")),
    ConfigurationKey("INPUT.CUTOUT_N", 1, otherTransform),
    ConfigurationKey("INPUT.CUTOUT_LEN", 16, otherTransform),
    ConfigurationKey("INPUT.GN_MEAN", 0.0, otherTransform),
    ConfigurationKey("INPUT.GN_STD", 0.15, otherTransform),
    ConfigurationKey("INPUT.RANDAUGMENT_N", 2, otherTransform),
    ConfigurationKey("INPUT.RANDAUGMENT_M", 10, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_B", 0.4, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_C", 0.4, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_S", 0.4, otherTransform),
    ConfigurationKey("INPUT.COLORJITTER_H", 0.1, otherTransform),
    ConfigurationKey("INPUT.RGS_P", 0.2, otherTransform),
    ConfigurationKey("INPUT.GB_P", 0.5, otherTransform),
    ConfigurationKey("INPUT.GB_K", 21, otherTransform),
  ]

  static let data = [
    ConfigurationKey("DATASET.ROOT", "", .sets("the folder that holds the datasets' folders")),
    ConfigurationKey("DATASET.NAME", "", .sets("the dataset")),
    ConfigurationKey("DATASET.SOURCE_DOMAINS", [], otherDataset),
    ConfigurationKey("DATASET.TARGET_DOMAINS", [], otherDataset),
    ConfigurationKey("DATASET.NUM_LABELED", -1, otherDataset),
    ConfigurationKey("DATASET.NUM_SHOTS", -1, .sets("training images of each class; 0 or less: all")),
    ConfigurationKey("DATASET.VAL_PERCENT", 0.1, otherDataset),
    ConfigurationKey("DATASET.STL10_FOLD", -1, otherDataset),
    ConfigurationKey("DATASET.CIFAR_C_TYPE", "", otherDataset),
    ConfigurationKey("DATASET.CIFAR_C_LEVEL", 1, otherDataset),
    ConfigurationKey("DATASET.ALL_AS_UNLABELED", false, otherDataset),
    ConfigurationKey(
      "DATASET.SUBSAMPLE_CLASSES", "all", .choice(["all", "base", "new"], .everyRun, "which half of the classes")),
    ConfigurationKey("DATALOADER.NUM_WORKERS", 4, .ignored("threads are set with --threads before --")),
    ConfigurationKey("DATALOADER.K_TRANSFORMS", 1, .choice([1], .training, "one view of an image at a time")),
    ConfigurationKey("DATALOADER.RETURN_IMG0", false, .ignored("no learner here asks for it")),
    ConfigurationKey(
      "DATALOADER.TRAIN_X.SAMPLER", "RandomSampler", .choice(["RandomSampler"], .training, "images in random order")),
    ConfigurationKey("DATALOADER.TRAIN_X.BATCH_SIZE", 32, .sets("training images of one step")),
    ConfigurationKey("DATALOADER.TRAIN_X.N_DOMAIN", 0, .ignored("it belongs to another sampler")),
    ConfigurationKey("DATALOADER.TRAIN_X.N_INS", 16, .ignored("it belongs to another sampler")),
    ConfigurationKey("DATALOADER.TRAIN_U.SAME_AS_X", true, unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.SAMPLER", "RandomSampler", unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.BATCH_SIZE", 32, unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.N_DOMAIN", 0, unlabelled),
    ConfigurationKey("DATALOADER.TRAIN_U.N_INS", 16, unlabelled),
    ConfigurationKey(
      "DATALOADER.TEST.SAMPLER", "SequentialSampler", .choice(["SequentialSampler"], .everyRun, "every image once")),
    ConfigurationKey("DATALOADER.TEST.BATCH_SIZE", 32, .sets("nothing: the result is the same with any")),
  ]
}

/// The keys of one trainer alone: those that methods declare, and those of Dassl's trainers that are not here.
extension ConfigurationKey {
  static let trainers =
    [
      ConfigurationKey(
        "TRAINER.NAME", "",
        .choice(ReferenceTrainer.all.map { .text($0.name) }, .everyRun, "the method"))
    ]
    + ReferenceTrainer.all.filter { $0.format.ownKeys == nil }.flatMap { trainer in
      trainer.format.keys.map { ConfigurationKey($0, of: trainer, in: trainer.format.section ?? "TRAINER") }
    }

  /// The keys of a program other than CoOp's that the trainer is in: they take the place of CoOp's of the same names.
  static func own(of trainer: ReferenceTrainer) -> [ConfigurationKey] {
    guard let keys = trainer.format.ownKeys else { return [] }
    return trainer.format.keys.map { ConfigurationKey($0, of: trainer, in: trainer.format.section ?? "TRAINER") }
      + keys.map { ConfigurationKey($0, of: trainer, in: nil) } + views(of: trainer.format)
  }

  /// The keys of the views of training, where they differ from CoOp's.
  private static func views(of format: ReferenceFormat) -> [ConfigurationKey] {
    switch format.views {
    case .crop: []
    case .chosenCrop:
      [ConfigurationKey("INPUT.RRCROP_SCALE", [0.08, 1.0], .sets("the area of random crops, whose end must be 1"))]
    case .twoRandAugment:
      [
        ConfigurationKey(
          "INPUT.TRANSFORMS", [],
          .choice([["randaugment", "normalize"]], .everyRun, "the views of training, in any order")),
        ConfigurationKey("DATALOADER.K_TRANSFORMS", 1, .choice([2], .training, "two views of an image at a time")),
      ]
    }
  }

  private init(_ key: ReferenceFormat.Key, of trainer: ReferenceTrainer, in section: String?) {
    let standard = ConfigurationValue(key.standard)
    let choices = key.isFixed ? [standard] : key.choices?.map(ConfigurationValue.text)
    let role: Role =
      choices.map {
        .choice($0, key.isOfEveryRun ? .everyRun : section == nil ? .training : trainer.scope, key.meaning)
      } ?? .sets(key.meaning)
    self.init(section.map { "\($0).\(key.name)" } ?? key.name, standard, role)
  }

  private static func other(_ name: String, _ settings: (String, ConfigurationValue)...) -> [ConfigurationKey] {
    settings.map { setting, standard in
      ConfigurationKey("TRAINER.\(name).\(setting)", standard, .ignored("it belongs to another trainer"))
    }
  }

  static let otherTrainers = [
    other("MCD", ("N_STEP_F", 4)),
    other("MME", ("LMDA", 0.1)),
    other(
      "CDAC", ("CLASS_LR_MULTI", 10), ("RAMPUP_COEF", 30), ("RAMPUP_ITRS", 1000), ("TOPK_MATCH", 5),
      ("P_THRESH", 0.95), ("STRONG_TRANSFORMS", [])),
    other("SE", ("EMA_ALPHA", 0.999), ("CONF_THRE", 0.95), ("RAMPUP", 300)),
    other("M3SDA", ("LMDA", 0.5), ("N_STEP_F", 4)),
    other("DAEL", ("WEIGHT_U", 0.5), ("CONF_THRE", 0.95), ("STRONG_TRANSFORMS", [])),
    other("CROSSGRAD", ("EPS_F", 1.0), ("EPS_D", 1.0), ("ALPHA_F", 0.5), ("ALPHA_D", 0.5)),
    other(
      "DDAIG", ("G_ARCH", ""), ("LMDA", 0.3), ("CLAMP", false), ("CLAMP_MIN", -1.0), ("CLAMP_MAX", 1.0),
      ("WARMUP", 0), ("ALPHA", 0.5)),
    other("DAELDG", ("WEIGHT_U", 0.5), ("CONF_THRE", 0.95), ("STRONG_TRANSFORMS", [])),
    other("DOMAINMIX", ("TYPE", "crossdomain"), ("ALPHA", 1.0), ("BETA", 1.0)),
    other("ENTMIN", ("LMDA", 1e-3)),
    other("MEANTEACHER", ("WEIGHT_U", 1.0), ("EMA_ALPHA", 0.999), ("RAMPUP", 5)),
    other("MIXMATCH", ("WEIGHT_U", 100.0), ("TEMP", 2.0), ("MIXUP_BETA", 0.75), ("RAMPUP", 20000)),
    other("FIXMATCH", ("WEIGHT_U", 1.0), ("CONF_THRE", 0.95), ("STRONG_TRANSFORMS", [])),
  ].flatMap { $0 }
}

extension ConfigurationValue {
  init(_ value: ReferenceFormat.Key.Value) {
    self =
      switch value {
      case .integer(let value): .integer(value)
      case .number(let value): .number(value)
      case .flag(let value): .flag(value)
      case .text(let value): .text(value)
      case .integers(let values): .list(values.map(ConfigurationValue.integer))
      }
  }
}

/// The table of keys as Markdown, for `cocoop compat --keys` and docs/compatibility.md.
public enum KeyTable {
  public static var text: String {
    let rows = ConfigurationKey.all.map { key in "| `\(key.name)` | `\(key.standard)` | \(key.role) |" }
    return (["| key | default | here |", "|---|---|---|"] + rows).map { $0 + "\n" }.joined()
  }
}

extension ConfigurationKey.Role: CustomStringConvertible {
  public var description: String {
    switch self {
    case .sets(let meaning): "sets \(meaning)".replacing("sets nothing", with: "read, and sets nothing")
    case .choice(let supported, let scope, let meaning):
      "\(supported.map { "`\($0)`" }.joined(separator: " or ")) alone\(scope.suffix): \(meaning)"
    case .ignored(let reason): "warning: \(reason)"
    }
  }
}

extension ConfigurationKey.Scope {
  fileprivate var suffix: String {
    switch self {
    case .everyRun: ""
    case .training: " in training"
    case .trainer(let name): " for \(name)"
    }
  }
}
