import Foundation

// Pillow's operations on pixels, to the last bit: those of `ImageOps`, `ImageEnhance` and `Image.transform`.

extension Image {
  /// Each value by a table of 256, the same for all channels.
  func mapped(_ value: (UInt8) -> UInt8) -> Image {
    let table = (0...255).map { value(UInt8($0)) }
    return mapped(by: [table, table, table])
  }

  private func mapped(by tables: [[UInt8]]) -> Image {
    let table = tables.flatMap { $0 }
    return table.withUnsafeBufferPointer { table in
      filled(width: width, height: height) { source, target in
        for index in stride(from: 0, to: 3 * width * height, by: 3) {
          target[index] = table[Int(source[index])]
          target[index + 1] = table[256 + Int(source[index + 1])]
          target[index + 2] = table[512 + Int(source[index + 2])]
        }
      }
    }
  }

  /// How many pixels have each value, by channel: 3 lists of 256.
  private func histograms() -> [[Int]] {
    var counts = [Int](repeating: 0, count: 768)
    for index in stride(from: 0, to: pixels.count, by: 3) {
      counts[Int(pixels[index])] += 1
      counts[256 + Int(pixels[index + 1])] += 1
      counts[512 + Int(pixels[index + 2])] += 1
    }
    return [Array(counts[..<256]), Array(counts[256..<512]), Array(counts[512...])]
  }

  /// `ImageOps.autocontrast`: each channel's darkest value becomes 0, its lightest 255.
  func withFullContrast() -> Image {
    mapped(
      by: histograms().map { counts in
        let low = counts.firstIndex { $0 > 0 } ?? 0
        let high = counts.lastIndex { $0 > 0 } ?? 0
        guard high > low else { return Array(0...255) }
        let scale = 255.0 / Double(high - low)
        let offset = -Double(low) * scale
        return (0...255).map { UInt8(max(0, min(255, Int(Double($0) * scale + offset)))) }
      })
  }

  /// `ImageOps.equalize`: values of each channel that are equally frequent.
  func equalized() -> Image {
    mapped(
      by: histograms().map { counts in
        let last = counts.last { $0 > 0 } ?? 0
        let step = (counts.reduce(0, +) - last) / 255
        guard counts.count(where: { $0 > 0 }) > 1, step > 0 else { return Array(0...255) }
        var sum = step / 2
        return counts.map { count in
          defer { sum += count }
          return UInt8(min(255, sum / step))
        }
      })
  }

