extension Array {
  /// Consecutive parts of `size` elements; the last may be smaller.
  package func chunks(ofCount size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
