import Foundation
import Support
import Testing
import Torch

@Suite("doctor says what is installed, and what is wrong")
struct DoctorTests {
  /// The part of `doctor --json` that the tests read.
  private struct Findings: Decodable {
    struct Resource: Decodable {
      let name: String
      let isThere: Bool
    }
    struct Model: Decodable {
      let name: String
      let seconds: Double?
    }
    struct Cache: Decodable {
      let name, path: String
      let files: Int
      let mebibytes: Double
    }
    struct Problem: Decodable { let problem, remedy: String }
    let version, device: String
    let precisions: [Precision]
    let resources: [Resource]
    let models: [Model]
    let caches: [Cache]
    let problems: [Problem]
  }

  private func findings(
    _ arguments: [String] = [], in place: Workplace, environment: [String: String] = [:]
  ) throws -> (Findings, Outcome) {
    let outcome = try place.start(["doctor", "--json"] + arguments, environment: environment).outcome()
    return (try outcome.json(), outcome)
  }

  @Test("a sound installation has all resources and a model that works")
  func sound() throws {
    try withWorkplace { place in
      let cache = place.file("cache/cocoop")
      try place.write(Data(count: 1 << 20), to: "cache/cocoop/features-1.safetensors")
      let (found, outcome) = try findings(
        in: place, environment: ["XDG_CACHE_HOME": cache.deletingLastPathComponent().path])
      #expect(outcome.status == 0 && outcome.errors.isEmpty && found.problems.isEmpty)
      let missing = found.resources.filter { !$0.isThere }.map(\.name)
      #expect(missing.isEmpty)
      let model = try #require(found.models.first)
      #expect(model.name == "tiny-clip" && model.seconds != nil)
      #expect(found.caches.map(\.files) == [1] && found.caches.map(\.mebibytes) == [1])
      #expect(try place.cocoop("--version").output == found.version + "\n")
      #expect(found.precisions.first == .float32)
      if found.device == "cpu" { #expect(found.precisions == Precision.allCases.filter(\.isAvailable)) }
      let names = found.precisions.map(\.rawValue).joined(separator: ", ")
      #expect(try place.cocoop("doctor").output.contains("\nprecisions  \(names)\n"))
    }
  }

  @Test("all targets with resources are looked for")
  func resources() throws {
    let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Package.swift")
    let targets = try String(contentsOf: package, encoding: .utf8).split(separator: ".target(")
    let named = targets.filter { $0.contains("resources:") && !$0.contains(".testTarget(") }.compactMap {
      $0.firstMatch(of: /name: "(\w+)"/).map { "cocoop_\($0.1).resources" }
    }
    try withWorkplace { place in
      let found = try findings(in: place).0.resources.map(\.name)
      #expect(found.sorted() == named.sorted())
    }
  }

  @Test("neither form has the home folder or the user's name")
  func anonymous() throws {
    try withWorkplace { place in
      let home = place.file("home/carla").path
      try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
      for form in [[], ["--json"]] {
        let outcome = try place.start(["doctor"] + form, environment: ["HOME": home, "XDG_CACHE_HOME": home + "/c"])
          .outcome()
        #expect(outcome.status == 0 && outcome.output.contains("~/c/cocoop"))
        #expect(!outcome.output.contains("carla"))
        let shared = place.file("\(NSUserName())/d").path
        let elsewhere = try place.start(["doctor"] + form, environment: ["HOME": home, "XDG_CACHE_HOME": shared])
          .outcome()
        #expect(elsewhere.output.contains("FOLDER/USER/d/cocoop"))
      }
    }
  }

  @Test("what is wrong is told with its remedy, and ends with 1")
  func wrong() throws {
    try withWorkplace { place in
      try place.write("a file", to: "file")
      let (found, outcome) = try findings(in: place, environment: ["XDG_CACHE_HOME": place.file("file").path])
      #expect(outcome.status == 1)
      #expect(found.problems.map(\.problem) == ["The cache FOLDER/file/cocoop cannot be written to: Not a directory"])
      let threads = AvailableCores.count + 1
      let text = try place.start(
        ["doctor", "--threads", "\(threads)"], environment: ["XDG_CACHE_HOME": place.file("cache").path]
      ).outcome()
      #expect(text.status == 1 && !place.exists("cache/cocoop"))
      let remedy = "Give at most \(threads - 1) as --threads or OMP_NUM_THREADS."
      let wrong = text.output.split(separator: "\n").filter { $0.hasPrefix("wrong: ") }
      #expect(wrong == ["wrong: \(threads) threads would compute on \(threads - 1) cores. \(remedy)"])
    }
  }
}
