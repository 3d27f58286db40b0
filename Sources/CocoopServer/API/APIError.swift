import Explanations
import HTTPTypes

/// Why a request gets no answer: what the client is told, and nothing that only the operator should know.
package enum APIError: Explained, Equatable {
  case syntax(String)
  case unauthorized
  case noSuchPath
  case method(allowed: [String])
  case tooLarge(limit: Int)
  case mediaType(found: String?)
  /// A field with a value that cannot be used.
  case field(name: String, problem: String)
  case image(String, remedy: String)
  case classes(String)
  /// The run has no answers of the mode that was asked for.
  case mode(reason: String)
  case overloaded(retryAfter: Double)
  /// Fast answers for a list of classes are not ready yet.
  case preparing(retryAfter: Double)
  case notReady
  case stopping
  case internalFailure

  package var problem: String {
    switch self {
    case .syntax(let problem): problem
    case .unauthorized: "This server asks for a token"
    case .noSuchPath: "There is nothing at this path"
    case .method(let allowed): "This path answers \(allowed.joined(separator: " and ")) alone"
    case .tooLarge(let limit): "The body has more than \(limit) bytes"
    case .mediaType(let found): "A body of type \(found.map { "'\($0.prefix(80))'" } ?? "unknown") is not read"
    case .field(let name, let problem): "'\(name)' cannot be used: \(problem)"
    case .image(let problem, _), .classes(let problem): problem
    case .mode(let reason): "'mode' cannot be fast with this run: \(reason)"
    case .preparing: "The fast answers for these classes are being prepared"
    case .overloaded: "More images are waiting than can be answered in time"
    case .notReady: "The model is not ready yet"
    case .stopping: "The server is stopping"
    case .internalFailure: "The request failed inside the server"
    }
  }

  package var remedy: String? {
    switch self {
    case .syntax, .field, .classes: nil
    case .unauthorized: "Send 'Authorization: Bearer TOKEN'"
    case .noSuchPath: "The paths are described at /openapi.json"
    case .method: "Use that"
    case .tooLarge: "Send fewer or smaller images"
    case .mediaType:
      "Send an image as image/jpeg, image/png, image/webp or application/octet-stream, multipart/form-data, or "
        + "application/json"
    case .image(_, let remedy): remedy
    case .mode: "Leave it out for the exact answer"
    case .overloaded, .preparing, .notReady, .stopping: "Try again after the time that Retry-After names"
    case .internalFailure: "Tell the operator the request's id"
    }
  }

  /// For programs.
  var code: String {
    switch self {
    case .syntax, .field: "invalid_request"
    case .unauthorized: "unauthorized"
    case .noSuchPath: "not_found"
    case .method: "method_not_allowed"
    case .tooLarge: "too_large"
    case .mediaType: "unsupported_media_type"
    case .image: "unreadable_image"
    case .classes: "invalid_classes"
    case .mode: "mode_unavailable"
    case .overloaded: "overloaded"
    case .preparing: "preparing"
    case .notReady: "not_ready"
    case .stopping: "stopping"
    case .internalFailure: "internal"
    }
  }

  var status: HTTPResponse.Status {
    switch self {
    case .syntax, .field: .badRequest
    case .unauthorized: .unauthorized
    case .noSuchPath: .notFound
    case .method: .methodNotAllowed
    case .tooLarge: .contentTooLarge
    case .mediaType: .unsupportedMediaType
    case .image, .classes, .mode: .unprocessableContent
    case .overloaded, .preparing, .notReady, .stopping: .serviceUnavailable
    case .internalFailure: .internalServerError
    }
  }

  /// What the answer's header says besides.
  var fields: HTTPFields {
    switch self {
    case .unauthorized: [.wwwAuthenticate: "Bearer"]
    case .method(let allowed): [.allow: allowed.joined(separator: ", ")]
    case .overloaded(let seconds), .preparing(let seconds):
      [.retryAfter: "\(max(1, Int(min(seconds, 3600).rounded(.up))))"]
    case .notReady, .stopping: [.retryAfter: "1"]
    default: [:]
    }
  }
}
