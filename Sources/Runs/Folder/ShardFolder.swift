import Foundation
import Support

/// The folder in which the shards of one job leave their results: `job.json`, which says what the job is, and for each
/// shard a file of JSON lines such as `03-of-64.jsonl`, which is there whole or not at all.
///
/// Any number of processes on any number of machines write into it without locks: each file has one shard, is written
/// under a name that no other process has, and is renamed. Two processes that do the same shard write the same twice.
public struct ShardFolder: Sendable {
  public let url: URL
  public let job: Job

  /// What all shards of a job have in common: whoever does another job is told so, and does not mix its results in.
  public struct Job: Sendable, Codable, Equatable {
    fileprivate static let version = 1

    fileprivate let version: Int
    /// The command that does the job, such as `predict`.
    public let command: String
    public let shards: Int
    /// Everything that decides the results, by its name for people.
    public let settings: [String: String]

    public init(command: String, shards: Int, settings: [String: String]) {
      version = Self.version
      self.command = command
      self.shards = shards
      self.settings = settings
    }
  }

  /// Opens the folder for a job, and creates it where there is none.
  ///
  /// - Throws: ``ShardFolderError`` where it has another job or other files; `WritingError`.
  public init(at url: URL, for job: Job) throws {
    self.url = url
    self.job = job
    _ = try CreatedDirectories(upTo: url)
    if try Self.job(in: url) == nil {
      let isForeign = FileSystem.names(in: url.path).contains { !RunFolder.isLeftover($0) }
      // Another shard may have begun the job since.
      if isForeign, try Self.job(in: url) == nil { throw ShardFolderError.foreign(path: url.path) }
      // Of several jobs that begin here at once one is first, and the others see it below.
      _ = try AtomicFile.create(JSONEncoder.readable.encode(job) + Data("\n".utf8), at: Self.jobURL(in: url))
    }
    guard let found = try Self.job(in: url) else { throw ShardFolderError.noJob(path: url.path) }
    try Self.check(job, isThatOf: found, in: url)
  }

  /// Opens the folder of a job that is done.
  ///
  /// - Parameter command: the command that did it.
  /// - Throws: ``ShardFolderError`` where there is no such job, and where shards are missing.
  public init(gathering url: URL, of command: String) throws {
    guard let job = try Self.job(in: url) else { throw ShardFolderError.noJob(path: url.path) }
    guard job.command == command else {
      throw ShardFolderError.otherCommand(path: url.path, found: job.command, expected: command)
    }
    self.url = url
    self.job = job
    let missing = try (1...job.shards).map { try Shard($0, of: job.shards) }.filter { !isDone($0) }
    guard missing.isEmpty else { throw ShardFolderError.missing(path: url.path, missing) }
  }

  /// Checks that a job to gather is the one that the caller describes.
  ///
  /// - Throws: ``ShardFolderError``.
  public func check(_ settings: [String: String]) throws {
    try Self.check(Job(command: job.command, shards: job.shards, settings: settings), isThatOf: job, in: url)
  }

  private static func check(_ job: Job, isThatOf found: Job, in url: URL) throws {
    guard job.command == found.command else {
      throw ShardFolderError.otherCommand(path: url.path, found: found.command, expected: job.command)
    }
    guard job.shards == found.shards else {
      throw ShardFolderError.otherJob(
        path: url.path, setting: "number of shards", found: "\(found.shards)", requested: "\(job.shards)")
    }
    for name in Set(job.settings.keys).union(found.settings.keys).sorted() {
      let (old, new) = (found.settings[name] ?? "none", job.settings[name] ?? "none")
      guard old == new else {
        throw ShardFolderError.otherJob(path: url.path, setting: name, found: old, requested: new)
      }
    }
  }

  /// Whether a shard's file is there. It is opened and not only looked for: the names that a file server has told
  /// before may be old, and opening asks it again.
  public func isDone(_ shard: Shard) -> Bool {
    guard let file = try? FileSystem.openFile(file(of: shard).path) else { return false }
    close(file.descriptor)
    return true
  }

  /// The file of a shard: `03-of-64.jsonl`, so that a shell lists them in order.
  public func file(of shard: Shard) -> URL {
    let (number, count) = ("\(shard.number)", "\(shard.count)")
    let zeros = String(repeating: "0", count: count.count - number.count)
    return url.appending(path: "\(zeros)\(number)-of-\(count).jsonl")
  }

