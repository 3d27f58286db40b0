import Compatibility
import Support
import Testing

@Suite("The command line is read as Python's argparse reads it")
struct ArgumentsTests {
  @Test("options, flags and KEY VALUE pairs")
  func everything() throws {
    let arguments = try Arguments([
      "--root", "data", "--seed", "1", "--trainer", "CoCoOp", "--dataset-config-file", "d.yaml", "--config-file",
      "c.yaml", "--output-dir", "out", "--eval-only", "--model-dir", "in", "--load-epoch", "10",
      "DATASET.NUM_SHOTS", "16", "DATASET.SUBSAMPLE_CLASSES", "base",
    ])
    #expect(arguments.root == "data" && arguments.seed == 1 && arguments.trainer == "CoCoOp")
    #expect(arguments.datasetFile == "d.yaml" && arguments.configurationFile == "c.yaml")
    #expect(arguments.outputFolder == "out" && arguments.modelFolder == "in" && arguments.loadEpoch == 10)
    #expect(arguments.evaluatesOnly && !arguments.skipsTraining)
    #expect(arguments.pairs == ["DATASET.NUM_SHOTS", "16", "DATASET.SUBSAMPLE_CLASSES", "base"])
  }

  @Test("an option may be shortened or joined to its value, and a negative number is a value")
  func spellings() throws {
    let arguments = try Arguments(["--see", "-1", "--output=--odd", "--no-t", "--transforms", "a", "b", "--root=x"])
    #expect(arguments.seed == -1 && arguments.outputFolder == "--odd" && arguments.skipsTraining)
    #expect(arguments.transforms == ["a", "b"] && arguments.root == "x")
  }

  @Test("everything behind the first pair belongs to the pairs")
  func remainder() throws {
    #expect(try Arguments(["A.B", "1", "--eval-only", "2"]).pairs == ["A.B", "1", "--eval-only", "2"])
  }

  @Test(
    "what cannot be read costs one line",
    arguments: [
      (["--traine", "x", "--seeds", "1"], "train.py has no option --seeds. Did you mean --seed?"),
      (["--frobnicate"], "train.py has no option --frobnicate. 'cocoop compat --help' lists the options."),
      (["-x"], "train.py has no option -x. 'cocoop compat --help' lists the options."),
      (["--r", "x"], "--r may stand for --root or --resume. Spell it out."),
      (["--root"], "--root needs a value."), (["--root", "--seed", "1"], "--root needs a value."),
      (["--seed", "one"], "--seed must be a whole number, found 'one'."),
      (["--load-epoch", "1.5"], "--load-epoch must be a whole number, found '1.5'."),
      (["--eval-only=yes"], "--eval-only takes no value."),
      (
        ["DATASET.NUM_SHOTS", "16", "SEED"],
        "The last key, SEED, has no value. Give KEY VALUE pairs at the end, after all options."
      ),
    ])
  func messages(arguments: [String], message: String) {
    let error = #expect(throws: CompatibilityError.self) { try Arguments(arguments) }
    #expect(error?.explanation == message)
  }
}
