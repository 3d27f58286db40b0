import Foundation

/// The filters that checkpoints specify for resizing, each with Pillow's support and coefficients.
public enum Interpolation: String, Sendable, Codable, CaseIterable {
  /// Cubic convolution with a = −0.5 (Keys, IEEE Trans. ASSP 1981).
  case bicubic
  /// The triangle filter (linear interpolation).
  case bilinear

  /// The radius beyond which the filter is 0, in pixels of the coarser of the two grids.
  var support: Double {
    switch self {
    case .bicubic: 2
    case .bilinear: 1
    }
  }

  /// The weight of a pixel at `distance` from the output's centre.
  func weight(at distance: Double) -> Double {
    let x = abs(distance)
    // The order of the operations matters: another order changes the last bit, and after rounding sometimes a pixel.
    switch self {
    case .bilinear: return x < 1 ? 1 - x : 0
    case .bicubic:
      let a = -0.5
      if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
      if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
      return 0
    }
  }
}
