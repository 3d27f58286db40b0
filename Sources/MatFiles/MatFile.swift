import Foundation

/// The variables of a MATLAB file of level 5, the format of `.mat` files since 1996
/// (*MAT-File Format*, The MathWorks; what `scipy.io.loadmat` reads).
///
/// Read are numeric, logical and character arrays, cells and structures, of either byte order, compressed or not. Refused by
/// name are level 4, version 7.3 (HDF5), sparse arrays, objects and functions. Nothing in a file decides how much memory is
/// used, but for what it inflates to: at most ten times its size, or 16 MiB.
public struct MatFile: Sendable {
  public let path: String
  public let variables: [String: MatValue]

  /// - Throws: ``MatFileError``.
  public init(contentsOf url: URL) throws {
    guard let data = try? Data(contentsOf: url, options: .mappedIfSafe) else {
      throw MatFileError.unreadable(path: url.path)
    }
    try self.init(data, path: url.path)
  }

  /// - Parameter path: what errors name.
  package init(_ data: Data, path: String) throws {
    self.path = path
    let order = try Self.byteOrder(of: data, path: path)
    let limit = max(16 << 20, 10 * data.count)
    var inflated = 0
    var reader = MatReader(data.dropFirst(Self.headerSize), isSwapped: order, path: path, offset: Self.headerSize)
    var variables: [String: MatValue] = [:]
    while !reader.isAtEnd {
      let element = try reader.element()
      var matrix = element
      if element.type == .compressed {
        do {
          let content = try Inflation.inflated(element.content, limit: limit - inflated)
          inflated += content.count
          var inner = MatReader(content, isSwapped: order, path: path, offset: 0)
          matrix = try inner.element()
        } catch Inflation.Fault.tooLarge {
          throw MatFileError.tooLarge(path: path, limit: limit)
        } catch is Inflation.Fault {
          throw MatFileError.malformed(path: path, position: element.position, expected: "compressed data")
        }
      }
      guard matrix.type == .matrix else { continue }
      let (name, value) = try reader.array(in: matrix, depth: 0)
      variables[name] = value
    }
    self.variables = variables
  }

  static let headerSize = 128

  /// Whether numbers are stored in the other byte order than this machine's.
  private static func byteOrder(of data: Data, path: String) throws -> Bool {
    let head = [UInt8](data.prefix(headerSize))
    if head.starts(with: "\u{89}HDF".unicodeScalars.map { UInt8($0.value) }) || head.starts(with: "MATLAB 7.3".utf8) {
      throw MatFileError.otherVersion(path: path, version: "version 7.3")
    }
    switch Array(head.dropFirst(126)) {
    case [UInt8(ascii: "I"), UInt8(ascii: "M")]: return Int(1).littleEndian != 1
    case [UInt8(ascii: "M"), UInt8(ascii: "I")]: return Int(1).bigEndian != 1
    default:
      // Level 4 has no header: it begins with a type of four decimal digits, in which most are 0.
      let isLevel4 = head.count >= 20 && head[..<4].allSatisfy { $0 < 53 } && head[..<4].contains(0)
      throw isLevel4
        ? MatFileError.otherVersion(path: path, version: "level 4") : MatFileError.notMatlab(path: path)
    }
  }
}
