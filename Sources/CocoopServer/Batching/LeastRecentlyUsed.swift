/// A bounded table that drops the least recently used entries.
///
/// - Complexity: O(1) to look up, O(`capacity`) to insert where the table is full; capacities are in the tens.
package struct LeastRecentlyUsed<Key: Hashable, Value> {
  private struct Entry {
    let value: Value
    let weight: Int
    var lastUse: Int
  }

  private let capacity: Int
  private let weightLimit: Int
  private var entries: [Key: Entry] = [:]
  private var clock = 0

  /// - Parameters:
  ///   - capacity: the most entries; 0 keeps none.
  ///   - weightLimit: the largest total weight. An entry that is heavier by itself is kept as the only one with a
  ///     weight: it was requested.
  package init(capacity: Int, weightLimit: Int = .max) {
    self.capacity = capacity
    self.weightLimit = weightLimit
  }

  package var count: Int { entries.count }
  /// The weight of all entries together.
  package var weight: Int { entries.values.reduce(0) { $0 + $1.weight } }

  /// The value of a key, which counts as used.
  package mutating func value(for key: Key) -> Value? {
    guard let index = entries.index(forKey: key) else { return nil }
    clock += 1
    entries.values[index].lastUse = clock
    return entries.values[index].value
  }

  package mutating func insert(_ value: Value, for key: Key, weight: Int = 0) {
    guard capacity > 0 else { return }
    entries[key] = nil
    if entries.count >= capacity { forget { _ in true } }
    while weight > 0, self.weight > 0, self.weight + weight > weightLimit { forget { $0.weight > 0 } }
    clock += 1
    entries[key] = Entry(value: value, weight: weight, lastUse: clock)
  }

  /// Drops the oldest of the entries that match.
  private mutating func forget(where isMeant: (Entry) -> Bool) {
    let oldest = entries.filter { isMeant($0.value) }.min { $0.value.lastUse < $1.value.lastUse }
    if let oldest { entries[oldest.key] = nil }
  }
}
