import Foundation

/// A generator whose draws follow from its seed on every machine, and whose state can be saved and restored:
/// xoshiro256** (Blackman and Vigna, *Scrambled Linear Pseudorandom Number Generators*, ACM TOMS 2021).
public struct SeededGenerator: RandomNumberGenerator, Sendable, Equatable {
  /// Four words that are not all 0.
  public private(set) var state: [UInt64]

  /// Starts from any seed: SplitMix64 spreads it over the state, as the generator's authors recommend.
  public init(seed: UInt64) {
    var words = SplitMix64(state: seed)
    state = (0..<4).map { _ in words.next() }
  }

  /// Continues from a saved ``state``.
  ///
  /// - Throws: ``GeneratorStateError`` if it isn't four words, or all are 0 (the generator would stay there).
  public init(state: [UInt64]) throws {
    guard state.count == 4, state.contains(where: { $0 != 0 }) else { throw GeneratorStateError(found: state) }
    self.state = state
  }

  public mutating func next() -> UInt64 {
    let result = Self.rotate(state[1] &* 5, by: 7) &* 9
    let shifted = state[1] << 17
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = Self.rotate(state[3], by: 45)
    return result
  }

  private static func rotate(_ word: UInt64, by count: UInt64) -> UInt64 {
    word << count | word >> (64 - count)
  }

  /// A draw from 0..<1, uniform on the multiples of 2⁻⁵³.
  public mutating func uniform() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// A draw from the standard normal distribution (Box and Muller, 1958).
  ///
  /// The transform's second value is dropped, so that the state stays the four words alone.
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()  // 1 − u lies in (0, 1], where the logarithm is finite
    return radius * cos(2 * .pi * uniform())
  }
}

extension SeededGenerator: Codable {
  public init(from decoder: any Decoder) throws {
    try self.init(state: decoder.singleValueContainer().decode([UInt64].self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(state)
  }
}

/// A generator of 64 bits of state, quick and good enough to spread a seed (Steele, Lea and Flood, *Fast Splittable
/// Pseudorandom Number Generators*, OOPSLA 2014).
package struct SplitMix64: RandomNumberGenerator, Sendable {
  @usableFromInline var state: UInt64

  @inlinable
  package init(state: UInt64) { self.state = state }

  @inlinable
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}

/// A state that no ``SeededGenerator`` has.
public struct GeneratorStateError: UserFacingError, Equatable {
  public let found: [UInt64]

  public var problem: String {
    "A generator's state has four words that are not all 0, but \(found.count) words were found"
      + (found.count == 4 ? ", all 0" : "")
  }
  public var remedy: String? { "Restore the state from an intact checkpoint, or start from a seed" }
}
