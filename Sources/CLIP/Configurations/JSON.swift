import Foundation

/// How this package writes JSON that other programs and people read.
enum JSON {
  static func file(_ object: [String: Any]) throws -> Data {
    try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  }
}

extension Double {
  /// The number that has the shortest spelling among those that round to `value`, so that 0.48145466 stays so.
  init(shortest value: Float) { self = Double(value.description) ?? Double(value) }
}
