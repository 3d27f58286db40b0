/// Undoes mojibake, text whose UTF-8 bytes were read in a single-byte encoding: "cafÃ©" becomes "café".
///
/// Follows ftfy 6.3.1 (`fix_encoding`, R. Speer; the sets of its patterns are recorded in `characters.txt`): where the
/// text looks bad, write it in each likely encoding and read the bytes as UTF-8; else repair the parts that do look
/// like UTF-8; else read leftover C1 controls as Windows-1252.
struct MojibakeRepair: Sendable {
  private let encodings: [SingleByteEncoding]  // in the order in which they are tried
  private let unlikely: Pattern  // juxtapositions that hardly occur in real text
  private let sequences: EmbeddedSequences
  private let bytes: ByteRepair
  private let controls: ScalarMap

  init(_ tables: RecordedTables) throws {
    encodings = try SingleByteEncoding.names.map { try SingleByteEncoding(named: $0, tables) }
    unlikely = try tables.pattern("mojibake")
    sequences = try EmbeddedSequences(tables)
    bytes = try ByteRepair(tables)
    controls = try tables.map("controls")
  }

  func repaired(_ text: Scalars) -> Scalars {
    var text = text
    while true {
      let next = step(text)
      if next == text { return text }
      text = next
    }
  }

  private func step(_ text: Scalars) -> Scalars {
    guard text.contains(where: { $0 >= 0x80 }), unlikely.matches(in: text) else { return text }
    for encoding in encodings {
      guard let encoded = encoding.bytes(of: text) else { continue }
      let candidate = bytes.repaired(encoded, from: encoding)
      if let decoded = UTF8Decoder.decode(candidate) { return decoded }
    }
    let repaired = sequences.replacing(in: text) { part in
      // A shorter text only: the same one again would never end.
      part.count < text.count && unlikely.matches(in: Scalars(part)) ? self.repaired(Scalars(part)) : Scalars(part)
    }
    return repaired != text ? repaired : controls.applied(to: text)
  }
}

/// Finds runs of characters that spell UTF-8 sequences in some single-byte encoding, within any other text.
private struct EmbeddedSequences: Sendable {
  private let leads: [ScalarSet]  // of sequences of 2, 3 and 4 bytes
  private let continuation: ScalarSet
  private let strictContinuation: ScalarSet

  init(_ tables: RecordedTables) throws {
    leads = try (2...4).map { try tables.set("utf8_first_of_\($0)") }
    continuation = try tables.set("utf8_continuation")
    strictContinuation = try tables.set("utf8_continuation_strict")
  }

  func replacing(in text: Scalars, with replacement: (ArraySlice<UInt32>) -> Scalars) -> Scalars {
    var result: Scalars = []
    var position = 0
    while position < text.count {
      var end = position
      if position == 0 || !strictContinuation.contains(text[position - 1]) {
        while let length = sequenceLength(in: text, at: end) { end += length }
      }
      if end > position {
        result += replacement(text[position..<end])
        position = end
      } else {
        result.append(text[position])
        position += 1
      }
    }
    return result
  }

  private func sequenceLength(in text: Scalars, at start: Int) -> Int? {
    guard start < text.count else { return nil }
    for (index, lead) in leads.enumerated() where lead.contains(text[start]) {
      let length = index + 2
      guard start + length <= text.count else { continue }
      if text[(start + 1)..<(start + length)].allSatisfy(continuation.contains) { return length }
    }
    return nil
  }
}
