/// Lets a function list markup as statements, with `if` and `for`.
@resultBuilder
enum MarkupBuilder {
  static func buildExpression(_ markup: Markup) -> Markup { markup }
  static func buildExpression(_ markup: Markup?) -> Markup { markup ?? .empty }
  static func buildExpression(_ text: String) -> Markup { Markup(text) }
  static func buildBlock(_ parts: Markup...) -> Markup { Markup(parts) }
  static func buildOptional(_ part: Markup?) -> Markup { part ?? .empty }
  static func buildEither(first part: Markup) -> Markup { part }
  static func buildEither(second part: Markup) -> Markup { part }
  static func buildArray(_ parts: [Markup]) -> Markup { Markup(parts) }
}

/// An element with its attributes and what stands in it. An attribute without a value is left out.
///
/// - Parameter flags: names of attributes that are on where they stand, such as `open`.
func element(
  _ tag: Tag, _ attributes: KeyValuePairs<String, String?> = [:], flags: [String] = [],
  @MarkupBuilder _ body: () -> Markup = { .empty }
) -> Markup {
  let named = attributes.map { Markup.Attribute(name: $0.key, value: $0.value) }
  return Markup(tag, named + flags.map { Markup.Attribute(name: $0, value: "") }, body())
}

/// Several parts as one.
func fragment(@MarkupBuilder _ body: () -> Markup) -> Markup { body() }

func paragraph(_ text: String, class name: String? = nil) -> Markup { element(.p, ["class": name]) { text } }
