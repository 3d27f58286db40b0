import ArgumentParser
import Foundation
import Runs
import Support

/// The option to do one part of a job.
struct ShardOption: ParsableArguments {
  @Option(
    name: .customLong("shard"),
    help: ArgumentHelp(
      "Do one of n parts, such as 3/64; in a job array of Slurm 'array', in an indexed Job of Kubernetes array/n "
        + "(docs/many-machines.md).",
      valueName: "i/n"))
  var text: String?

  /// The part; `nil` for all.
  var shard: Shard? {
    get throws {
      do {
        return try text.map { try Shard($0, environment: ProcessInfo.processInfo.environment) }
      } catch let error as ShardError {
        throw ValidationError(error.explanation)
      }
    }
  }

  func validate() throws { _ = try shard }
}

/// The options of commands whose parts leave their results in a folder.
struct ShardOptions: ParsableArguments {
  @OptionGroup var part: ShardOption

  @Option(help: ArgumentHelp("The folder of the shards' results, the same for all of them.", valueName: "folder"))
  var output: String?

  @Flag(help: "Put the results of all shards together, once they are there: nothing is computed.")
  var gather = false

  func validate() throws {
    guard part.text == nil || !gather else { throw ValidationError("--shard and --gather exclude each other.") }
    let isUsed = part.text != nil || gather
    guard !isUsed || output != nil else {
      throw ValidationError("\(gather ? "--gather" : "--shard") needs --output, the folder of the shards' results.")
    }
    guard isUsed || output == nil else {
      throw ValidationError("--output is the folder of shards: give --shard or --gather with it.")
    }
  }

  var folder: URL { URL(filePath: output ?? ".") }
}

/// What a call with --shard prints.
struct ShardResult: Encodable {
  /// The file with the shard's results.
  let file: String
  let shard: Int
  let shards: Int
  /// The number of photos in it; `nil` where an earlier call has done them.
  let photos: Int?
  /// How many of them could not be read.
  let unreadable: Int?

  init(_ shard: Shard, in folder: ShardFolder, photos: Int? = nil, unreadable: Int? = nil) {
    file = folder.file(of: shard).path
    (self.shard, shards) = (shard.number, shard.count)
    (self.photos, self.unreadable) = (photos, unreadable)
  }

  var text: String {
    let work = photos.map { "\($0) \($0 == 1 ? "photo" : "photos")" } ?? "done before"
    return "shard \(shard)/\(shards): \(work) in \(file)"
  }
}
