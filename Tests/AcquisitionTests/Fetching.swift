import Acquisition
import Foundation
import NamedModels
import Support
import Synchronization
import TestHub

/// A folder for one test.
func withFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
  let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
    .appending(path: "acquisition-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try await OwnThreads.shared.run { try await body(folder) }
}

/// Bytes that follow from a seed.
func bytes(_ count: Int, seed: UInt64 = 1) -> Data {
  var generator = SeededGenerator(seed: seed)
  return Data((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
}

func sha256(_ data: Data) -> String { FileHash.sha256 { update in data.withUnsafeBytes { update($0) } } }

/// What a downloader said.
final class Remarks: Sendable {
  private let texts = Mutex<[String]>([])
  var all: [String] { texts.withLock { $0 } }
  func add(_ text: String) { texts.withLock { $0.append(text) } }
}

/// Settings that don't wait as long as for people.
func quick(_ environment: [String: String] = [:]) throws -> NetworkSettings {
  var settings = try NetworkSettings(environment: environment)
  (settings.pause, settings.longestPause) = (.milliseconds(1), .milliseconds(4))
  settings.idle = .seconds(2)
  return settings
}

extension TestHub {
  static let model = "test/model"

  /// The address of a file at the place of large files.
  func address(_ path: String, of name: String = TestHub.model) -> Download.Address {
    .init("\(origin)/\(name)/\(path)")
  }

  /// Asks for one file, "weights.bin".
  func fetch(
    into file: URL, size: Int? = nil, digest: FileDigest? = nil, addresses: [Download.Address]? = nil,
    settings: NetworkSettings? = nil, remarks: Remarks = Remarks()
  ) async throws -> FetchedFile {
    let download = Download("weights.bin", from: addresses ?? [address("weights.bin")], size: size, digest: digest)
    return try await Downloader.with(settings ?? quick(), remark: { remarks.add($0) }) {
      try await $0.fetch(download, into: file)
    }
  }

  var ranges: [String?] { seen.filter { $0.method == "GET" }.map { $0.headers["range"] } }

  /// The first byte that each request asks for.
  var starts: [Int] { ranges.map { Int($0?.filter(\.isNumber) ?? "0") ?? -1 } }
}

/// The error of a failed fetch.
func failure(_ body: () async throws -> some Any) async -> AcquisitionError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? AcquisitionError
  }
}

func names(in folder: URL) -> [String] {
  ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
}
