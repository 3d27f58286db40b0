/// Merges a word's bytes, the pair of lowest rank first.
///
/// The reference merges every occurrence of the best pair, then looks for the next best. Merging one occurrence at a
/// time, lowest rank first and then leftmost, gives the same result: a merge can only make pairs of higher rank,
/// because each entry of the vocabulary is older than those made of it. With a heap a word of n bytes takes O(n log n),
/// not O(n²).
struct BytePairMerger: Sendable {
  let merges: [UInt64: Int]  // first id << 32 | second id → id

  func callAsFunction(_ word: [Int]) -> [Int] {
    var ids = word
    var next = Array(1..<(word.count + 1))
    var previous = Array(-1..<(word.count - 1))
    var heap = MinimumHeap()
    for position in word.indices.dropLast() {
      if let id = merged(word[position], word[position + 1]) { heap.insert(Candidate(id: id, position: position)) }
    }
    while let candidate = heap.removeFirst() {
      let (left, right) = (candidate.position, next[candidate.position])
      // A candidate is stale once either of its entries has been merged with another.
      guard right < word.count, ids[left] >= 0, merged(ids[left], ids[right]) == candidate.id else { continue }
      ids[left] = candidate.id
      ids[right] = -1
      next[left] = next[right]
      if next[left] < word.count {
        previous[next[left]] = left
        if let id = merged(candidate.id, ids[next[left]]) { heap.insert(Candidate(id: id, position: left)) }
      }
      if previous[left] >= 0, let id = merged(ids[previous[left]], candidate.id) {
        heap.insert(Candidate(id: id, position: previous[left]))
      }
    }
    return ids.filter { $0 >= 0 }
  }

  private func merged(_ first: Int, _ second: Int) -> Int? { merges[UInt64(first) << 32 | UInt64(second)] }
}

/// A pair that can be merged into `id`, with the position of its first entry.
private struct Candidate {
  let id: Int
  let position: Int

  static func < (left: Candidate, right: Candidate) -> Bool { (left.id, left.position) < (right.id, right.position) }
}

/// A binary heap.
private struct MinimumHeap {
  private var elements: [Candidate] = []

  mutating func insert(_ element: Candidate) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0, elements[child] < elements[(child - 1) / 2] {
      elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeFirst() -> Candidate? {
    guard let last = elements.popLast() else { return nil }
    guard let first = elements.first else { return last }
    elements[0] = last
    var parent = 0
    while true {
      let (left, right) = (2 * parent + 1, 2 * parent + 2)
      guard left < elements.count else { return first }
      let child = right < elements.count && elements[right] < elements[left] ? right : left
      guard elements[child] < elements[parent] else { return first }
      elements.swapAt(child, parent)
      parent = child
    }
  }
}
