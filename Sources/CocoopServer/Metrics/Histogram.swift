/// Counts of values up to each of a few bounds, as Prometheus keeps them.
package struct Histogram: Sendable {
  /// Ascending; a last bucket takes the rest.
  package let bounds: [Double]
  private var counts: [Int]
  private var sum = 0.0

  package init(bounds: [Double]) {
    self.bounds = bounds
    counts = [Int](repeating: 0, count: bounds.count + 1)
  }

  package mutating func add(_ value: Double) {
    counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    sum += value
  }

  /// The lines of the text format (Prometheus, *Exposition formats*, version 0.0.4).
  ///
  /// - Parameter labels: such as `route="/v1/classify"`, or empty.
  package func lines(name: String, labels: String) -> [String] {
    var total = 0
    let comma = labels.isEmpty ? "" : ","
    let buckets = zip(bounds.map { "\($0)" } + ["+Inf"], counts).map { bound, count in
      total += count
      return "\(name)_bucket{\(labels)\(comma)le=\"\(bound)\"} \(total)"
    }
    let braces = labels.isEmpty ? "" : "{\(labels)}"
    return buckets + ["\(name)_sum\(braces) \(sum)", "\(name)_count\(braces) \(total)"]
  }
}
