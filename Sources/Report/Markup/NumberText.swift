import Foundation

extension Double {
  /// With one digit behind the point, as accuracies in percent are read.
  var percentText: String { String(format: "%.1f", self) }

  /// The same with its sign, a real minus among them.
  var differenceText: String {
    let rounded = (self * 10).rounded() / 10
    return rounded == 0 ? "0.0" : (rounded > 0 ? "+" : "−") + String(format: "%.1f", abs(rounded))
  }

  /// A p-value with three digits, or that it is below them.
  var probabilityText: String { self < 0.001 ? "<\u{A0}0.001" : String(format: "%.3f", self) }

  /// Short, as a coordinate of a drawing needs it.
  var coordinate: String {
    let text = String(format: "%.2f", self)
    guard text.contains(".") else { return text }
    let short = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
    return short.isEmpty || short.elementsEqual("-") ? "0" : String(short.reversed())
  }
}

extension Int {
  /// Such as "1 image", "2 images", "12,000 images".
  func counted(_ noun: String, plural: String? = nil) -> String {
    "\(grouped) " + (self == 1 ? noun : plural ?? noun + "s")
  }

  /// With a comma at the thousands.
  var grouped: String {
    var text = ""
    for (index, digit) in String(magnitude).reversed().enumerated() {
      if index > 0, index.isMultiple(of: 3) { text.append(",") }
      text.append(digit)
    }
    return (self < 0 ? "−" : "") + String(text.reversed())
  }
}

extension String {
  /// At most so many characters, the last an ellipsis where some are missing.
  func shortened(to length: Int) -> String { count <= length ? self : prefix(length - 1) + "…" }
}

extension Sequence<String> {
  /// "a", "a and b", "a, b and c".
  var listed: String {
    let all = Array(self)
    guard let last = all.last, all.count > 1 else { return all.first ?? "" }
    return all.dropLast().joined(separator: ", ") + " and " + last
  }
}
