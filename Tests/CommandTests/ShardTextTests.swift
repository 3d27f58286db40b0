import Support
import Testing
import cocoop

@Suite("A shard's text names a part, and says so where it does not")
struct ShardTextTests {
  @Test(
    "texts that name no part",
    arguments: [
      ("5/4", "There is no shard 5/4: they are 1/4 to 4/4."),
      ("0/4", "There is no shard 0/4: they are 1/4 to 4/4."),
      ("-1/4", "There is no shard -1/4: they are 1/4 to 4/4."),
      ("1/0", "There can be from 1 to 1000000 shards, found 0."),
      ("1/1000001", "There can be from 1 to 1000000 shards, found 1000001."),
      (
        "a/b",
        "--shard: 'a/b' is neither i/n, such as 3/64, nor 'array' or 'array/64' for a task of a job array."
      ),
      ("3", "--shard: '3' is neither i/n, such as 3/64, nor 'array' or 'array/64' for a task of a job array."),
      ("1/2/3", "--shard: '1/2/3' is neither i/n, such as 3/64, nor 'array' or 'array/64' for a task of a job array."),
      ("array/-3", "There can be from 1 to 1000000 shards, found -3."),
      ("array/0", "There can be from 1 to 1000000 shards, found 0."),
      (
        "array/x",
        "--shard: 'array/x' is neither i/n, such as 3/64, nor 'array' or 'array/64' for a task of a job array."
      ),
      (
        "array",
        "--shard: 'array' is for a task of a job array, and neither SLURM_ARRAY_TASK_ID (Slurm) nor "
          + "JOB_COMPLETION_INDEX (Kubernetes) is set. Start it as such a task, or give i/n."
      ),
    ])
  func refusals(text: String, message: String) {
    let error = #expect(throws: ShardError.self) { try Shard(text, environment: [:]) }
    #expect(error?.explanation == message)
  }

  private static func slurm(_ id: Int, count: Int, first: Int, step: Int) -> [String: String] {
    [
      "SLURM_ARRAY_TASK_ID": "\(id)", "SLURM_ARRAY_TASK_COUNT": "\(count)", "SLURM_ARRAY_TASK_MIN": "\(first)",
      "SLURM_ARRAY_TASK_STEP": "\(step)",
    ]
  }

  @Test("a job array of Slurm gives number and count, wherever its ids begin")
  func slurmArrays() throws {
    let cases = [(0, 64, 0, 1, 1), (63, 64, 0, 1, 64), (1, 4, 1, 1, 1), (4, 4, 1, 1, 4), (110, 6, 100, 5, 3)]
    for (id, count, first, step, number) in cases {
      let environment = Self.slurm(id, count: count, first: first, step: step)
      #expect(try Shard("array", environment: environment) == Shard(number, of: count))
      #expect(try Shard("array/\(count)", environment: environment) == Shard(number, of: count))
    }
  }

  @Test("an indexed Job of Kubernetes gives the number, and the manifest repeats the count")
  func kubernetes() throws {
    #expect(try Shard("array/8", environment: ["JOB_COMPLETION_INDEX": "0"]) == Shard(1, of: 8))
    #expect(try Shard("array/8", environment: ["JOB_COMPLETION_INDEX": "7"]) == Shard(8, of: 8))
    for count in [-3, 0] {
      let error = #expect(throws: ShardError.self) {
        try Shard("array/\(count)", environment: ["JOB_COMPLETION_INDEX": "0"])
      }
      #expect(error?.problem == "There can be from 1 to 1000000 shards, found \(count)")
    }
  }

  @Test("half an environment, or one that disagrees, is refused by the variable's name")
  func halves() {
    func message(_ text: String, _ environment: [String: String]) -> String {
      do { return try Shard(text, environment: environment).description } catch { return error.explanation }
    }
    for name in ["SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"] {
      var environment = Self.slurm(0, count: 4, first: 0, step: 1)
      environment[name] = nil
      #expect(
        message("array", environment)
          == "--shard: SLURM_ARRAY_TASK_ID is set, and \(name) is not. Pass all variables of the job array on, or give "
          + "i/n.")
      environment[name] = "many"
      #expect(
        message("array", environment) == "--shard: \(name) is 'many', where a whole number was expected.")
    }
    #expect(
      message("array/64", Self.slurm(7, count: 2, first: 7, step: 1))
        == "--shard: the job array has 2 tasks, and --shard array/64 asks for 64. Submit the whole array again: a shard "
        + "that is there takes a moment.")
    #expect(
      message("array", Self.slurm(.max, count: 2, first: .min, step: 1)).hasPrefix(
        "--shard: the job array's task \(Int.max) is none of 2 that begin at \(Int.min) and are 1 apart."))
    // --array=1,3,7 has no one step.
    #expect(
      message("array", Self.slurm(7, count: 3, first: 1, step: 1))
        == "--shard: the job array's task 7 is none of 3 that begin at 1 and are 1 apart. Submit it as a range, such as "
        + "--array=0-63, or give i/n.")
    #expect(
      message("array", ["JOB_COMPLETION_INDEX": "2"])
        == "--shard: JOB_COMPLETION_INDEX is 2, and Kubernetes does not say of how many. Repeat the manifest's "
        + "'completions': --shard array/N.")
    #expect(
      message("array/2", ["JOB_COMPLETION_INDEX": "2"])
        == "--shard: JOB_COMPLETION_INDEX is 2, and --shard array/2 has room for 0 to 1. Give the manifest's "
        + "'completions' as N of --shard array/N.")
  }
}
