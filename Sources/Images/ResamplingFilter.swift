import CImageCodecs

/// For each position of an output axis: where its input positions start, how many there are, and their weights.
///
/// Antialiased as in Pillow: when shrinking, the filter is stretched by the scale so that every input pixel counts.
/// Weights sum to 1 for each output and are rounded to fixed point, half away from zero.
struct ResamplingFilter {
  private var starts: [Int32] = []
  private var counts: [Int32] = []
  private var weights: [Int32] = []  // [outputs, stride]
  private let stride: Int

  /// - Complexity: O(outputs · support · max(1, inputs / outputs)).
  init(from inputs: Int, to outputs: Int, _ interpolation: Interpolation) {
    let scale = Double(inputs) / Double(outputs)
    let stretch = max(scale, 1)
    let support = interpolation.support * stretch
    stride = Int(support.rounded(.up)) * 2 + 1
    starts.reserveCapacity(outputs)
    counts.reserveCapacity(outputs)
    weights.reserveCapacity(outputs * stride)
    let unit = Double(1 << IC_WEIGHT_BITS)
    let shrink = 1 / stretch
    for output in 0..<outputs {
      let centre = (Double(output) + 0.5) * scale
      let first = max(Int(centre - support + 0.5), 0)
      let end = min(Int(centre + support + 0.5), inputs)
      var row = (0..<end - first).map { interpolation.weight(at: (Double($0 + first) - centre + 0.5) * shrink) }
      let sum = row.reduce(0, +)
      if sum != 0 { for tap in row.indices { row[tap] /= sum } }
      starts.append(Int32(first))
      counts.append(Int32(row.count))
      weights += row.map { Int32($0 * unit + ($0 < 0 ? -0.5 : 0.5)) }
      weights += repeatElement(0, count: stride - row.count)
    }
  }

  /// Lends the tables to the loops in C.
  func withTables<Result>(_ body: (ic_filter) throws -> Result) rethrows -> Result {
    try starts.withUnsafeBufferPointer { starts in
      try counts.withUnsafeBufferPointer { counts in
        try weights.withUnsafeBufferPointer { weights in
          guard let first = starts.baseAddress, let count = counts.baseAddress, let weight = weights.baseAddress else {
            preconditionFailure("a filter has at least one output")
          }
          return try body(
            ic_filter(starts: first, counts: count, weights: weight, stride: stride, outputs: starts.count))
        }
      }
    }
  }
}