  /// `ImageOps.posterize`: the upper `bits` of each value, 1 to 8.
  func posterized(bits: Int) -> Image {
    let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - bits))
    return mapped { $0 & mask }
  }

  /// `ImageOps.solarize`: values from `threshold` on are inverted.
  func solarized(from threshold: Double) -> Image {
    mapped { Double($0) < threshold ? $0 : 255 - $0 }
  }

  /// The grey value of each pixel, as `convert("L")` computes it.
  private func greys() -> [UInt8] {
    stride(from: 0, to: pixels.count, by: 3).map { index in
      let (red, green, blue) = (Int(pixels[index]), Int(pixels[index + 1]), Int(pixels[index + 2]))
      return UInt8((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16)
    }
  }

  /// Without colour.
  func inGrey() -> Image {
    Image(width: width, height: height, checkedPixels: greys().flatMap { [$0, $0, $0] })
  }

  /// One grey, the rounded mean of the picture's.
  func inItsMeanGrey() -> Image {
    let sum = greys().reduce(0) { $0 + Int($1) }
    let mean = UInt8(Double(sum) / Double(width * height) + 0.5)
    return mapped { _ in mean }
  }

  /// `Image.blend`: from `other` to this picture as far as `factor`, and beyond it above 1.
  func blended(from other: Image, by factor: Double) -> Image {
    let factor = Float(factor)
    if factor == 0 { return other }
    if factor == 1 { return self }
    return other.pixels.withUnsafeBufferPointer { other in
      filled(width: width, height: height) { source, target in
        for index in 0..<3 * width * height {
          let from = Int32(other[index])
          let value = Float(from) + factor * Float(Int32(source[index]) - from)
          target[index] = UInt8(max(0, min(255, value)))
        }
      }
    }
  }

  /// `ImageFilter.SMOOTH`: means over 3 × 3 pixels in which the middle counts five times; the edge stays.
  func smoothed() -> Image {
    guard width >= 3, height >= 3 else { return self }
    let (line, outer, middle) = (3 * width, Float(1) / 13, Float(5) / 13)
    return filled(width: width, height: height) { source, target in
      target.update(from: source, count: line * height)
      for row in 1..<height - 1 {
        for index in row * line + 3..<(row + 1) * line - 3 {
          // In Pillow's order, on which the last bit depends: from the line below to that above.
          func sum(at index: Int, _ inner: Float) -> Float {
            Float(source[index - 3]) * outer + Float(source[index]) * inner + Float(source[index + 3]) * outer
          }
          var value: Float = 0.5
          value += sum(at: index + line, outer)
          value += sum(at: index, middle)
          value += sum(at: index - line, outer)
          target[index] = UInt8(max(0, min(255, value)))
        }
      }
    }
  }

  /// `Image.rotate` about the middle, to the nearest pixel; what comes from outside is black.
  ///
  /// - Parameter degrees: counterclockwise.
  func rotated(by degrees: Double) -> Image {
    guard degrees != 0 else { return self }
    let turned = degrees.truncatingRemainder(dividingBy: 360)
    let angle = -((turned < 0 ? turned + 360 : turned) * (Double.pi / 180))
    /// As Python's `round(value, 15)`.
    func rounded(_ value: Double) -> Double { Double(String(format: "%.15f", value)) ?? value }
    let (cosine, sine) = (rounded(cos(angle)), rounded(sin(angle)))
    let back = rounded(-sin(angle))
    let (x, y) = (Double(width) / 2, Double(height) / 2)
    return transformed(by: [
      cosine, sine, cosine * -x + sine * -y + 0.0 + x, back, cosine, back * -x + cosine * -y + 0.0 + y,
    ])
  }

  /// `Image.transform` with `AFFINE`, to the nearest pixel; what comes from outside is black.
  ///
  /// - Parameter matrix: a … f: the pixel (x, y) comes from (a x + b y + c, d x + e y + f), positions in their middle.
  func transformed(by matrix: [Double]) -> Image {
    let (a, b, c, d, e, f) = (matrix[0], matrix[1], matrix[2], matrix[3], matrix[4], matrix[5])
    // Without rotation and shear Pillow counts in 64-bit floats, and otherwise in 16.16 fixed point.
    if b == 0, d == 0 {
      func sources(_ count: Int, _ step: Double, _ offset: Double) -> [Int] {
        var position = offset + step * 0.5
        return (0..<count).map { _ in
          defer { position += step }
          return position < 0 ? -1 : Int(position)
        }
      }
      let (columns, rows) = (sources(width, a, c), sources(height, e, f))
      return gathered { x, y in (columns[x], rows[y]) }
    }
    func fixed(_ value: Double) -> Int { Int((value * 65536 + 0.5).rounded(.down)) }
    let (acrossX, downX, startX) = (fixed(a), fixed(b), fixed(c + a * 0.5 + b * 0.5))
    let (acrossY, downY, startY) = (fixed(d), fixed(e), fixed(f + d * 0.5 + e * 0.5))
    return gathered { x, y in
      ((startX + y * downX + x * acrossX) >> 16, (startY + y * downY + x * acrossY) >> 16)
    }
  }

  /// The picture of the same size each of whose pixels comes from another; black where that is outside.
  private func gathered(_ source: (_ x: Int, _ y: Int) -> (x: Int, y: Int)) -> Image {
    filled(width: width, height: height) { pixels, target in
      var target = target
      for y in 0..<height {
        for x in 0..<width {
          let from = source(x, y)
          if (0..<width).contains(from.x), (0..<height).contains(from.y) {
            target.update(from: pixels + 3 * (from.y * width + from.x), count: 3)
          } else {
            target.update(repeating: 0, count: 3)
          }
          target += 3
        }
      }
    }
  }

  /// Covers a square with grey, as Dassl's `CutoutAbs`; it may reach over the edge.
  ///
  /// The middle is at NumPy's `random.uniform(w)`, whose one argument is the lower end: it is between 1 and w.
  func withoutRectangle(edge: Double, at place: RandAugment.Draw.Place) -> Image {
    guard edge >= 0 else { return self }
    func range(_ side: Int, _ share: Double) -> Range<Int> {
      let middle = Double(side) + (1 - Double(side)) * share
      let first = Int(max(0, middle - edge / 2))
      let last = Int(min(Double(side), Double(first) + edge))
      return min(first, side)..<min(last + 1, side)
    }
    let (columns, rows) = (range(width, place.x), range(height, place.y))
    return filled(width: width, height: height) { source, target in
      target.update(from: source, count: 3 * width * height)
      for row in rows {
        for column in columns {
          let pixel = target + 3 * (row * width + column)
          (pixel[0], pixel[1], pixel[2]) = (125, 123, 114)
        }
      }
    }
  }
}
