import Foundation

/// A sentence with a place for a class name, such as "a photo of a {}.".
public struct PromptTemplate: Sendable, Hashable, CustomStringConvertible {
  /// The sentence, with `{}` where the name goes.
  public let text: String

  /// - Throws: ``DatasetError/template(_:)`` for a text without `{}`: every class would get the same prompt.
  public init(_ text: String) throws {
    guard text.contains("{}") else { throw DatasetError.template(text) }
    self.text = text
  }

  fileprivate init(checked text: String) { self.text = text }

  /// A sentence of a method, which has its `{}`.
  package static func fixed(_ text: String) -> PromptTemplate { PromptTemplate(checked: text) }

  /// The prompt of one class, with the class's name as words.
  public func filled(with className: String) -> String {
    text.replacing("{}", with: Self.words(of: className))
  }

  public var description: String { text }

  /// A class name as it appears in every prompt: `body_part` → "body part", without spaces at the ends or in a row.
  ///
  /// Names become words only here; the tokenizer would collapse the spaces anyway.
  public static func words(of className: String) -> String {
    className.split { $0 == "_" || $0.isWhitespace }.joined(separator: " ")
  }
}

extension PromptTemplate {
  /// CLIP's own template: for a dataset without a template of its own, and for the initial context.
  public static let photo = PromptTemplate(checked: "a photo of a {}.")

  /// The name alone, with its full stop: what follows contexts.
  public static let name = PromptTemplate(checked: "{}.")

  /// The sentence of KgCoOp for textures (`trainers/kgcoop.py`).
  package static let texturePhoto = PromptTemplate(checked: "a photo of a {}, a type of texture.")

  /// The seven templates that were chosen for ImageNet (OpenAI's notebook on prompt engineering; CoOp,
  /// `trainers/zsclip.py`).
  public static let imageNetSeven = [
    "itap of a {}.", "a bad photo of the {}.", "a origami {}.", "a photo of the large {}.",
    "a {} in a video game.", "art of the {}.", "a photo of the small {}.",
  ].map(PromptTemplate.init(checked:))

  /// The zero-shot template of a dataset (CoOp, `trainers/zsclip.py`): a published benchmark's own, or ``photo``.
  ///
  /// - Parameter dataset: a name in any usual spelling, see ``PublishedDataset/init(named:)``.
  public static func zeroShot(for dataset: String) -> PromptTemplate {
    guard let benchmark = PublishedDataset(named: dataset) else { return photo }
    return PromptTemplate(checked: benchmark.layout.template)
  }

  /// The templates whose unit features the ensemble averages: ``imageNetSeven`` and, outside ImageNet, the dataset's
  /// own.
  public static func ensemble(for dataset: String) -> [PromptTemplate] {
    PublishedDataset(named: dataset) == .imageNet ? imageNetSeven : imageNetSeven + [zeroShot(for: dataset)]
  }
}
