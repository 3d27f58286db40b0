/// CPython's `random.Random`, bit for bit: the generator that published few-shot samples were drawn with.
///
/// MT19937 (Matsumoto and Nishimura, 1998) seeded by `init_by_array` as CPython's `_randommodule.c` seeds it with an
/// integer; ``sample(_:of:)``, ``shuffle(_:)`` and ``below(_:)`` follow `Lib/random.py` of CPython 3.11.
public struct PythonRandom: RandomNumberGenerator, Sendable {
  private static let size = 624
  private static let shift = 397

  private var state: [UInt32]
  private var index = PythonRandom.size

  /// `random.Random(seed)`: the magnitude counts, so −1 and 1 give the same numbers.
  public init(seed: Int) {
    let magnitude = UInt64(seed.magnitude)
    let (low, high) = (UInt32(truncatingIfNeeded: magnitude), UInt32(truncatingIfNeeded: magnitude >> 32))
    state = Self.initialState(key: high == 0 ? [low] : [low, high])
  }

  /// `init_by_array`: the multipliers and start values are the algorithm's own.
  private static func initialState(key: [UInt32]) -> [UInt32] {
    var state = [UInt32](repeating: 19_650_218, count: size)
    for i in 1..<size { state[i] = 1_812_433_253 &* (state[i - 1] ^ (state[i - 1] >> 30)) &+ UInt32(i) }
    var (i, j) = (1, 0)
    func advance(_ state: inout [UInt32]) {
      i += 1
      guard i == size else { return }
      state[0] = state[size - 1]
      i = 1
    }
    for _ in 0..<max(size, key.count) {
      state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) &* 1_664_525)) &+ key[j] &+ UInt32(j)
      j = (j + 1) % key.count
      advance(&state)
    }
    for _ in 0..<(size - 1) {
      state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) &* 1_566_083_941)) &- UInt32(i)
      advance(&state)
    }
    state[0] = 0x8000_0000
    return state
  }

  private mutating func nextWord() -> UInt32 {
    if index == Self.size { twist() }
    var word = state[index]
    index += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9D2C_5680
    word ^= (word << 15) & 0xEFC6_0000
    return word ^ (word >> 18)
  }

  private mutating func twist() {
    for i in 0..<Self.size {
      let joined = (state[i] & 0x8000_0000) | (state[(i + 1) % Self.size] & 0x7FFF_FFFF)
      let mask: UInt32 = joined & 1 == 0 ? 0 : 0x9908_B0DF
      state[i] = state[(i + Self.shift) % Self.size] ^ (joined >> 1) ^ mask
    }
    index = 0
  }

  /// `getrandbits(64)`, for Swift's own functions that draw from a generator.
  public mutating func next() -> UInt64 { bits(64) }

  /// `getrandbits(count)`: uniform over 0 ..< 2^count.
  ///
  /// - Parameter count: 0 … 64.
  public mutating func bits(_ count: Int) -> UInt64 {
    precondition((0...64).contains(count), "bits(\(count)): the count must lie in 0 ... 64")
    guard count > 0 else { return 0 }
    let low = UInt64(nextWord() >> UInt32(max(0, 32 - count)))
    guard count > 32 else { return low }
    return low | UInt64(nextWord() >> UInt32(64 - count)) << 32
  }

  /// `random()`: uniform over [0, 1), a multiple of 2⁻⁵³.
  public mutating func unit() -> Double {
    let (high, low) = (nextWord() >> 5, nextWord() >> 6)
    return (Double(high) * 67_108_864 + Double(low)) / 9_007_199_254_740_992
  }

  /// `_randbelow(bound)`: uniform over 0 ..< `bound`, by drawing again until the bits fit.
  ///
  /// - Parameter bound: at least 1.
  public mutating func below(_ bound: Int) -> Int {
    precondition(bound >= 1, "below(\(bound)): the bound must be at least 1")
    let width = Int.bitWidth - bound.leadingZeroBitCount
    while true {
      let draw = bits(width)
      if draw < UInt64(bound) { return Int(draw) }
    }
  }
}

extension PythonRandom {
  /// `sample(items, count)`: `count` items without replacement, in the order drawn.
  ///
  /// - Parameter count: 0 … `items.count`.
  public mutating func sample<Item>(_ count: Int, of items: [Item]) -> [Item] {
    precondition((0...items.count).contains(count), "sample: \(count) of \(items.count) items")
    return items.count <= Self.poolLimit(count)
      ? sampleFromPool(count, of: items) : sampleByRejection(count, of: items)
  }

  /// The number of items up to which a list of them is smaller than a set of those drawn: CPython's estimate of both
  /// sizes.
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
