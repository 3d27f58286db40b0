import Foundation
import Support

/// The variables of a MATLAB file of level 5, the format of `.mat` files since 1996
/// (*MAT-File Format*, The MathWorks; what `scipy.io.loadmat` reads).
///
/// Supported are numeric, logical and character arrays, cells and structures, of either byte order, compressed or not.
/// Level 4, version 7.3 (HDF5), sparse arrays, objects and functions are refused with their names. Reading takes at
/// most ten times the file's size and 64 MiB.
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

  /// - Parameter path: the file's path in errors.
  package init(_ data: Data, path: String) throws {
    self.path = path
    let order = try Self.byteOrder(of: data, path: path)
    let allowance = MemoryAllowance(forFileOf: data.count, path: path)
    var reader = MatReader(
      data.dropFirst(Self.headerSize), isSwapped: order, path: path, offset: Self.headerSize, allowance: allowance)
    var variables: [String: MatValue] = [:]
    while !reader.isAtEnd {
      let element = try reader.element()
      var matrix = element
      if element.type == .compressed {
        do {
          // A growing buffer may be twice as large as its content.
          let content = try Inflation.inflated(element.content, limit: allowance.left / 2)
          try allowance.take(content.count, times: 2)
          var inner = MatReader(content, isSwapped: order, path: path, offset: 0, allowance: allowance)
          matrix = try inner.element()
        } catch Inflation.Fault.tooLarge {
          throw MatFileError.tooLarge(path: path, limit: allowance.limit)
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

  /// Whether numbers are stored in the opposite byte order to this machine's.
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

/// A value of a MATLAB file. Elements are in MATLAB's order, by columns.
public indirect enum MatValue: Sendable, Equatable {
  /// Numbers of any width, and logical values as 0 and 1; whole numbers are exact up to 2⁵³. Imaginary parts are left
  /// out.
  case numbers([Double], dimensions: [Int])
  /// A character array, one text for each row.
  case text([String])
  case cells([MatValue], dimensions: [Int])
  /// Records with one value for each name.
  case records([[String: MatValue]], dimensions: [Int])

  public var numbers: [Double]? {
    if case .numbers(let values, _) = self { values } else { nil }
  }
  /// The only row of a character array; an empty array is an empty text.
  public var string: String? {
    if case .text(let rows) = self, rows.count <= 1 { rows.first ?? "" } else { nil }
  }
  public var cells: [MatValue]? {
    if case .cells(let values, _) = self { values } else { nil }
  }
  public var records: [[String: MatValue]]? {
    if case .records(let values, _) = self { values } else { nil }
  }
}

/// A MATLAB file that cannot be read.
public struct MatFileError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String? = nil) { (self.problem, self.remedy) = (problem, remedy) }
}

extension MatFileError {
  public static func unreadable(path: String) -> Self {
    Self("\(path) cannot be read", remedy: "Check the path and its permissions")
  }

  /// Neither level 5 nor any other MATLAB file that is recognized.
  public static func notMatlab(path: String) -> Self {
    Self("\(path) is not a MATLAB file", remedy: "Download it again")
  }

  /// Another version, with its name.
  public static func otherVersion(path: String, version: String) -> Self {
    Self(
      "\(path) is a MATLAB file of \(version), not of level 5", remedy: "Save it in MATLAB with the option -v6 or -v7")
  }

  /// A file that ends within an element; `position` counts bytes from the start, within the inflated data where the
  /// element is compressed.
  public static func truncated(path: String, position: Int) -> Self {
    Self("\(path) ends in the middle of an element, at byte \(position)", remedy: "Download it again")
  }

  public static func malformed(path: String, position: Int, expected: String) -> Self {
    Self("\(path), byte \(position): expected \(expected)", remedy: "Download it again")
  }

  /// An array of a class that is not read: sparse, object, function.
  public static func unsupported(path: String, variable: String, kind: String) -> Self {
    Self("\(path): '\(variable)' is \(kind), which is not read", remedy: "Give the file as it was published")
  }

  public static func tooLarge(path: String, limit: Int) -> Self {
    Self("\(path) becomes more than \(limit >> 20) MiB in memory", remedy: "Give the file as it was published")
  }

  public static func tooDeep(path: String) -> Self {
    Self("\(path) nests arrays more than \(MatReader.depthLimit) deep", remedy: "Give the file as it was published")
  }
}
