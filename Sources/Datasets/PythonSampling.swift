extension PythonRandom {
  /// `sample(items, count)`: `count` items without replacement, in the order drawn.
  ///
  /// - Parameter count: 0 … `items.count`.
  public mutating func sample<Item>(_ count: Int, of items: [Item]) -> [Item] {
    precondition((0...items.count).contains(count), "sample: \(count) of \(items.count) items")
    return items.count <= Self.poolLimit(count)
      ? sampleFromPool(count, of: items) : sampleByRejection(count, of: items)
  }

  /// Up to this many items a list of them is smaller than a set of those drawn: CPython's estimate of both sizes.
  private static func poolLimit(_ count: Int) -> Int {
    guard count > 5 else { return 21 }
    var power = 1
    while power < 3 * count { power *= 4 }
    return 21 + power
  }

  private mutating func sampleFromPool<Item>(_ count: Int, of items: [Item]) -> [Item] {
    var pool = items
    return (0..<count).map { drawn in
      let last = items.count - drawn - 1
      let choice = below(last + 1)
      let item = pool[choice]
      pool[choice] = pool[last]
      return item
    }
  }

  private mutating func sampleByRejection<Item>(_ count: Int, of items: [Item]) -> [Item] {
    var drawn: Set<Int> = []
    return (0..<count).map { _ in
      var choice = below(items.count)
      while !drawn.insert(choice).inserted { choice = below(items.count) }
      return items[choice]
    }
  }

  /// `shuffle(items)`: Fisher and Yates, from the end.
  public mutating func shuffle<Item>(_ items: inout [Item]) {
    for last in stride(from: items.count - 1, through: 1, by: -1) {
      items.swapAt(last, below(last + 1))
    }
  }
}
