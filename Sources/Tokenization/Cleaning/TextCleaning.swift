/// Converts a text to the form that CLIP's vocabulary was made for: repaired, unescaped, single-spaced, lower case.
///
/// Source: `basic_clean` and `whitespace_clean` of OpenAI's `simple_tokenizer.py`, as in clip-anytorch 2.6.0.
struct TextCleaning: Sendable {
  private let references: CharacterReferences
  private let repair: TextRepair
  private let lowercasing: Lowercasing
  private let spaces: ScalarSet  // Python's `str.isspace`
  private let separators: ScalarSet  // `\s` of Python's `regex` package

  init(_ tables: RecordedTables) throws {
    references = try CharacterReferences(tables)
    repair = try TextRepair(tables, references: references)
    lowercasing = try Lowercasing(tables)
    spaces = try tables.set("spaces")
    separators = try tables.set("separators")
  }

  func callAsFunction(_ text: String) -> Scalars {
    var scalars = text.unicodeScalars.map(\.value)
    if !Self.needsNoRepair(scalars) {
      scalars = repair.repaired(scalars)
      scalars = references.unescaped(references.unescaped(scalars))
    }
    let spaced = singleSpaced(scalars.trimmed(of: spaces))
    return lowercasing(Scalars(spaced.trimmed(of: spaces)))
  }

  /// Whether a text is printable ASCII, tab, line feed and form feed without `&`: no step of the repair changes these.
  private static func needsNoRepair(_ text: Scalars) -> Bool {
    text.allSatisfy { scalar in
      switch scalar {
      case UInt32.scalar("&"): false
      case 0x20...0x7E, 0x09, 0x0A, 0x0C: true
      default: false
      }
    }
  }

  private func singleSpaced(_ text: ArraySlice<UInt32>) -> Scalars {
    var result: Scalars = []
    result.reserveCapacity(text.count)
    var isWithinSpace = false
    for scalar in text {
      let isSpace = scalar == 0x20 || (scalar < 0x21 || scalar > 0x7E) && separators.contains(scalar)
      if !isSpace { result.append(scalar) } else if !isWithinSpace { result.append(0x20) }
      isWithinSpace = isSpace
    }
    return result
  }
}
