import Embedded
import Foundation
import Prediction
import Support
import TestSupport
import Testing

@Suite("A job is done in parts that know nothing of each other, and the result does not depend on how many")
struct ShardTests {
  private static let asking = [
    "predict", "--model", "tiny-clip", "--classes", "bird,cat,clock", "--top", "2", "--no-cache",
  ]

  /// Photos that differ, and one that is none.
  private static func photos(_ count: Int) throws -> [Data] {
    let folder = Embedded.openclipart.appending(path: "images")
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".jpg") }
    return try files.sorted().prefix(count).map { try Data(contentsOf: folder.appending(path: $0)) }
  }

  private static func write(_ photos: [Data], in place: Workplace) throws {
    for (index, photo) in photos.enumerated() { try place.write(photo, to: "photos/\(100 + index).jpg") }
  }

  @Test(
    "predict gives the same bytes in 1, 2, 3 and 9 shards, broken photos and empty shards included",
    arguments: [1, 2, 3, 9])
  func predict(count: Int) throws {
    try withWorkplace { place in
      var photos = try Self.photos(21)
      photos[7] = Data("no photo".utf8)
      try Self.write(photos, in: place)
      let arguments = Self.asking + ["--batch-size", "4", "photos"]
      let whole = try place.cocoop(arguments + ["--format", "jsonl"])
      #expect(whole.status == 1 && whole.output.split(separator: "\n").count == 21)
      for number in (1...count).reversed() {
        let outcome = try place.cocoop(arguments + ["--shard", "\(number)/\(count)", "--output", "out"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.hasPrefix("shard \(number)/\(count): "))
      }
      for format in ["jsonl", "csv", "json", "table"] {
        let gathered = try place.cocoop(["predict", "--gather", "--output", "out", "--format", format])
        let expected = try place.cocoop(arguments + ["--format", format])
        #expect(gathered.output == expected.output, "\(format)")
        #expect(gathered.status == 1 && gathered.errors == expected.errors, "\(format)")
      }
    }
  }

  @Test("a list of 200,000 files is divided in time that grows as the list does", .timeLimit(.minutes(1)))
  func longList() throws {
    let list = try PhotoList((0..<200_000).map { "none/\($0).jpg" })
    let (first, names) = try list.shard(Shard(1, of: 2), batchSize: 64)
    #expect(first.count == 99_968 && names.count == 200_000)  // 1,562 of 3,125 batches
  }

  @Test("a list on standard input is divided too, and a shard that is there takes a moment")
  func list() throws {
    try withWorkplace { place in
      try Self.write(try Self.photos(9), in: place)
      let list = (0..<9).map { "photos/\(100 + $0).jpg\n" }.joined()
      let arguments = Self.asking + ["--batch-size", "2", "-"]
      let whole = try place.cocoop(arguments + ["--format", "jsonl"], input: Data(list.utf8))
      for _ in 0..<2 {
        for number in 1...2 {
          let outcome = try place.cocoop(
            arguments + ["--shard", "\(number)/2", "--output", "out", "--json"], input: Data(list.utf8))
          #expect(outcome.status == 0)
        }
      }
      let again = try place.cocoop(arguments + ["--shard", "2/2", "--output", "out"], input: Data(list.utf8))
      #expect(again.output == "shard 2/2: done before in FOLDER/out/2-of-2.jsonl\n")
      #expect(try place.cocoop(["predict", "--gather", "--output", "out", "--format", "jsonl"]).output == whole.output)
      #expect(
        place.contents.filter { $0.hasPrefix("out/") } == ["out/1-of-2.jsonl", "out/2-of-2.jsonl", "out/job.json"])
      let other = try place.cocoop(
        arguments + ["--shard", "2/2", "--output", "out", "--top", "1"], input: Data(list.utf8))
      #expect(other.status == 1)
      #expect(
        other.errors
          == "Error: The shards in FOLDER/out are of another job, with the top 2 and not 1. Give what that job "
          + "was begun with, or choose another --output.\n")
    }
  }

  /// The fields of an evaluation without the time it took.
  private func figures(_ outcome: Outcome) throws -> NSDictionary {
    let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    return NSDictionary(dictionary: (object ?? [:]).filter { $0.key != "seconds" })
  }

  @Test(
    "evaluate gives the same figures and keeps the same answers in 1, 2 and 4 shards", arguments: ["cocoop", "coop"])
  func evaluate(method: String) throws {
    try withWorkplace { place in
      #expect(try place.cocoop(Short.train(method, output: "run")).status == 0)
      let arguments = ["evaluate", "--run", "run", "--no-cache", "--quiet"]
      let whole = try place.cocoop(arguments + ["--json"])
      #expect(whole.status == 0)
      let answers = "run/evaluations/openclipart-base-test/predictions.csv"
      let expected = try place.bytes(answers)
      for count in [1, 2, 4] {
        for number in 1...count {
          let outcome = try place.cocoop(arguments + ["--shard", "\(number)/\(count)", "--output", "s\(count)"])
          #expect(outcome.status == 0, "\(outcome.errors)")
        }
        try FileManager.default.removeItem(at: place.file("run/evaluations"))
        let gathered = try place.cocoop(arguments + ["--gather", "--output", "s\(count)", "--json"])
        #expect(try gathered.status == 0 && figures(gathered) == figures(whole), "\(count)")
        #expect(try place.bytes(answers) == expected, "\(count)")
      }
      try FileManager.default.removeItem(at: place.file("s4/3-of-4.jsonl"))
      #expect(
        try place.cocoop(arguments + ["--gather", "--output", "s4"]).errors
          == "Error: 1 of 4 shards in FOLDER/s4 is missing: 3/4. Run them again: those that are there take a moment.\n")
      #expect(
        try place.cocoop(arguments + ["--gather", "--output", "s2", "--split", "train"]).errors.contains(
          "are of another job, with the images "))
    }
  }

  @Test("reproduce in shards does each unit once, and the last call prints the table of one process")
  func reproduce() throws {
    try withWorkplace { place in
      try SmallComparison.write("one", in: place)
      func command(_ output: String) -> [String] {
        [
          "reproduce", "base-to-new", "--datasets", "data/one.csv", "--methods", "zero-shot,coop", "--seeds", "1,2",
          "--shots", "2", "--epochs", "2", "--image-views", "1", "--json", "--quiet", "--output", output,
        ]
      }
      let alone: PrintedComparison = try place.cocoop(command("alone")).json()
      for number in [2, 1] {
        let outcome = try place.cocoop(command("shared") + ["--shard", "\(number)/2"])
        #expect(outcome.status == 0)
        let printed: [String: Int] = try outcome.json()
        #expect(printed == ["shard": number, "shards": 2, "units": number == 1 ? 2 : 1, "failed": 0])
      }
      let before = try place.bytes("shared/units/one/coop-seed2/log.txt")
      let table: PrintedComparison = try place.cocoop(command("shared")).json()
      #expect(table.methods == alone.methods && table.averages == alone.averages)
      #expect(try place.bytes("shared/units/one/coop-seed2/log.txt") == before)
    }
  }

  @Test("the variables of a job array decide where 'array' is given, and nothing where it is not")
  func arrays() throws {
    try withWorkplace { place in
      try Self.write(try Self.photos(4), in: place)
      let arguments = Self.asking + ["--batch-size", "1", "photos"]
      let slurm = [
        "SLURM_ARRAY_TASK_ID": "12", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "10",
        "SLURM_ARRAY_TASK_STEP": "2",
      ]
      let task = try place.start(arguments + ["--shard", "array", "--output", "out"], environment: slurm).outcome()
      #expect(task.output == "shard 2/2: 2 photos in FOLDER/out/2-of-2.jsonl\n")
      let pod = try place.start(
        arguments + ["--shard", "array/2", "--output", "out"], environment: ["JOB_COMPLETION_INDEX": "0"]
      ).outcome()
      #expect(pod.output == "shard 1/2: 2 photos in FOLDER/out/1-of-2.jsonl\n")
      let plain = try place.start(arguments + ["--format", "jsonl"], environment: slurm).outcome()
      #expect(plain.output.split(separator: "\n").count == 4)
      let half = try place.start(
        arguments + ["--shard", "array", "--output", "out"], environment: ["SLURM_ARRAY_TASK_ID": "12"]
      ).outcome()
      #expect(half.status == 64 && half.errors.hasPrefix("Error: --shard: SLURM_ARRAY_TASK_ID is set, and "))
    }
  }

  @Test(
    "what cannot be divided is told with status 64",
    arguments: [
      ("--shard 5/4 --output o x.jpg", "There is no shard 5/4: they are 1/4 to 4/4."),
      ("--shard 0/4 --output o x.jpg", "There is no shard 0/4: they are 1/4 to 4/4."),
      (
        "--shard a/b --output o x.jpg",
        "--shard: 'a/b' is neither i/n, such as 3/64, nor 'array' or 'array/64' for a task of a job array."
      ),
      ("--shard 1/2 x.jpg", "--shard needs --output, the folder of the shards' results."),
      ("--gather", "--gather needs --output, the folder of the shards' results."),
      ("--output o x.jpg", "--output is the folder of shards: give --shard or --gather with it."),
      ("--shard 1/2 --gather --output o", "--shard and --gather exclude each other."),
      ("--shard 1/2 --output o --format csv x.jpg", "--shard writes JSON lines: give --format csv with --gather."),
      (
        "--shard 1/2 --output o --stdin-image",
        "--shard divides a list of photos: leave out --stream and --stdin-image."
      ),
    ])
  func usage(options: String, message: String) throws {
    try withWorkplace { place in
      let outcome = try place.cocoop("predict --model tiny-clip --classes a,b \(options)")
      #expect(outcome.status == 64 && outcome.output.isEmpty && place.contents.isEmpty)
      #expect(outcome.errors.split(separator: "\n").first.map(String.init) == "Error: \(message)")
    }
  }
}
