/// The values that a pickle has numbered in order to name them again.
///
/// Every writer counts from 0 on, so the numbers are places; a pickle by other hands may number as it likes.
struct Memo {
  /// Bytes that a value costs, with room for growth, where it has the next number and where it has another one.
  static let (bytesInOrder, bytesElsewhere) = (12, 48)

  private var ordered: [ValueGraph.Reference] = []
  private var others: [Int: ValueGraph.Reference] = [:]

  var count: Int { ordered.count + others.count }

  subscript(_ number: Int) -> ValueGraph.Reference? {
    ordered.indices.contains(number) ? ordered[number] : others[number]
  }

  /// - Returns: bytes that the value costs.
  mutating func set(_ number: Int, to reference: ValueGraph.Reference) -> Int {
    if ordered.indices.contains(number) {
      ordered[number] = reference
      return 0
    }
    guard number == ordered.count else {
      return others.updateValue(reference, forKey: number) == nil ? Self.bytesElsewhere : 0
    }
    ordered.append(reference)
    others[number] = nil
    return Self.bytesInOrder
  }
}
