import ArgumentParser
import Foundation
import Runs
import Support
import Torch

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is installed, what it runs on, and what is wrong.",
    discussion: """
      Loads tiny-clip and embeds one of the bundled images. The exit status is 1 where something is wrong. Neither form \
      has the name of the user or of the home folder, so that both can stand in a bug report.

      EXAMPLE:
        cocoop doctor
      """)

  @Option(help: ArgumentHelp("Threads to compute with (default: the cores that this process may use).", valueName: "n"))
  var threads: Int?

  @Flag(help: "Print the result as one JSON document.")
  var json = false

  func run() throws {
    try ComputeOptions.apply(threads: threads)
    let checkup = Checkup()
    if json {
      print(String(decoding: try JSONEncoder.readable.encode(checkup), as: UTF8.self))
    } else {
      print(checkup.text)
    }
    fflush(nil)
    if !checkup.problems.isEmpty { throw ExitCode.failure }
  }
}

extension Checkup {
  /// One page for people.
  var text: String {
    var rows: [(name: String, value: String)] = [
      ("cocoop", "\(version) in \(tool)"),
      ("resources", "\(resources.filter(\.isThere).count) of \(resources.count) beside it"),
      ("system", system),
      ("libtorch", libtorch.version + (libtorch.path.map { " in \($0)" } ?? "")),
      ("device", device + (deviceReason.map { ": \($0)" } ?? "")),
      ("precisions", precisions.isEmpty ? "none" : precisions.map(\.rawValue).joined(separator: ", ")),
      ("processor", ([processor.name] + processor.features).joined(separator: " ")),
      ("threads", threads.text),
      ("memory", memory.map { "\(Self.size($0.availableMiB)) of \(Self.size($0.totalMiB)) free" } ?? "unknown"),
    ]
    rows += disks.map { ("disk", "\($0.freeMiB.map(Self.size) ?? "unknown") free for \($0.purpose), \($0.path)") }
    rows += caches.map { cache in
      let limit = cache.limitMiB.map { " of at most \(Self.size($0))" } ?? ""
      return ("cache", "\(cache.name): \(cache.files) files, \(Self.size(cache.mebibytes))\(limit), \(cache.path)")
    }
    rows += models.map { model in
      let seconds = model.seconds.map { String(format: "loads and embeds an image in %.2f s", $0) }
      return ("model", "\(model.name): \(seconds ?? "does not work")")
    }
    rows.append(("HEIC, AVIF", readsHEIF ? "read by libheif" : "not read: libheif is not installed"))
    let width = rows.map(\.name.count).max() ?? 0
    let page = rows.map { $0.name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + $0.value.onOneLine }
    let verdict =
      problems.isEmpty
      ? ["Nothing is wrong."] : problems.map { "wrong: \($0.problem). \($0.remedy).".onOneLine }
    return (page + [""] + verdict).joined(separator: "\n")
  }

  private static func size(_ mebibytes: Double) -> String {
    mebibytes < 1024 ? String(format: "%.0f MiB", mebibytes) : String(format: "%.1f GiB", mebibytes / 1024)
  }
}

extension Checkup.ThreadUse {
  fileprivate var text: String {
    var text = "\(inUse) in use; this process may use \(available) of \(cores) cores"
    if let quota { text += String(format: ", its quota being %.2f", quota) }
    if let ompNumThreads { text += "; OMP_NUM_THREADS is \(ompNumThreads)" }
    return text
  }
}
