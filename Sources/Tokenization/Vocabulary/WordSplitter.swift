/// Cuts a cleaned text into the pieces that are encoded separately: the two special tokens, English contractions, runs
/// of letters, single digits, and runs of anything else that is not white space.
///
/// Source: the pattern of OpenAI's `simple_tokenizer.py`, as Python's `regex` package reads it. Since it ignores case,
/// it also takes ſ (U+017F) for an s, and takes U+0345 neither for a letter nor for a symbol: that scalar is dropped.
struct WordSplitter: Sendable {
  private let letters: ScalarSet
  private let numbers: ScalarSet
  private let symbols: ScalarSet
  private let asciiKinds: [Kind]

  /// A piece of the text, and the special token that it spells, if any.
  struct Piece {
    let text: ArraySlice<UInt32>
    let special: Special?
  }

  /// The two special tokens, which no merge makes.
  enum Special: String, CaseIterable {
    case startOfText = "<|startoftext|>"
    case endOfText = "<|endoftext|>"

    fileprivate var scalars: Scalars { rawValue.unicodeScalars.map(\.value) }
  }

  private enum Kind { case letter, number, symbol, none }

  init(_ tables: RecordedTables) throws {
    let (letters, numbers, symbols) = try (tables.set("letters"), tables.set("numbers"), tables.set("symbols"))
    (self.letters, self.numbers, self.symbols) = (letters, numbers, symbols)
    asciiKinds = (0..<0x80).map { Self.kind(of: $0, letters, numbers, symbols) }
  }

  func pieces(of text: Scalars) -> [Piece] {
    var pieces: [Piece] = []
    var position = 0
    while position < text.count {
      let rest = text[position...]
      let piece = specialToken(at: rest) ?? contraction(at: rest) ?? run(at: rest)
      if let piece { pieces.append(piece) }
      position += piece?.text.count ?? 1
    }
    return pieces
  }

  private func specialToken(at text: ArraySlice<UInt32>) -> Piece? {
    guard text.first == .scalar("<") else { return nil }
    for special in Special.allCases where text.starts(with: special.scalars, by: Self.equalsIgnoringCase) {
      let spelling = text.prefix(special.scalars.count)
      // Spelled with ſ it is one piece, but not the token.
      return Piece(text: spelling, special: spelling.elementsEqual(special.scalars) ? special : nil)
    }
    return nil
  }

  private func contraction(at text: ArraySlice<UInt32>) -> Piece? {
    guard text.first == .scalar("'") else { return nil }
    for ending in Self.contractions where text.dropFirst().starts(with: ending, by: Self.equalsIgnoringCase) {
      return Piece(text: text.prefix(1 + ending.count), special: nil)
    }
    return nil
  }

  private func run(at text: ArraySlice<UInt32>) -> Piece? {
    guard let first = text.first else { return nil }
    let kind = kind(of: first)
    switch kind {
    case .none: return nil
    case .number: return Piece(text: text.prefix(1), special: nil)
    case .letter, .symbol: return Piece(text: text.prefix { self.kind(of: $0) == kind }, special: nil)
    }
  }

  private func kind(of scalar: UInt32) -> Kind {
    scalar < 0x80 ? asciiKinds[Int(scalar)] : Self.kind(of: scalar, letters, numbers, symbols)
  }

  private static func kind(
    of scalar: UInt32, _ letters: ScalarSet, _ numbers: ScalarSet, _ symbols: ScalarSet
  ) -> Kind {
    if letters.contains(scalar) { return .letter }
    if numbers.contains(scalar) { return .number }
    return symbols.contains(scalar) ? .symbol : .none
  }

  private static let contractions = ["s", "t", "re", "ve", "m", "ll", "d"].map { $0.unicodeScalars.map(\.value) }

  private static func equalsIgnoringCase(_ found: UInt32, _ expected: UInt32) -> Bool {
    found == expected || (found == .scalar("ſ") && expected == .scalar("s"))
  }
}
