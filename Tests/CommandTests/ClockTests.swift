import PromptLearning

#if os(Linux)
  import Runs
  import Foundation
  import Testing

  @Suite("A clock that jumps changes nothing but the times that are told to people")
  struct ClockTests {
    /// A library that replaces the system's clock: each reading is years before or after the previous one.
    private static let jumping = """
      #define _GNU_SOURCE
      #include <stdatomic.h>
      #include <sys/syscall.h>
      #include <sys/time.h>
      #include <time.h>
      #include <unistd.h>

      static atomic_long looks;
      static long seconds(void) { return 1000000000L + atomic_fetch_add(&looks, 7919) % 97 * 40000000L; }

      time_t time(time_t *to) {
        time_t now = seconds();
        if (to) *to = now;
        return now;
      }

      int gettimeofday(struct timeval *restrict to, void *restrict zone) {
        (void)zone;
        *to = (struct timeval){.tv_sec = seconds()};
        return 0;
      }

      int clock_gettime(clockid_t clock, struct timespec *to) {
        if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return (int)syscall(SYS_clock_gettime, clock, to);
        *to = (struct timespec){.tv_sec = seconds()};
        return 0;
      }
      """

    private static let training = SmallTraining(method: "cocoop", views: "fresh")

    /// Compiles the clock; `nil` where there is no C compiler.
    private static func library(in place: Workplace) throws -> String? {
      let source = try place.write(jumping, to: "clock.c")
      let compiler = Process()
      compiler.executableURL = URL(filePath: "/usr/bin/env")
      compiler.arguments = ["cc", "-shared", "-fPIC", "-O1", "-o", place.file("clock.so").path, source.path]
      compiler.standardError = FileHandle.nullDevice
      try compiler.run()
      compiler.waitUntilExit()
      return compiler.terminationStatus == 0 ? place.file("clock.so").path : nil
    }

    /// Whether a library can be preloaded here.
    static let isAvailable: Bool = (try? withWorkplace { try library(in: $0) != nil }) ?? false

    @Test(
      "a training ends with the same bytes, killed and gone on with too, and its rates and times left are real",
      .enabled(if: isAvailable, "compiling a clock needs cc"))
    func unmoved() throws {
      try withWorkplace { place in
        try SmallTraining.prepare(place)
        let library = try #require(try Self.library(in: place))
        let options = Self.training.options.filter { $0 != "--quiet" }
        try place.cocoop(options + ["--output", "steady"])
        func start(_ more: String...) throws -> Call {
          try place.start(options + ["--output", "run"] + more, environment: ["LD_PRELOAD": library])
        }
        let call = try start("--checkpoint-every", "3")
        while call.process.isRunning, (try? place.losses(of: "run").count) ?? 0 < 2 { usleep(200) }
        kill(call.process.processIdentifier, SIGKILL)
        _ = try call.outcome()
        let outcome = try start("--resume").outcome()
        #expect(outcome.status == 0)
        #expect(try place.bytes("run/prompts.safetensors") == place.bytes("steady/prompts.safetensors"))
        #expect(try place.losses(of: "run") == place.losses(of: "steady"))

        let log = try String(contentsOf: place.file("run/log.txt"), encoding: .utf8)
        let years = Set(log.split(separator: "\n").map { $0.prefix(4) })
        #expect(years.count > 2, "the clock did jump: \(log)")
        let folder = try RunFolder(existing: place.file("run"))
        #expect(folder.metrics().allSatisfy { (0..<60).contains($0.seconds) })
        #expect((0..<120).contains(try #require(folder.record().trainingSeconds)))
        struct Step: Decodable { let imagesPerSecond: Double }
        let steps = try String(contentsOf: place.file("run/steps.jsonl"), encoding: .utf8).split(separator: "\n").map {
          try JSONDecoder().decode(Step.self, from: Data($0.utf8)).imagesPerSecond
        }
        #expect(steps.count == 48 && steps.allSatisfy { (0.1..<100_000).contains($0) })
        let last = try #require(outcome.errors.split(separator: "\n").last { $0.contains("steps") })
        #expect(last.contains(/48\/48 steps, \d+ s, .*\/s$/), "\(last)")
      }
    }
  }
#endif
