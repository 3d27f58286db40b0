import Foundation

/// A line of `steps.jsonl`: means over the steps since the line before.
public struct StepLine: Sendable, Codable, Equatable {
  /// From 1, all epochs counted on.
  public let step: Int
  /// From 1.
  public let epoch: Int
  /// Mean cross-entropy before each step, in nats.
  public let loss: Double
  /// The share of the steps' images that were named rightly before each step, in percent.
  public let accuracy: Double
  public let learningRate: Float
  public let imagesPerSecond: Double

  /// The text with its line break.
  var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
  }

  /// Reads whole lines and passes over others, such as the last of a process that died; none where there is no file.
  static func lines(in file: URL) -> [StepLine] {
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(StepLine.self, from: Data($0.utf8)) }
  }
}
