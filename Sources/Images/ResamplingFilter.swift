import CImageCodecs

/// The filter of one axis: for each output position, the start and number of its input positions, and their weights.
///
/// The filter is antialiased as in Pillow: when shrinking, it is stretched by the scale so that every input pixel
/// counts.
/// Weights sum to 1 for each output and are rounded to fixed point, half away from zero.
struct ResamplingFilter {
  private var starts: [Int32] = []
  private var counts: [Int32] = []
  private var weights: [Int32] = []  // [outputs, stride]
  private var stride = 1

  /// Computes the filter of some outputs; with as many outputs as inputs it leaves the values as they are.
  ///
  /// - Parameters:
  ///   - inputs: the number of input positions that the outputs cover.
  ///   - offset: the first of them on the axis.
  ///   - outputs: the number of positions that they become.
  ///   - kept: the outputs that are wanted.
  /// - Complexity: O(kept · support · max(1, inputs / outputs)).
  init(
    from inputs: Int, startingAt offset: Int, to outputs: Int, keeping kept: Range<Int>, _ interpolation: Interpolation
  ) {
    guard inputs != outputs else {
      self.init(taking: kept.map { Int32($0 + offset) })
      return
    }
    self.init(from: 0, to: Double(inputs), of: inputs, outputs: outputs, keeping: kept, interpolation)
    for output in starts.indices { starts[output] += Int32(offset) }
  }

  /// Positions as they are.
  private init(taking positions: [Int32]) {
    starts = positions
    counts = positions.map { _ in 1 }
    weights = positions.map { _ in Int32(Self.unit) }
  }

  /// A weight of 1.
  private static let unit = Double(1 << IC_WEIGHT_BITS)

  /// The same of a stretch that may begin and end between positions, as Pillow's `resize(box:)` takes it; what lies
  /// beside the stretch counts too where the filter reaches it.
  ///
  /// - Parameter inputs: the length of the whole axis.
  init(
    from start: Double, to end: Double, of inputs: Int, outputs: Int, keeping kept: Range<Int>,
    _ interpolation: Interpolation
  ) {
    let unit = Self.unit
    let scale = (end - start) / Double(outputs)
    let stretch = max(scale, 1)
    let support = interpolation.support * stretch
    stride = Int(support.rounded(.up)) * 2 + 1
    starts.reserveCapacity(kept.count)
    counts.reserveCapacity(kept.count)
    weights.reserveCapacity(kept.count * stride)
    let shrink = 1 / stretch
    for output in kept {
      let centre = start + (Double(output) + 0.5) * scale
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

  /// The filter for an axis that runs in the opposite direction: outputs are reversed as well.
  ///
  /// - Parameter inputs: the length of the whole axis.
  func mirrored(inputs: Int) -> ResamplingFilter {
    var mirrored = self
    for (output, original) in zip(starts.indices, starts.indices.reversed()) {
      let count = Int(counts[original])
      mirrored.starts[output] = Int32(inputs - count) - starts[original]
      mirrored.counts[output] = counts[original]
      for tap in 0..<count {
        mirrored.weights[output * stride + tap] = weights[original * stride + count - 1 - tap]
      }
      for tap in count..<stride { mirrored.weights[output * stride + tap] = 0 }
    }
    return mirrored
  }

  /// Passes the tables to the loops in C.
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
