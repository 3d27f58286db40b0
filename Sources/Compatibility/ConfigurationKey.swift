/// One key of the reference's configuration: what it is there, and what it does here.
///
/// Together they are every key of Dassl's `config/defaults.py` (commit c61a1b5) and of `extend_cfg` in CoOp's `train.py`
/// (commit ff61507), with their defaults. docs/compatibility.md shows the table.
public struct ConfigurationKey: Sendable {
  /// Such as `OPTIM.LR`.
  public let name: String
  public let standard: ConfigurationValue
  public let role: Role

  public enum Role: Sendable {
    /// Any value of the type is taken; the text says what it sets.
    case sets(String)
    /// These values are taken, and any other is an error where the run depends on the key.
    case choice([ConfigurationValue], Scope, String)
    /// The key changes nothing here; the text says why. Where it is given, a warning says so.
    case ignored(String)
  }

  /// The runs that depend on a key.
  public enum Scope: Sendable, Equatable {
    case everyRun, training
    /// Those of one trainer, by its name.
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
