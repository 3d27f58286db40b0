import Foundation
import Support
import Testing
import TestSupport
import Torch

extension Tensor {
  /// Elements drawn evenly from -1 ..< 1.
  static func random(_ shape: [Int], _ generator: inout SplitMix64) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map { _ in Float.random(in: -1..<1, using: &generator) }, shape: shape)
  }

  /// A scalar that depends on every element, each with a weight of its own.
  func weightedMean(_ weight: Tensor) throws -> Tensor {
    try (self * weight).mean(over: Array(shape.indices))
  }
}

/// A file of the Fixtures folder, which Scripts/oracle/record_torch.py wrote.
func fixture(_ name: String) throws -> URL {
  try #require(Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: nil))
}

/// Runs `body` with a folder that is removed afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "TorchTests-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// Checks that `body` throws a ``TorchError`` of one line and not too long to read, and returns its text.
@discardableResult
func refused(_ location: SourceLocation = #_sourceLocation, _ body: () throws -> some Any) -> String {
  let error = #expect(throws: TorchError.self, sourceLocation: location) { _ = try body() }
  let text = error?.explanation ?? ""
  #expect(!text.contains { $0.isNewline } && (10...600).contains(text.count), "\(text)", sourceLocation: location)
  return text
}
