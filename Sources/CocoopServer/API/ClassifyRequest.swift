import Experiments
import Foundation

/// What `POST /v1/classify` was asked, whatever form it was sent in.
struct ClassifyRequest: Sendable {
  /// Encoded photos.
  let images: [Data]
  let choice: ClassifierChoice
  /// How many classes to tell of each photo.
  let top: Int

  struct Limits: Sendable {
    var images: Int
    var classes: Int
    /// Characters of a class name.
    var nameLength: Int
  }

  /// The parts that a form may leave out; `nil` was not sent.
  struct Options: Sendable {
    var classes: [String]?
    var top: Int?
    var model: String?
    var mode: String?

    /// These options, and those of `other` where they say nothing.
    func or(_ other: Options) -> Options {
      Options(
        classes: classes ?? other.classes, top: top ?? other.top, model: model ?? other.model, mode: mode ?? other.mode)
    }
  }

  static let standardTop = 5

  /// - Parameter runClasses: those that the run was learned on, which stand for a list that was not sent.
  /// - Throws: ``APIError``.
  init(images: [Data], options: Options, runClasses: [String], limits: Limits) throws {
    guard !images.isEmpty else { throw APIError.field(name: "images", problem: "there is none") }
    guard images.count <= limits.images else {
      throw APIError.field(
        name: "images", problem: "\(images.count) were sent, and at most \(limits.images) are taken at once")
    }
    self.images = images
    try options.check(limits)
    choice = ClassifierChoice(
      model: options.model.flatMap(ModelChoice.init) ?? .run, mode: options.mode.flatMap(AnswerMode.init) ?? .exact,
      classNames: try Self.checked(options.classes, runClasses: runClasses, limits: limits))
    top = options.top ?? Self.standardTop
  }

  /// - Returns: the list that was sent, or the run's, with names as prompts have them.
  static func checked(_ sent: [String]?, runClasses: [String], limits: Limits) throws -> [String] {
    guard let sent else {
      guard !runClasses.isEmpty else { throw APIError.classes("This run doesn't know its classes: send 'classes'") }
      return runClasses
    }
    guard sent.count <= limits.classes else {
      throw APIError.classes("\(sent.count) classes were sent, and at most \(limits.classes) are taken")
    }
    if let long = sent.first(where: { $0.unicodeScalars.count > limits.nameLength }) {
      throw APIError.classes(
        "The class name that begins with '\(long.prefix(20))' has more than \(limits.nameLength) characters")
    }
    do {
      return try ClassNames(sent, source: "'classes'").names
    } catch let error as ExperimentError {
      throw APIError.classes(error.problem)
    }
  }
}

extension ClassifyRequest.Options {
  /// Looks at everything but the classes.
  ///
  /// - Throws: ``APIError``.
  func check(_ limits: ClassifyRequest.Limits) throws {
    if let top, !(1...limits.classes).contains(top) {
      throw APIError.field(name: "top", problem: "it must be from 1 to \(limits.classes), found \(top)")
    }
    if let model, ModelChoice(rawValue: model) == nil {
      let known = ModelChoice.allCases.map(\.rawValue).joined(separator: " or ")
      throw APIError.field(name: "model", problem: "it must be \(known)")
    }
    if let mode, AnswerMode(rawValue: mode) == nil {
      let known = AnswerMode.allCases.map(\.rawValue).joined(separator: " or ")
      throw APIError.field(name: "mode", problem: "it must be \(known)")
    }
  }

  /// Reads one option that was sent as text: in the query, or as a field of a form.
  ///
  /// - Throws: ``APIError`` where there is no such option, or it was sent already.
  mutating func read(_ name: String, _ text: String) throws {
    func once(_ isNew: Bool) throws {
      guard isNew else { throw APIError.field(name: name, problem: "it was sent twice") }
    }
    switch name {
    case "classes":
      try once(classes == nil)
      do {
        classes = try ClassNames.entries(of: text, source: "'classes'")
      } catch let error as ExperimentError {
        throw APIError.classes(error.problem)
      }
    case "top":
      try once(top == nil)
      guard let number = Int(text) else { throw APIError.field(name: name, problem: "it must be a whole number") }
      top = number
    case "model":
      try once(model == nil)
      model = text
    case "mode":
      try once(mode == nil)
      mode = text
    default: throw APIError.syntax("There is no option '\(name.prefix(40))': classes, top, model and mode are known")
    }
  }
}
