import PromptLearning

/// What concerns one trainer alone: the keys that methods declare, and those of Dassl's trainers that are not here.
extension ConfigurationKey {
  static let trainers =
    [
      ConfigurationKey(
        "TRAINER.NAME", "",
        .choice(ReferenceTrainer.all.map { .text($0.name) }, .everyRun, "the method"))
    ]
    + ReferenceTrainer.all.flatMap { trainer in
      trainer.format.keys.map { ConfigurationKey($0, of: trainer) }
    }

  private init(_ key: ReferenceFormat.Key, of trainer: ReferenceTrainer) {
    let role: Role =
      key.choices.map { .choice($0.map(ConfigurationValue.text), trainer.scope, key.meaning) } ?? .sets(key.meaning)
    self.init("\(trainer.format.section ?? "TRAINER").\(key.name)", ConfigurationValue(key.standard), role)
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
  fileprivate init(_ value: ReferenceFormat.Key.Value) {
    self =
      switch value {
      case .integer(let value): .integer(value)
      case .number(let value): .number(value)
      case .flag(let value): .flag(value)
      case .text(let value): .text(value)
      }
  }
}
