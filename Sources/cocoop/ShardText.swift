import Support

extension Shard {
  /// - Parameters:
  ///   - text: `i/n`; `array` for the number and the count that a job array gives this process, or `array/n` where only
  ///     the number is given.
  ///   - environment: the variables of the process.
  /// - Throws: `ShardError` for another text, for a part that does not exist, and where a job array's variables are
  ///   missing or disagree.
  package init(_ text: String, environment: [String: String]) throws(ShardError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.first == "array", parts.count <= 2 {
      let count = parts.count == 2 ? Int(parts[1]) : nil
      guard parts.count == 1 || count != nil else { throw .form(text) }
      if let count { _ = try Shard(1, of: count) }
      self = try JobArray.shard(in: environment, of: count)
      return
    }
    guard parts.count == 2, let number = Int(parts[0]), let count = Int(parts[1]) else { throw .form(text) }
    try self.init(number, of: count)
  }
}

extension ShardError {
  fileprivate static func form(_ text: String) -> Self {
    Self("--shard: '\(text)' is neither i/n, such as 3/64, nor 'array' or 'array/64' for a task of a job array")
  }
}

/// What the schedulers of clusters tell each task of a job array.
private enum JobArray {
  /// - Parameter count: the number of shards, from 1, where the command line repeats it.
  static func shard(in environment: [String: String], of count: Int?) throws(ShardError) -> Shard {
    if environment["SLURM_ARRAY_TASK_ID"] != nil { return try slurm(environment, of: count) }
    guard environment["JOB_COMPLETION_INDEX"] != nil else {
      throw ShardError(
        "--shard: 'array' is for a task of a job array, and neither SLURM_ARRAY_TASK_ID (Slurm) nor "
          + "JOB_COMPLETION_INDEX (Kubernetes) is set", remedy: "Start it as such a task, or give i/n")
    }
    let index = try number("JOB_COMPLETION_INDEX", in: environment)  // from 0
    guard let count else {
      throw ShardError(
        "--shard: JOB_COMPLETION_INDEX is \(index), and Kubernetes does not say of how many",
        remedy: "Repeat the manifest's 'completions': --shard array/N")
    }
    guard (0..<count).contains(index) else {
      throw ShardError(
        "--shard: JOB_COMPLETION_INDEX is \(index), and --shard array/\(count) has room for 0 to \(count - 1)",
        remedy: "Give the manifest's 'completions' as N of --shard array/N")
    }
    return try Shard(index + 1, of: count)
  }

  /// Task ids need not begin at 0, nor follow each other at a distance of 1.
  private static func slurm(_ environment: [String: String], of count: Int?) throws(ShardError) -> Shard {
    let id = try number("SLURM_ARRAY_TASK_ID", in: environment)
    let tasks = try number("SLURM_ARRAY_TASK_COUNT", in: environment)
    let first = try number("SLURM_ARRAY_TASK_MIN", in: environment)
    let step = try number("SLURM_ARRAY_TASK_STEP", in: environment)
    if let count, count != tasks {
      throw ShardError(
        "--shard: the job array has \(tasks) tasks, and --shard array/\(count) asks for \(count)",
        remedy: "Submit the whole array again: a shard that is there takes a moment")
    }
    guard step >= 1, first >= 0, id >= first, (id - first).isMultiple(of: step), (id - first) / step < tasks else {
      throw ShardError(
        "--shard: the job array's task \(id) is none of \(tasks) that begin at \(first) and are \(step) apart",
        remedy: "Submit it as a range, such as --array=0-63, or give i/n")
    }
    return try Shard((id - first) / step + 1, of: tasks)
  }

  private static func number(_ name: String, in environment: [String: String]) throws(ShardError) -> Int {
    guard let text = environment[name] else {
      throw ShardError(
        "--shard: SLURM_ARRAY_TASK_ID is set, and \(name) is not",
        remedy: "Pass all variables of the job array on, or give i/n")
    }
    guard let number = Int(text) else {
      throw ShardError("--shard: \(name) is '\(text)', where a whole number was expected")
    }
    return number
  }
}