  /// The age, in seconds, from which on a temporary file is that of a process that has died: what is being written is
  /// written to more often.
  private static let leftoverAge = 24 * 3600

  /// Writes a shard's file.
  ///
  /// - Parameter body: appends lines in UTF-8, each with its line break.
  /// - Throws: `WritingError`, and what `body` throws; there is no file of the shard then.
  public func write(
    _ shard: Shard, _ body: (_ append: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let file = file(of: shard)
    try AtomicFile.write(to: file, body)
    AtomicFile.removeLeftovers(of: file, olderThan: Self.leftoverAge)
  }

  /// Calls `body` with each line of a shard's file, which is never in memory whole.
  ///
  /// - Throws: ``ShardFolderError`` where the file cannot be read, and for a line for which `body` returns false.
  public func forEachLine(of shard: Shard, _ body: (Data) throws -> Bool) throws {
    let path = file(of: shard).path
    guard let stream = FileSystem.withSystemPath(path, { fopen($0, "re") }) else {
      throw ShardFolderError.unreadable(path: path, reason: SystemReason().text)
    }
    var (buffer, capacity): (UnsafeMutablePointer<CChar>?, Int) = (nil, 0)
    defer {
      free(buffer)
      fclose(stream)
    }
    var number = 0
    while true {
      errno = 0
      let count = getline(&buffer, &capacity, stream)
      guard count > 0, let buffer else { break }
      number += 1
      let line = Data(UnsafeRawBufferPointer(start: buffer, count: count))
      guard line.last == UInt8(ascii: "\n"), try body(line) else {
        throw ShardFolderError.damaged(path: path, line: number)
      }
    }
    guard ferror(stream) == 0 else { throw ShardFolderError.unreadable(path: path, reason: SystemReason().text) }
  }

  // MARK: The job

  private static func jobURL(in url: URL) -> URL { url.appending(path: "job.json") }

  /// - Returns: `nil` where the folder has none.
  private static func job(in url: URL) throws -> Job? {
    let file = jobURL(in: url)
    let data: Data
    do {
      data = try FileSystem.contents(of: file.path)
    } catch  where error.isAbsence {
      return nil
    } catch {
      throw ShardFolderError.unreadable(path: file.path, reason: error.text)
    }
    guard let job = try? JSONDecoder().decode(Job.self, from: data), job.version == Job.version, job.shards >= 1,
      job.shards <= Shard.most
    else { throw ShardFolderError.unreadable(path: file.path, reason: "it is not what --shard writes") }
    return job
  }
}

/// A folder of shards that cannot be used.
public struct ShardFolderError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String) { (self.problem, self.remedy) = (problem, remedy) }

  static func foreign(path: String) -> Self {
    Self("\(path) has other files in it and no shards", remedy: "Choose another --output")
  }

  static func noJob(path: String) -> Self {
    Self("\(path) has no shards: there is no job.json", remedy: "Give the --output of the calls with --shard")
  }

  static func otherCommand(path: String, found: String, expected: String) -> Self {
    Self("\(path) has shards of 'cocoop \(found)', not of 'cocoop \(expected)'", remedy: "Choose another --output")
  }

  static func otherJob(path: String, setting: String, found: String, requested: String) -> Self {
    Self(
      "The shards in \(path) are of another job, with the \(setting) \(found) and not \(requested)",
      remedy: "Give what that job was begun with, or choose another --output")
  }

  static func missing(path: String, _ shards: [Shard]) -> Self {
    let (count, first) = (shards.first?.count ?? 0, shards.prefix(5).map(\.description).joined(separator: ", "))
    return Self(
      "\(shards.count) of \(count) shards in \(path) \(shards.count == 1 ? "is" : "are") missing: \(first)"
        + (shards.count > 5 ? ", …" : ""),
      remedy: "Run them again: those that are there take a moment")
  }

  static func unreadable(path: String, reason: String) -> Self {
    Self("\(path) cannot be read: \(reason)", remedy: "Give yourself the right to read it, or choose another --output")
  }

  static func damaged(path: String, line: Int) -> Self {
    Self("\(path) is damaged in line \(line)", remedy: "Remove the file and run its shard again")
  }
}
