/// A number of bytes as people read it, in decimal units: "350.8 MB".
public struct ByteCount: CustomStringConvertible, Sendable {
  public let bytes: Int

  public init(_ bytes: Int) { self.bytes = bytes }

  public var description: String {
    var (value, unit) = (Double(bytes), 0)
    while value >= 999.95, unit < 4 { (value, unit) = (value / 1000, unit + 1) }
    guard unit > 0 else { return "\(bytes) B" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(["B", "kB", "MB", "GB", "TB"][unit])"
  }
}
