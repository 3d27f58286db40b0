import Explanations
import Foundation

extension ModelReport: CustomStringConvertible {
  /// A table of what is known, one line each.
  public var description: String {
    var lines = [("model", name), ("form", formText)]
    func add(_ title: String, _ text: String?) {
      if let text { lines.append((title, text)) }
    }
    add("architecture", architecture)
    add("image tower", imageTower)
    add(
      "text tower",
      text.map {
        "width \($0.width), \($0.layers) layers, \($0.heads) heads, \($0.tokenLimit) positions, \($0.vocabularySize) tokens"
      })
    let scale = logitScale.map { ", logit scale \($0)" } ?? ""
    add("shared space", embeddingWidth.map { "\($0) numbers\(scale)" })
    add("activation", activation)
    add(
      "pixels",
      preprocessing.map {
        "\($0.size) × \($0.size), \($0.interpolation), \($0.resizeMode), mean \($0.mean), std \($0.standardDeviation)"
      })
    let kinds = precision.sorted { $0.key < $1.key }.map { "\($0.value) tensors \($0.key)" }
    add("parameters", "\(parameters) in \(kinds.joined(separator: ", "))")
    add("sha256", sha256)
    for assumption in assumptions { add("assumed", assumption) }
    add("passed over", passedOver)
    for prefix in otherModels { add("other model", "under '\(prefix)': give --prefix \(prefix)") }
    for tensor in oddTensors.prefix(Self.listed) { add("odd tensor", tensor.description) }
    if oddTensors.count > Self.listed { add("odd tensors", "\(oddTensors.count) in all; --json lists them") }
    add("loads", loads ? "yes" : "no: \(refusal ?? "")")
    return lines.map { title, text in
      title.padding(toLength: 15, withPad: " ", startingAt: 0) + text.onOneLine
    }.joined(separator: "\n")
  }

  /// Odd tensors that a person reads.
  private static let listed = 20

  private var formText: String {
    let names = "\(spelling)'s names" + (prefix.isEmpty ? "" : " after '\(prefix)'")
    return "\(form), \(weights), \(names)"
  }

  private var passedOver: String? {
    let parts = [(bookkeeping, "of bookkeeping"), (beside, "beside the model")].filter { $0.0 > 0 }
    return parts.isEmpty ? nil : parts.map { "\($0.0) tensors \($0.1)" }.joined(separator: ", ")
  }
}
