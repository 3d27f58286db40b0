import Compatibility
import Foundation
import Testing
import TestSupport

@Suite("Configurations are merged and typed as the reference's")
struct ConfigurationTests {
  /// Each case was checked against `ast.literal_eval` of CPython 3.11, with which yacs decodes texts.
  @Test(
    "a text is the Python literal that it spells, or else itself",
    arguments: [
      ("16", 16), ("-1", -1), ("+2", 2), ("1_000", 1000), ("0", 0), ("010", "010"), ("1e-5", 1e-5), (".5", 0.5),
      ("2.", 2.0), ("1e", "1e"), ("--1", "--1"), ("True", true), ("False", false), ("true", "true"),
      ("None", .none), ("fp16", "fp16"), ("a photo of a", "a photo of a"), ("", ""), ("'16'", "16"),
      ("\"it's\"", "it's"), ("'a\\'b'", "a'b"), ("'open", "'open"), ("(224, 224)", [224, 224]), ("[1, 2.5]", [1, 2.5]),
      ("(1)", 1), ("(1,)", [1]), ("1, 2", [1, 2]), ("()", []), ("[]", []), ("['a', (1, True)]", ["a", [1, true]]),
      ("[1, 2", "[1, 2"), ("[,]", "[,]"), ("ViT-B/16", "ViT-B/16"), ("1 2", "1 2"), (",", ","),
      ("99999999999999999999", "99999999999999999999"),
    ] as [(String, ConfigurationValue)])
  func literals(text: String, value: ConfigurationValue) {
    #expect(ConfigurationValue(decoding: text) == value)
  }

  @Test("the pairs win over options, options over the trainer's file, that over the dataset's, that over the defaults")
  func order() throws {
    try withTemporaryFolder { folder in
      func value(_ key: String, options: String = "", trainer: String = "", dataset: String = "") throws -> String {
        let files = ["c.yaml": trainer, "d.yaml": dataset]
        for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
        let paths = [
          "--config-file", folder.appending(path: "c.yaml").path, "--dataset-config-file",
          folder.appending(path: "d.yaml").path,
        ]
        let arguments = try Arguments(paths + options.split(separator: " ").map(String.init))
        return try "\(ReferenceConfiguration(arguments).value(key))"
      }
      let (dataset, trainer) = ("SEED: 2\n", "SEED: 3\n")
      let seeds = [
        try value("SEED"), try value("SEED", dataset: dataset), try value("SEED", trainer: trainer, dataset: dataset),
        try value("SEED", options: "--seed 4", trainer: trainer, dataset: dataset),
        try value("SEED", options: "--seed 4 SEED 5 SEED 6", trainer: trainer, dataset: dataset),
      ]
      #expect(seeds == ["-1", "2", "3", "4", "6"])
    }
  }

  @Test("values of YAML: what the reference's own files write")
  func published() throws {
    try withTemporaryFolder { folder in
      let read = try configuration(Reference.cocoop, in: folder)
      #expect(read.value("INPUT.SIZE") == [224, 224])
      #expect(read.value("OPTIM.WARMUP_CONS_LR") == 1e-5)
      #expect(read.value("INPUT.PIXEL_MEAN") == [0.48145466, 0.4578275, 0.40821073])
      #expect(read.value("TRAINER.COCOOP.CTX_INIT") == "a photo of a")
      #expect(read.value("TRAINER.COCOOP.N_CTX") == 4)
      #expect(read.value("DATALOADER.TRAIN_X.BATCH_SIZE") == 1)
      #expect(read.value("TEST.FINAL_MODEL") == "last_step")
      #expect(try configuration("", in: folder).value("OPTIM.LR") == 0.0003)
      #expect(try configuration("# nothing\n", in: folder).value("SEED") == -1)
    }
  }

  @Test(
    "what cannot be merged costs one line",
    arguments: [
      (
        "OPTIM:\n  LRR: 0.1\n",
        "There is no key OPTIM.LRR (in FOLDER/c.yaml). Did you mean OPTIM.LR?"
      ),
      (
        "DATASET:\n  num_shots: 1\n",
        "There is no key DATASET.num_shots (in FOLDER/c.yaml). Did you mean DATASET.NUM_SHOTS?"
      ),
      (
        "NOTHING_LIKE_IT: 1\n",
        "There is no key NOTHING_LIKE_IT (in FOLDER/c.yaml). 'cocoop compat --keys' lists the keys."
      ),
      (
        "OPTIM: 3\n",
        "OPTIM (in FOLDER/c.yaml) is a section of keys and not a key itself. 'cocoop compat --keys' lists the keys."
      ),
      (
        "OPTIM:\n",
        "OPTIM (in FOLDER/c.yaml) is a section of keys and not a key itself. 'cocoop compat --keys' lists the keys."
      ),
      (
        "OPTIM:\n  LR: 1\n",
        "OPTIM.LR must be a number with a point or exponent, found 1 (in FOLDER/c.yaml)."
          + " A value must have the type of the default."
      ),
      (
        "OPTIM:\n  MAX_EPOCH: 10.0\n",
        "OPTIM.MAX_EPOCH must be a whole number, found 10.0 (in FOLDER/c.yaml)."
          + " A value must have the type of the default."
      ),
      (
        "TRAINER:\n  COOP:\n    CSC: maybe\n",
        "TRAINER.COOP.CSC must be True or False, found maybe (in FOLDER/c.yaml)."
          + " A value must have the type of the default."
      ),
      (
        "DATASET:\n  NAME: 7\n",
        "DATASET.NAME must be a text, found 7 (in FOLDER/c.yaml). A value must have the type of the default."
      ),
      (
        "INPUT:\n  SIZE: 224\n",
        "INPUT.SIZE must be a list, found 224 (in FOLDER/c.yaml). A value must have the type of the default."
      ),
    ].excerptPairs())
  func messages(text: Excerpt, expected: String) throws {
    try withTemporaryFolder { folder in
      let found = message(in: folder) { try configuration(text.text, in: folder) }
      #expect(found == expected)
    }
  }

  @Test("the same holds for pairs")
  func pairs() throws {
    try withTemporaryFolder { folder in
      let first = message { try configuration("", pairs: ["DATASET.NUM_SHOTS", "many"], in: folder) }
      #expect(
        first
          == "DATASET.NUM_SHOTS must be a whole number, found many (in the command line)."
          + " A value must have the type of the default.")
      let second = message { try configuration("", pairs: ["TRAINER.COOP.N_CTXT", "4"], in: folder) }
      #expect(
        second
          == "There is no key TRAINER.COOP.N_CTXT (in the command line). Did you mean TRAINER.COOP.N_CTX?")
    }
  }
}
