import Datasets
import Embedded
import Foundation
import Testing

/// The recordings of `Scripts/oracle/record_fewshot.py`.
enum Fixture {
  static func read<Content: Decodable>(_ name: String) throws -> Content {
    let url = Bundle.module.bundleURL.appending(path: "Fixtures/\(name)")
    return try JSONDecoder().decode(Content.self, from: Data(contentsOf: url))
  }
}

/// Published data next to the package, which may not be copied into it; tests that need it are skipped without it.
enum Shared {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../shared").standardizedFileURL
  static var hasSplits: Bool { exists("splits") }
  static var hasImages: Bool { exists("data/caltech-101") && exists("data/oxford_flowers") }

  static func split(_ name: String) throws -> Dataset {
    let file = name == "openclipart" ? Embedded.openclipart : folder.appending(path: "splits/split_zhou_\(name).json")
    return try Dataset(at: file)
  }

  private static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: path).path)
  }
}

/// A folder of its own for one test, removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "datasets-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The explanation of the error that `body` throws, with `folder`'s path written as FOLDER.
func explanation(in folder: URL? = nil, of body: () throws -> some Any) -> String {
  do {
    _ = try body()
    return "no error"
  } catch {
    return folder.map { "\(error)".replacing($0.path, with: "FOLDER") } ?? "\(error)"
  }
}

extension Dataset {
  /// The number of images of each split.
  var sizes: [Int] { Split.allCases.map { examples(in: $0).count } }
}

/// FNV-1a, 64 bits, of each image's path, label and class name: enough to distinguish samples.
func hash(_ entries: [SplitFile.Entry]) -> String {
  var value: UInt64 = 0xCBF2_9CE4_8422_2325
  for entry in entries {
    for byte in "\(entry.path)\t\(entry.label)\t\(entry.className)\n".utf8 {
      value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
    }
  }
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
