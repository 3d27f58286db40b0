/// A value of a MATLAB file. Elements stand in MATLAB's order, by columns.
public indirect enum MatValue: Sendable, Equatable {
  /// Numbers of any width, and logical values as 0 and 1; whole numbers are exact up to 2⁵³. Imaginary parts are left out.
  case numbers([Double], dimensions: [Int])
  /// A character array, a text for each of its rows.
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
