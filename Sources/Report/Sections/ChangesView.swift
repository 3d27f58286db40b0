/// The images whose answer CoCoOp's conditional token changed most, before and after.
struct ChangesView {
  let changes: ConditionalChanges
  let pictures: Pictures
  let id: String

  var markup: Markup {
    element(.div, ["class": "figure wide", "id": id]) {
      element(.p) {
        element(.strong) { "What the conditional token changed." }
        " " + summary
      }
      element(.ul, ["class": "changes"]) { for change in changes.most { item(of: change) } }
      if changes.most.contains(where: { pictures.missing.contains($0.file) }) {
        paragraph("Some of the images are no longer where they were measured, and are left out.", class: "note")
      }
    }
  }

  private var summary: String {
    let images =
      changes.images < changes.total
      ? "\(changes.images.grouped) of the \(changes.total.counted("image"))" : changes.images.counted("image")
    return
      "Before: the context vectors alone, the token at zero. After: with the token that the meta-network computes from"
      + " the image. Of \(images), \(changes.changed.grouped) have another answer: \(changes.becameRight.grouped) became"
      + " right and \(changes.becameWrong.grouped) wrong. Those changed most:"
  }

  private func item(of change: ConditionalChanges.Change) -> Markup {
    element(.li) {
      if let picture = pictures[change.file] {
        Thumbnail(picture: picture, description: "An image of the class \(change.label)").markup
      }
      element(.div) {
        element(.p) { element(.strong) { change.label } }
        answer("before", change.before, label: change.label)
        answer("after", change.after, label: change.label)
      }
    }
  }

  private func answer(_ title: String, _ answer: ConditionalChanges.Answer, label: String) -> Markup {
    let isRight = answer.class == label
    return element(.p) {
      element(.span, ["class": "muted"]) { "\(title) " }
      element(.span, ["class": isRight ? "good" : "bad"]) { isRight ? "✓ " : "✗ " }
      "\(answer.class) "
      element(.span, ["class": "muted"]) { "\((100 * Double(answer.probability)).percentText) %" }
    }
  }
}
