/// Unicode's normalisation form C, of the version that CPython 3.11 has (14.0).
///
/// Source: Unicode Standard Annex 15; Hangul by The Unicode Standard, section 3.12.
struct CanonicalComposition: Sendable {
  private let pairs: ScalarMap  // primary composite → its two parts
  private let singles: ScalarMap  // every other decomposable scalar → its full decomposition
  private let combiningClasses: ScalarMap
  private let composites: [UInt64: UInt32]  // first part << 32 | second part → composite

  init(_ tables: RecordedTables) throws {
    pairs = try tables.map("compositions")
    singles = try tables.map("decompositions")
    combiningClasses = try tables.map("combining")
    var composites: [UInt64: UInt32] = [:]
    composites.reserveCapacity(pairs.keys.count)
    for composite in pairs.keys {
      guard let parts = pairs[composite], let first = parts.first, let second = parts.last else { continue }
      composites[UInt64(first) << 32 | UInt64(second)] = composite
    }
    self.composites = composites
  }

  /// - Complexity: O(n log n), for the ordering of long runs of combining marks.
  func callAsFunction(_ text: Scalars) -> Scalars {
    // Below U+0300 nothing combines and every letter is already composed.
    guard text.contains(where: { $0 >= 0x300 }) else { return text }
    var decomposed: Scalars = []
    decomposed.reserveCapacity(text.count)
    for scalar in text { decompose(scalar, onto: &decomposed) }
    let classes = order(&decomposed)
    return compose(decomposed, classes)
  }

  private func decompose(_ scalar: UInt32, onto result: inout Scalars) {
    if let syllable = Hangul.parts(of: scalar) {
      result += syllable
    } else if let parts = pairs[scalar], let first = parts.first, let second = parts.last {
      decompose(first, onto: &result)
      decompose(second, onto: &result)
    } else if let parts = singles[scalar] {
      result += parts
    } else {
      result.append(scalar)
    }
  }

  /// Sorts each run of combining marks by class, keeping the order of equals, and returns the classes.
  private func order(_ text: inout Scalars) -> [UInt8] {
    var classes = text.map { UInt8(truncatingIfNeeded: combiningClasses[$0]?.first ?? 0) }
    var start = 0
    while start < text.count {
      guard classes[start] != 0 else {
        start += 1
        continue
      }
      let end = classes[start...].firstIndex(of: 0) ?? text.count
      let sorted = (start..<end).sorted { (classes[$0], $0) < (classes[$1], $1) }
      let (scalars, order) = (sorted.map { text[$0] }, sorted.map { classes[$0] })
      text.replaceSubrange(start..<end, with: scalars)
      classes.replaceSubrange(start..<end, with: order)
      start = end
    }
    return classes
  }

  private func compose(_ text: Scalars, _ classes: [UInt8]) -> Scalars {
    var result: Scalars = []
    result.reserveCapacity(text.count)
    var starter: Int?
    var lastClass: UInt8 = 0  // class of the mark kept last since the starter; 0 when there is none between
    for (scalar, combiningClass) in zip(text, classes) {
      if let starter, lastClass < combiningClass || (lastClass == 0 && starter == result.count - 1),
        let composite = composite(of: result[starter], scalar)
      {
        result[starter] = composite
        continue
      }
      if combiningClass == 0 { starter = result.count }
      lastClass = combiningClass
      result.append(scalar)
    }
    return result
  }

  private func composite(of first: UInt32, _ second: UInt32) -> UInt32? {
    Hangul.syllable(of: first, second) ?? composites[UInt64(first) << 32 | UInt64(second)]
  }
}

/// The syllables U+AC00…U+D7A3, which are composed by arithmetic.
private enum Hangul {
  static let leads: UInt32 = 0x1100, vowels: UInt32 = 0x1161, tails: UInt32 = 0x11A7, syllables: UInt32 = 0xAC00
  static let vowelCount: UInt32 = 21, tailCount: UInt32 = 28, leadCount: UInt32 = 19
  static let syllableCount = leadCount * vowelCount * tailCount

  static func parts(of scalar: UInt32) -> Scalars? {
    guard scalar >= syllables, scalar < syllables + syllableCount else { return nil }
    let index = scalar - syllables
    let parts = [leads + index / (vowelCount * tailCount), vowels + index / tailCount % vowelCount]
    return index % tailCount == 0 ? parts : parts + [tails + index % tailCount]
  }

  static func syllable(of first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= leads, first < leads + leadCount, second >= vowels, second < vowels + vowelCount {
      return syllables + ((first - leads) * vowelCount + second - vowels) * tailCount
    }
    if first >= syllables, first < syllables + syllableCount, (first - syllables) % tailCount == 0,
      second > tails, second < tails + tailCount
    {
      return first + second - tails
    }
    return nil
  }
}
