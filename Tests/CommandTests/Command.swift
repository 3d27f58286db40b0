import Embedded
import Foundation
import Testing

/// The outcome of one call of the built `cocoop`.
struct Outcome {
  let status: Int32
  let output: String
  let errors: String

  /// The result, as `--json` prints it.
  func json<Content: Decodable>(_ type: Content.Type = Content.self) throws -> Content {
    try JSONDecoder().decode(type, from: Data(output.utf8))
  }
}

/// A fresh folder in which the built tool runs, removed when the test ends.
struct Workplace {
  let url: URL

  /// Runs the tool to its end; if it takes longer than two minutes, it is killed and the test fails.
  @discardableResult
  func cocoop(_ arguments: [String], input: Data? = nil) throws -> Outcome {
    let call = try start(arguments, input: input)
    return try call.outcome()
  }

  @discardableResult
  func cocoop(_ line: String) throws -> Outcome {
    try cocoop(line.split(separator: " ").map(String.init))
  }

  /// - Parameters:
  ///   - redirection: a shell's redirection of the streams, such as `>&-`; `nil` starts the tool itself.
  ///   - launcher: a program with its arguments that starts the tool.
  ///   - errors: the target of standard error instead of a file.
  ///   - environment: variables in addition to those of the tests.
  func start(
    _ arguments: [String], input: Data? = nil, through redirection: String? = nil, under launcher: [String] = [],
    errors: FileHandle? = nil, environment: [String: String] = [:]
  ) throws -> Call {
    try Call(
      arguments, in: self, input: input, through: redirection, under: launcher, errors: errors,
      environment: environment)
  }

  func file(_ path: String) -> URL { url.appending(path: path) }
  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: file(path).path) }

  @discardableResult
  func write(_ data: Data, to path: String) throws -> URL {
    try FileManager.default.createDirectory(
      at: file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file(path))
    return file(path)
  }

  @discardableResult
  func write(_ text: String, to path: String) throws -> URL { try write(Data(text.utf8), to: path) }

  /// Everything below the folder, as paths.
  var contents: [String] { (try? FileManager.default.subpathsOfDirectory(atPath: url.path).sorted()) ?? [] }
}

/// A running tool, whose output goes to files so that it never blocks on a reader.
struct Call {
  let process = Process()
  private let ended = DispatchSemaphore(value: 0)
  private let streams: URL
  private let place: Workplace
  private static let limit: DispatchTimeInterval = .seconds(120)

  init(
    _ arguments: [String], in place: Workplace, input: Data?, through redirection: String?, under launcher: [String],
    errors: FileHandle?, environment: [String: String]
  ) throws {
    self.place = place
    streams = FileManager.default.temporaryDirectory.appending(path: "cocoop-call-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: streams, withIntermediateDirectories: true)
    for (name, data) in [("in", input ?? Data()), ("out", Data()), ("err", Data())] {
      try data.write(to: streams.appending(path: name))
    }
    process.executableURL = try redirection == nil ? Self.tool() : URL(filePath: "/bin/sh")
    process.arguments =
      try redirection.map { try ["-c", "exec \"$0\" \"$@\" \($0)", Self.tool().path] + arguments } ?? arguments
    if !launcher.isEmpty {
      process.arguments = try launcher + [process.executableURL ?? Self.tool()].map(\.path) + (process.arguments ?? [])
      process.executableURL = URL(filePath: "/usr/bin/env")
    }
    process.currentDirectoryURL = place.url
    let cache = FileManager.default.temporaryDirectory.appending(path: "cocoop-test-cache").path
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": cache]
    ) { $1 }.merging(environment) { $1 }
    let handles = try [
      FileHandle(forReadingFrom: streams.appending(path: "in")),
      FileHandle(forWritingTo: streams.appending(path: "out")),
      FileHandle(forWritingTo: streams.appending(path: "err")),
    ]
    (process.standardInput, process.standardOutput, process.standardError) = (
      handles[0], handles[1], errors ?? handles[2]
    )
    process.terminationHandler = { [ended] _ in ended.signal() }
    try process.run()
    // The tool has its own. Foundation keeps these as long as the process object, and with about 1,360 open descriptors
    // its next start of a process reads beyond its list of them.
    for handle in handles { try handle.close() }
  }

  /// Whether anything has been printed so far.
  var hasPrinted: Bool { ((try? Data(contentsOf: streams.appending(path: "out")))?.isEmpty) == false }

  /// Waits for the end.
  func outcome() throws -> Outcome {
    defer { try? FileManager.default.removeItem(at: streams) }
    if ended.wait(timeout: .now() + Self.limit) == .timedOut {
      kill(process.processIdentifier, SIGKILL)
      Issue.record("cocoop \((process.arguments ?? []).joined(separator: " ")) did not end")
      ended.wait()
    }
    func text(_ name: String) throws -> String {
      try String(contentsOf: streams.appending(path: name), encoding: .utf8)
        .replacing(place.url.path, with: "FOLDER")
    }
    return Outcome(status: process.terminationStatus, output: try text("out"), errors: try text("err"))
  }

  /// The tool that was built together with these tests.
  private static func tool() throws -> URL {
    let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL
    #if DEBUG
      let mode = "debug"
    #else
      let mode = "release"
    #endif
    let folders =
      [URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()]
      + Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() } + [package.appending(path: ".build/\(mode)")]
    return try #require(
      folders.map { $0.appending(path: "cocoop") }.first { file in
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder) && !isFolder.boolValue
      }, "the tool 'cocoop' was not built beside its tests")
  }
}

func withWorkplace<Result>(_ body: (Workplace) throws -> Result) throws -> Result {
  let url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
    .appending(path: "cocoop-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(Workplace(url: url))
}

/// The shortest training that learns anything.
enum Short {
  static let options = [
    "--data", "openclipart", "--classes", "base", "--shots", "1", "--epochs", "1", "--image-views", "1", "--quiet",
  ]

  static func train(_ method: String, output: String, more: [String] = []) -> [String] {
    let training =
      method == "zero-shot" ? ["--data", "openclipart", "--classes", "base", "--shots", "1", "--quiet"] : options
    return ["train", "--method", method, "--output", output, "--no-test"] + training + more
  }

  static let photo = Embedded.openclipart.appending(path: "images/bird/000.jpg").path
}
