/// What stands in files of weights and is no weight: the one list of what strict loading passes over.
enum Bookkeeping {
  /// Whether a tensor only counts, numbers positions, or repeats a size.
  ///
  /// - Parameter name: without the prefix that training puts before it.
  static func includes(_ name: String) -> Bool {
    sizes.contains(name) || suffixes.contains { name == $0 || name.hasSuffix(".\($0)") }
  }

  /// Of OpenAI's archives.
  private static let sizes: Set = ["input_resolution", "context_length", "vocab_size"]
  private static let suffixes = [
    "num_batches_tracked",  // BatchNorm's, which only training reads
    "position_ids",  // 0, 1, 2, …, in transformers before 4.31
    "attn_mask",  // the causal mask, in old archives of open_clip
  ]

  /// Under which of these a training keeps the model that it saves.
  static let containers: Set = ["state_dict", "model_state_dict", "model"]
  /// What DataParallel puts before each name.
  static let wrapper = "module"

  /// What a training saves beside its model.
  static let trainingState: Set = [
    "optimizer", "optimizers", "optimizer_state_dict", "optimizer_states", "scheduler", "scheduler_state_dict",
    "lr_scheduler", "lr_schedulers", "scaler", "grad_scaler", "amp", "amp_scaler", "loops", "callbacks", "rng_state",
    "rng_states", "ema", "ema_state_dict", "model_ema", "state_dict_ema", "epoch", "loss", "best_acc", "metrics",
  ]
}
