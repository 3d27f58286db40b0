import Foundation
import Report
import Runs
import Support
import Testing
import TestSupport

@Suite("Paths that a report cannot use are refused, each by a line")
struct OutputTests {
  private func report(_ names: [String], in folder: URL) throws -> Report {
    var builder = ReportBuilder()
    builder.computes = false
    return try Report(of: names.map { folder.appending(path: $0) }, by: builder)
  }

  @Test("what is no run, of another version, or not there ends the report when it is named by itself")
  func inputs() throws {
    try withTemporaryFolder { folder in
      let runs = SyntheticRuns(folder: folder)
      try runs.run("good", method: "coop")
      try runs.run("late", method: "coop", version: 9)
      try FileManager.default.createDirectory(
        at: folder.appending(path: "empty/below"), withIntermediateDirectories: true)
      try Data("{".utf8).write(to: runs.run("broken", method: "coop").url.appending(path: "run.json"))
      for (name, expected) in [
        ("late", "FOLDER/late/run.json has format version 9, but this program reads version 1."),
        ("broken", "FOLDER/broken is no run: its run.json cannot be read."),
        ("empty", "There is no run in FOLDER/empty, nor below it."),
        ("nowhere", "FOLDER/nowhere is no run: there is nothing at this path."),
      ] {
        #expect(message(in: folder) { try report(["good", name], in: folder) }.hasPrefix(expected), "\(name)")
      }
    }
  }

  @Test("a page takes the place of a page, and of nothing else unless it is told to")
  func outputs() throws {
    try withTemporaryFolder { folder in
      try SyntheticRuns(folder: folder).run("run", method: "coop")
      let report = try report(["run"], in: folder)
      let page = folder.appending(path: "report.html")
      try report.write(to: page)
      try report.write(to: page)
      #expect(try String(contentsOf: page, encoding: .utf8) == report.html)
      let letter = folder.appending(path: "letter.html")
      try Data("<p>Dear Ada,</p>".utf8).write(to: letter)
      #expect(
        message(in: folder) { try report.write(to: letter) }
          == "There is a file FOLDER/letter.html already, and it is no report."
          + " Choose another --output or replace it with --force.")
      try report.write(to: letter, isReplacing: true)
      #expect(
        message(in: folder) { try report.write(to: folder) }
          == "FOLDER is a folder, where a file is to be written. Name a file in it.")
      #expect(
        message(in: folder) { try report.write(to: folder.appending(path: "no/where.html")) }
          == "Cannot write FOLDER/no/where.html: No such file or directory."
          + " Choose a folder that exists, is writable and has room.")
    }
  }

  @Test("a run that is named twice, or lies in a folder that is named too, is shown once")
  func twice() throws {
    try withTemporaryFolder { folder in
      try SyntheticRuns(folder: folder).run("units/drawings/coop-seed1", method: "coop")
      let once = try report(["units"], in: folder).html
      let twice = try report(["units", "units/drawings/coop-seed1"], in: folder).html
      #expect(once == twice && once.contains("1 run with tiny-clip"))
    }
  }
}
