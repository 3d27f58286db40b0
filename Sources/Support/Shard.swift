/// One of n parts of a job, for processes that exchange nothing: `3/64` on the command line, counted from 1.
public struct Shard: Sendable, Equatable, CustomStringConvertible {
  /// The part's number, in 1…``count``.
  public let number: Int
  public let count: Int

  /// The most parts of one job: each has a file of its own in one folder.
  public static let most = 1_000_000

  /// - Throws: ``ShardError`` where there is no such part.
  public init(_ number: Int, of count: Int) throws(ShardError) {
    guard (1...Self.most).contains(count) else {
      throw ShardError("there can be from 1 to \(Self.most) shards, found \(count)")
    }
    guard (1...count).contains(number) else {
      throw ShardError("there is no shard \(number)/\(count): they are 1/\(count) to \(count)/\(count)")
    }
    (self.number, self.count) = (number, count)
  }

  /// - Parameters:
  ///   - text: `i/n`; `array` for the number and the count that a job array gives this process, or `array/n` where only
  ///     the number is given.
  ///   - environment: the variables of the process.
  /// - Throws: ``ShardError`` for another text, for a part that does not exist, and where a job array's variables are
  ///   missing or disagree.
  public init(_ text: String, environment: [String: String]) throws(ShardError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    if parts.first == "array", parts.count <= 2 {
      let count = parts.count == 2 ? Int(parts[1]) : nil
      guard parts.count == 1 || count != nil else { throw .form(text) }
      self = try JobArray.shard(in: environment, of: count)
      return
    }
    guard parts.count == 2, let number = Int(parts[0]), let count = Int(parts[1]) else { throw .form(text) }
    try self.init(number, of: count)
  }

  /// The shard's consecutive part of `total` elements; the parts of all shards differ by one element at most.
  public func range(of total: Int) -> Range<Int> { bound(number - 1, total)..<bound(number, total) }

  private func bound(_ shards: Int, _ total: Int) -> Int { total / count * shards + total % count * shards / count }

  /// Whether the element at an index belongs to this shard where each takes every n-th one.
  public func takes(_ index: Int) -> Bool { index % count == number - 1 }

  public var description: String { "\(number)/\(count)" }
}

/// A part of a job that was asked for and does not exist.
public struct ShardError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  init(_ reason: String, remedy: String? = nil) { (problem, self.remedy) = ("--shard: \(reason)", remedy) }

  static func form(_ text: String) -> Self {
    Self("'\(text)' is neither i/n, such as 3/64, nor 'array' or 'array/64' for a task of a job array")
  }
}

/// What the schedulers of clusters tell each task of a job array.
enum JobArray {
  /// - Parameter count: the number of shards, where the command line repeats it.
  static func shard(in environment: [String: String], of count: Int?) throws(ShardError) -> Shard {
    if environment["SLURM_ARRAY_TASK_ID"] != nil { return try slurm(environment, of: count) }
    guard environment["JOB_COMPLETION_INDEX"] != nil else {
      throw ShardError(
        "'array' is for a task of a job array, and neither SLURM_ARRAY_TASK_ID (Slurm) nor JOB_COMPLETION_INDEX "
          + "(Kubernetes) is set", remedy: "Start it as such a task, or give i/n")
    }
    let index = try number("JOB_COMPLETION_INDEX", in: environment)  // from 0
    guard let count else {
      throw ShardError(
        "JOB_COMPLETION_INDEX is \(index), and Kubernetes does not say of how many",
        remedy: "Repeat the manifest's 'completions': --shard array/N")
    }
    guard (0..<count).contains(index) else {
      throw ShardError(
        "JOB_COMPLETION_INDEX is \(index), and --shard array/\(count) has room for 0 to \(count - 1)",
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
        "the job array has \(tasks) tasks, and --shard array/\(count) asks for \(count)",
        remedy: "Submit the whole array again: a shard that is there takes a moment")
    }
    guard step >= 1, id >= first, (id - first).isMultiple(of: step), (id - first) / step < tasks else {
      throw ShardError(
        "the job array's task \(id) is none of \(tasks) that begin at \(first) and are \(step) apart",
        remedy: "Submit it as a range, such as --array=0-63, or give i/n")
    }
    return try Shard((id - first) / step + 1, of: tasks)
  }

  private static func number(_ name: String, in environment: [String: String]) throws(ShardError) -> Int {
    guard let text = environment[name] else {
      throw ShardError(
        "SLURM_ARRAY_TASK_ID is set, and \(name) is not", remedy: "Pass all variables of the job array on, or give i/n")
    }
    guard let number = Int(text) else { throw ShardError("\(name) is '\(text)', where a whole number was expected") }
    return number
  }
}
