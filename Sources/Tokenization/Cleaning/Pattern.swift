/// One alternative of a ``Pattern``: a set of scalars (or bytes) for each place.
struct PatternRule: Sendable {
  let places: [ScalarSet]
  let isAnchored: Bool
}

/// A set of at most 64 alternatives of fixed length, matched in parallel with one bit each.
///
/// `table[unit][place]` has the bit of every rule whose set at `place` holds `unit`, so the rules that match at a
/// position are the conjunction of one word for each place.
struct Pattern: Sendable {
  private let width: Int  // places of the longest rule
  private let rows: [UInt32: Int]  // unit → row of `table`
  private let table: [UInt64]  // [row, place]
  private let wide: [WideSet]  // sets too large to enumerate: `.`, `\w`, `[^A-Za-z]`
  private let finished: [UInt64]  // [place]: the rules that end before it
  private let anchored: UInt64

  private struct WideSet {
    let rule: UInt64
    let place: Int
    let set: ScalarSet
  }

  /// - Precondition: 1 to 64 rules, in order of preference, none of them empty.
  init(rules: [PatternRule]) {
    precondition((1...64).contains(rules.count), "a pattern has 1 to 64 rules, not \(rules.count)")
    let width = rules.map(\.places.count).max() ?? 1
    var rows: [UInt32: Int] = [:]
    var table: [UInt64] = []
    var wide: [WideSet] = []
    var finished = [UInt64](repeating: 0, count: width + 1)
    for (index, rule) in rules.enumerated() {
      let bit = UInt64(1) << index
      for place in rule.places.count...width { finished[place] |= bit }
      for (place, set) in rule.places.enumerated() {
        guard set.count <= 1000 else {
          wide.append(WideSet(rule: bit, place: place, set: set))
          continue
        }
        for unit in set.members {
          let row = rows[unit] ?? table.count
          if row == table.count {
            rows[unit] = row
            table += [UInt64](repeating: 0, count: width)
          }
          table[row + place] |= bit
        }
      }
    }
    (self.width, self.rows, self.table, self.wide, self.finished) = (width, rows, table, wide, finished)
    anchored = rules.indices.filter { rules[$0].isAnchored }.reduce(0) { $0 | UInt64(1) << $1 }
  }

  /// The length of the first rule that matches at `start`, or `nil`.
  func matchLength<Unit: FixedWidthInteger & UnsignedInteger>(in text: [Unit], at start: Int) -> Int? {
    var alive = start == 0 ? ~0 : ~anchored
    var best: (rule: UInt64, length: Int)?
    for place in 0..<width where start + place < text.count {
      alive &= rules(holding: UInt32(text[start + place]), at: place, among: alive)
      guard alive != 0 else { break }
      let ended = alive & finished[place + 1]
      let preferred = ended & (~ended &+ 1)
      if ended != 0, best.map({ preferred < $0.rule }) ?? true { best = (preferred, place + 1) }
      alive &= ~ended
    }
    return best?.length
  }

  /// Whether any rule matches anywhere.
  func matches<Unit: FixedWidthInteger & UnsignedInteger>(in text: [Unit]) -> Bool {
    text.indices.contains { matchLength(in: text, at: $0) != nil }
  }

  /// The text with each match, from left to right, replaced.
  func replacing<Unit: FixedWidthInteger & UnsignedInteger>(
    in text: [Unit], with replacement: (ArraySlice<Unit>) -> [Unit]
  ) -> [Unit] {
    var result: [Unit] = []
    var position = 0
    while position < text.count {
      if let length = matchLength(in: text, at: position) {
        result += replacement(text[position..<position + length])
        position += length
      } else {
        result.append(text[position])
        position += 1
      }
    }
    return result
  }

  private func rules(holding unit: UInt32, at place: Int, among alive: UInt64) -> UInt64 {
    var rules = rows[unit].map { table[$0 + place] } ?? 0
    for set in wide where set.place == place && alive & set.rule != 0 && set.set.contains(unit) { rules |= set.rule }
    return rules
  }
}
