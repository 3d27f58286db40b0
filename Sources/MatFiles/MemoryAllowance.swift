/// What the values of a file may still take, so that a small file cannot claim much memory.
///
/// The constant is what real files need: Flowers102's labels are 502 bytes, and 67 kB as the numbers they stand for.
final class MemoryAllowance {
  static let constant = 64 << 20
  static let perByte = 10

  // Rounded up from what Swift's arrays, texts and dictionaries take.
  static let bytesPerValue = 160
  static let bytesPerRecord = 96
  static let bytesPerField = 64
  /// Of a text: as a number, as a part of its row, as a code unit and as text.
  static let bytesPerCharacter = 24

  let limit: Int
  private(set) var left: Int
  private let path: String

  init(forFileOf bytes: Int, path: String) {
    limit = Self.constant + Self.perByte * bytes
    left = limit
    self.path = path
  }

  /// - Throws: ``MatFileError/tooLarge(path:limit:)``.
  func take(_ count: Int, times bytes: Int) throws {
    let (sum, overflows) = count.multipliedReportingOverflow(by: bytes)
    guard !overflows, sum <= left else { throw MatFileError.tooLarge(path: path, limit: limit) }
    left -= sum
  }
}
