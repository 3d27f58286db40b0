import HTTPTypes
import Support

/// A reason why a request gets no answer, in the client's terms: it contains nothing that concerns the operator alone.
package enum APIError: UserFacingError, Equatable {
  /// A request that cannot be understood.
  case syntax(String, remedy: String)
  /// A header field or a request line beyond the limits.
  case headerTooLong
  case httpVersion
  case unauthorized
  /// A preflight of a page whose origin may not read answers.
  case origin
  case noSuchPath
  case method(allowed: [String])
  case tooLarge(limit: Int)
  case mediaType(found: String?)
  /// A field with a value that cannot be used.
  case field(name: String, problem: String, remedy: String? = nil)
  case image(String, remedy: String)
  case classes(String, remedy: String? = nil)
  /// The run has no answers in the requested mode.
  case mode(reason: String)
  case bodyTimeout
  case overloaded(retryAfter: Double)
  /// Fast answers for a list of classes are not ready yet.
  case preparing(retryAfter: Double)
  case notReady
  case stopping
  /// The client has closed the connection, or its sending half, before the answer.
  case disconnected
  case internalFailure

  package var problem: String {
    switch self {
    case .syntax(let problem, _): problem
    case .headerTooLong: "The request's line or header is longer than this server reads"
    case .httpVersion: "The request is of another version of HTTP than 1.0 and 1.1"
    case .unauthorized: "This server asks for a token"
    case .origin: "Pages of this origin may not read this server's answers"
    case .noSuchPath: "There is nothing at this path"
    case .method(let allowed): "This path answers \(allowed.joined(separator: " and ")) alone"
    case .tooLarge(let limit): "The body has more than \(limit) bytes"
    case .mediaType(let found): "A body of type \(found.map { "'\($0.prefix(80))'" } ?? "unknown") is not read"
    case .field(let name, let problem, _): "'\(name)' cannot be used: \(problem)"
    case .image(let problem, _), .classes(let problem, _): problem
    case .mode(let reason): "'mode' cannot be fast with this run: \(reason)"
    case .bodyTimeout: "The request's body did not come in time"
    case .preparing: "The fast answers for these classes are being prepared"
    case .overloaded: "More images are waiting than can be answered in time"
    case .notReady: "The model is not ready yet"
    case .stopping: "The server is stopping"
    case .disconnected: "The connection was closed before the answer"
    case .internalFailure: "The request failed inside the server"
    }
  }

  package var remedy: String? {
    switch self {
    case .syntax(_, let remedy), .image(_, let remedy): remedy
    case .field(_, _, let remedy), .classes(_, let remedy): remedy
    case .headerTooLong: "A long list of classes goes into the body, as a form's field or as JSON"
    case .httpVersion: "Use HTTP/1.1"
    case .unauthorized: "Send 'Authorization: Bearer TOKEN'"
    case .origin: "The operator can allow it with --allow-origin"
    case .noSuchPath: "The paths are described at /openapi.json"
    case .method: "Use that"
    case .tooLarge: "Send fewer or smaller images"
    case .mediaType:
      "Send a photo as image/jpeg, image/png, image/webp or application/octet-stream, multipart/form-data, or "
        + "application/json, such as curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg'"
    case .mode: "Leave it out for the exact answer"
    case .bodyTimeout: "Send it faster, or send less at a time"
    case .overloaded, .preparing, .notReady, .stopping: "Try again after the time that Retry-After names"
    case .disconnected: "Keep it open until the answer has come"
    case .internalFailure: "Tell the operator the request's id"
    }
  }

  /// The code, for programs.
  var code: String {
    switch self {
    case .syntax, .field: "invalid_request"
    case .headerTooLong: "header_too_long"
    case .httpVersion: "http_version"
    case .unauthorized: "unauthorized"
    case .origin: "origin_not_allowed"
    case .noSuchPath: "not_found"
    case .method: "method_not_allowed"
    case .tooLarge: "too_large"
    case .mediaType: "unsupported_media_type"
    case .image: "unreadable_image"
    case .classes: "invalid_classes"
    case .mode: "mode_unavailable"
    case .bodyTimeout: "body_timeout"
    case .overloaded: "overloaded"
    case .preparing: "preparing"
    case .notReady: "not_ready"
    case .stopping: "stopping"
    case .disconnected: "disconnected"
    case .internalFailure: "internal"
    }
  }

  var status: HTTPResponse.Status {
    switch self {
    case .syntax, .field: .badRequest
    case .headerTooLong: .requestHeaderFieldsTooLarge
    case .httpVersion: .httpVersionNotSupported
    case .unauthorized: .unauthorized
    case .origin: .forbidden
    case .noSuchPath: .notFound
    case .method: .methodNotAllowed
    case .tooLarge: .contentTooLarge
    case .mediaType: .unsupportedMediaType
    case .image, .classes, .mode: .unprocessableContent
    case .bodyTimeout: .requestTimeout
    case .overloaded, .preparing, .notReady, .stopping: .serviceUnavailable
    // nginx's status for this case; hardly any client ever reads it.
    case .disconnected: HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
    case .internalFailure: .internalServerError
    }
  }

  /// Further fields of the answer's header.
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

  /// Whether the metrics count the request as rejected.
  var isRejection: Bool {
    switch self {
    case .overloaded, .preparing, .tooLarge, .unauthorized, .origin, .stopping, .notReady: true
    default: false
    }
  }
}
