/// A bounded table that forgets what was not asked for the longest.
///
/// - Complexity: O(1) to look up, O(`capacity`) to insert where the table is full; capacities are in the tens.
package struct LeastRecentlyUsed<Key: Hashable, Value> {
  private struct Entry {
    let value: Value
    var lastUse: Int
  }

  private let capacity: Int
  private var entries: [Key: Entry] = [:]
  private var clock = 0

  /// - Parameter capacity: the most entries; 0 keeps none.
  package init(capacity: Int) { self.capacity = capacity }

  package var count: Int { entries.count }

  /// The value of a key, which counts as used.
  package mutating func value(for key: Key) -> Value? {
    guard let index = entries.index(forKey: key) else { return nil }
    clock += 1
    entries.values[index].lastUse = clock
    return entries.values[index].value
  }

  package mutating func insert(_ value: Value, for key: Key) {
    guard capacity > 0 else { return }
    if entries[key] == nil, entries.count >= capacity {
      let oldest = entries.min { $0.value.lastUse < $1.value.lastUse }
      if let oldest { entries[oldest.key] = nil }
    }
    clock += 1
    entries[key] = Entry(value: value, lastUse: clock)
  }
}
