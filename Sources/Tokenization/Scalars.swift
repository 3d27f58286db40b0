/// A text as its Unicode scalar values.
///
/// The tokenizer never compares `Character`s or `String`s: both treat canonically equivalent texts as equal
/// (U+212A KELVIN SIGN and "K"), and the reference, written in Python, tells them apart.
typealias Scalars = [UInt32]

/// A set of scalars, as sorted ranges that don't touch.
struct ScalarSet: Sendable {
  private(set) var lows: Scalars = []
  private(set) var highs: Scalars = []

  /// - Precondition: ranges arrive in ascending order.
  mutating func append(_ range: ClosedRange<UInt32>) {
    lows.append(range.lowerBound)
    highs.append(range.upperBound)
  }

  /// - Complexity: O(log n) in the number of ranges.
  func contains(_ scalar: UInt32) -> Bool {
    let following = lows.firstIndex(above: scalar)
    return following > 0 && scalar <= highs[following - 1]
  }

  /// How many scalars the set holds.
  var count: Int { zip(lows, highs).reduce(0) { $0 + Int($1.1 - $1.0) + 1 } }

  /// Every scalar of the set, ascending.
  var members: some Sequence<UInt32> { zip(lows, highs).lazy.flatMap { $0.0...$0.1 } }
}

/// A table from a scalar to one or more scalars.
struct ScalarMap: Sendable {
  private(set) var keys: Scalars = []
  private var starts: [Int] = [0]
  private var values: Scalars = []

  /// - Precondition: keys arrive in ascending order.
  mutating func append(_ key: UInt32, _ value: Scalars) {
    keys.append(key)
    values += value
    starts.append(values.count)
  }

  /// - Complexity: O(log n) in the number of keys.
  subscript(scalar: UInt32) -> ArraySlice<UInt32>? {
    let following = keys.firstIndex(above: scalar)
    guard following > 0, keys[following - 1] == scalar else { return nil }
    return values[starts[following - 1]..<starts[following]]
  }

  /// The text with each scalar that the table knows replaced.
  func applied(to text: Scalars) -> Scalars {
    guard text.contains(where: { self[$0] != nil }) else { return text }
    return text.reduce(into: []) { result, scalar in
      if let replacement = self[scalar] { result += replacement } else { result.append(scalar) }
    }
  }
}

extension Scalars {
  /// The index of the first element above `scalar` in a sorted array, or `count`.
  fileprivate func firstIndex(above scalar: UInt32) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle] <= scalar { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The text without what `set` holds at either end.
  func trimmed(of set: ScalarSet) -> ArraySlice<UInt32> {
    guard let first = firstIndex(where: { !set.contains($0) }), let last = lastIndex(where: { !set.contains($0) })
    else { return [] }
    return self[first...last]
  }
}

extension UInt32 {
  /// The scalar that a literal names: `.scalar("é")`. (`UInt32("é")` would read it as a number, and fail.)
  static func scalar(_ literal: Unicode.Scalar) -> UInt32 { literal.value }

  /// `0-9`.
  var isASCIIDigit: Bool { (0x30...0x39).contains(self) }
  /// `A-Z` or `a-z`.
  var isASCIILetter: Bool { (0x61...0x7A).contains(self | 0x20) }
}
