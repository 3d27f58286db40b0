/// Lower case as Python's `str.lower` has it: full mappings (İ becomes two scalars) and the final sigma.
///
/// Source: The Unicode Standard, section 3.13 and table 3-17 (Final_Sigma).
struct Lowercasing: Sendable {
  private let lowercase: ScalarMap
  private let cased: ScalarSet
  private let ignorable: ScalarSet
  private static let capitalSigma: UInt32 = 0x3A3, sigma: UInt32 = 0x3C3, finalSigma: UInt32 = 0x3C2

  init(_ tables: RecordedTables) throws {
    lowercase = try tables.map("lowercase")
    cased = try tables.set("cased")
    ignorable = try tables.set("ignorable")
  }

  func callAsFunction(_ text: Scalars) -> Scalars {
    var result: Scalars = []
    result.reserveCapacity(text.count)
    for (index, scalar) in text.enumerated() {
      if scalar < 0x80 {
        result.append((0x41...0x5A).contains(scalar) ? scalar + 0x20 : scalar)
      } else if scalar == Self.capitalSigma {
        result.append(endsWord(at: index, in: text) ? Self.finalSigma : Self.sigma)
      } else if let lower = lowercase[scalar] {
        result += lower
      } else {
        result.append(scalar)
      }
    }
    return result
  }

  /// Whether a cased letter comes before `index` and none after it, ignoring case-ignorable scalars.
  private func endsWord(at index: Int, in text: Scalars) -> Bool {
    guard let before = text[..<index].last(where: { !ignorable.contains($0) }), cased.contains(before) else {
      return false
    }
    guard let after = text[(index + 1)...].first(where: { !ignorable.contains($0) }) else { return true }
    return !cased.contains(after)
  }
}
