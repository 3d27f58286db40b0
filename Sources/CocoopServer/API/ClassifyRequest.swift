import Foundation
import HTTPTypes
import Hummingbird
import Runs

/// A request to `POST /v1/classify`, in any of its forms.
package struct ClassifyRequest: Sendable {
  /// Encoded photos.
  package let images: [Data]
  let choice: ClassifierChoice
  /// The number of classes that are reported for each photo.
  package let top: Int

  package var classNames: [String] { choice.classNames }

  package struct Limits: Sendable {
    /// The most images in one request.
    package var images = 32
    /// The most classes in one request.
    package var classes = 1_000
    /// The most characters of a class name.
    package var classNameCharacters = 200

    package init() {}
  }

  /// The optional parts of a request; `nil` was not sent.
  struct Options: Sendable {
    var classes: [String]?
    var top: Int?
    var model: String?
    var mode: String?

    /// These options, with those of `other` where they are missing.
    func or(_ other: Options) -> Options {
      Options(
        classes: classes ?? other.classes, top: top ?? other.top, model: model ?? other.model, mode: mode ?? other.mode)
    }
  }

  static let standardTop = 5
  private static let otherTypes: Set = ["application/octet-stream", "application/json", "multipart/form-data"]

  /// Whether a body of this type is supported, known before it is received. The type of an image follows from its
  /// bytes.
  package static func reads(_ contentType: String?) -> Bool {
    guard let essence = contentType.flatMap(ContentType.init)?.essence else { return false }
    return essence.hasPrefix("image/") || otherTypes.contains(essence)
  }

  /// Reads a request by its content type. Options of the body override those of the query.
  ///
  /// - Parameters:
  ///   - contentType: the header's field, if it was sent.
  ///   - query: the text after the path's question mark, still escaped.
  ///   - runClasses: the classes that the run was learned on, the default for the list of classes.
  /// - Throws: ``APIError``.
  package init(
    _ body: Data, contentType sent: String?, query: String?, runClasses: [String], limits: Limits
  ) throws {
    var inQuery = Options()
    for (name, value) in try QueryParameters(query).pairs { try inQuery.read(name, value, guide: RequestGuide.query) }
    // Checked even where the body overrides them.
    try inQuery.check(limits)
    if inQuery.classes != nil { _ = try Self.checked(inQuery.classes, runClasses: runClasses, limits: limits) }
    guard let sent, let type = ContentType(sent), Self.reads(sent) else { throw APIError.mediaType(found: sent) }
    var options = Options()
    var guide = RequestGuide.form
    switch type.essence {
    case "application/json":
      let content = try JSONRequest(body)
      (images, options, guide) = (content.images, content.options, RequestGuide.json)
    case "multipart/form-data":
      images = try Self.images(of: MultipartForm(body, contentType: type), options: &options)
    default: images = [body]
    }
    guard !images.isEmpty else { throw APIError.syntax("There is no image in the request", remedy: guide) }
    guard images.count <= limits.images else {
      throw APIError.syntax(
        "\(images.count) images were sent, and at most \(limits.images) are taken at once",
        remedy: "Send them in several requests")
    }
    try options.check(limits)
    options = options.or(inQuery)
    choice = ClassifierChoice(
      model: options.model.flatMap(ModelChoice.init) ?? .run, mode: options.mode.flatMap(AnswerMode.init) ?? .exact,
      classNames: try Self.checked(options.classes, runClasses: runClasses, limits: limits))
    top = options.top ?? Self.standardTop
  }

  private static func images(of form: MultipartForm, options: inout Options) throws -> [Data] {
    var images: [Data] = []
    for field in form.fields {
      if field.name == "image" {
        images.append(field.content)
      } else if !Options.names.contains(field.name) {
        throw APIError.syntax("There is no field '\(field.name.prefix(40))'", remedy: RequestGuide.form)
      } else if let text = String(data: field.content, encoding: .utf8) {
        try options.read(field.name, text, guide: RequestGuide.form)
      } else {
        throw APIError.field(name: field.name, problem: "it is not UTF-8 text", remedy: RequestGuide.form)
      }
    }
    return images
  }

  /// - Returns: the list that was sent, or the run's, with names as prompts have them.
  private static func checked(_ sent: [String]?, runClasses: [String], limits: Limits) throws -> [String] {
    guard let sent else {
      guard !runClasses.isEmpty else {
        throw APIError.classes("This run doesn't know its classes", remedy: "Send 'classes'")
      }
      return runClasses
    }
    guard sent.count <= limits.classes else {
      throw APIError.classes("\(sent.count) classes were sent, and at most \(limits.classes) are taken")
    }
    if let long = sent.first(where: { $0.unicodeScalars.count > limits.classNameCharacters }) {
      throw APIError.classes(
        "The class name that begins with '\(long.prefix(20))' has more than \(limits.classNameCharacters) characters")
    }
    do {
      return try ClassNames(sent, source: "'classes'").names
    } catch let error as RunError {
      throw APIError.classes(error.problem)
    }
  }
}

extension ClassifyRequest.Options {
  static let names = ["classes", "top", "model", "mode"]

  /// Checks everything but the classes.
  ///
  /// - Throws: ``APIError``.
  func check(_ limits: ClassifyRequest.Limits) throws {
    if let top, !(1...limits.classes).contains(top) {
      throw APIError.field(name: "top", problem: "it must be from 1 to \(limits.classes), found \(top)")
    }
    if let model, ModelChoice(rawValue: model) == nil {
      let known = ModelChoice.allCases.map(\.rawValue).joined(separator: " or ")
      throw APIError.field(name: "model", problem: "it must be \(known), found '\(model.prefix(40))'")
    }
    if let mode, AnswerMode(rawValue: mode) == nil {
      let known = AnswerMode.allCases.map(\.rawValue).joined(separator: " or ")
      throw APIError.field(name: "mode", problem: "it must be \(known), found '\(mode.prefix(40))'")
    }
  }

  /// Reads one option that was sent as text: in the query, or as a field of a form.
  ///
  /// - Throws: ``APIError`` where there is no such option, or it occurs twice.
  fileprivate mutating func read(_ name: String, _ text: String, guide: String) throws {
    func once(_ isNew: Bool) throws {
      guard isNew else {
        let remedy = name == "classes" ? "Put all names into one field, with commas between them" : "Send it once"
        throw APIError.field(name: name, problem: "it was sent twice", remedy: remedy)
      }
    }
    switch name {
    case "classes":
      try once(classes == nil)
      do {
        classes = try ClassNames.entries(of: text, source: "'classes'")
      } catch let error as RunError {
        guard case .classList(let problem) = error.kind else { throw error }
        throw APIError.field(
          name: name, problem: problem,
          remedy: "Send names with commas between them, such as cat,dog, or [\"cat\", \"dog\"]")
      }
    case "top":
      try once(top == nil)
      guard let number = Int(text) else {
        throw APIError.field(
          name: name, problem: "it must be a whole number, found '\(text.prefix(20))'", remedy: guide)
      }
      top = number
    case "model":
      try once(model == nil)
      model = text
    case "mode":
      try once(mode == nil)
      mode = text
    default: throw APIError.syntax("There is no option '\(name.prefix(40))'", remedy: guide)
    }
  }
}
