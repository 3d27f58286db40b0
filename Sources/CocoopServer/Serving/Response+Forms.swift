import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
  private static let encoder: JSONEncoder = {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }()

  static func json(
    _ value: some Encodable, status: HTTPResponse.Status = .ok, fields: HTTPFields = [:]
  ) throws -> Response {
    var response = Response(bytes: try encoder.encode(value), type: "application/json", status: status)
    response.headers.append(contentsOf: fields)
    return response
  }

  /// - Parameter request: the request's id, for questions to the operator.
  static func refusal(_ error: APIError, request: String) -> Response {
    var response = Response(
      bytes: refusalContent(error, request: request), type: "application/json", status: error.status)
    response.headers.append(contentsOf: error.fields)
    return response
  }

  /// The body of every refusal.
  static func refusalContent(_ error: APIError, request: String) -> Data {
    let answer = ErrorAnswer(error: .init(error, request: request))
    // Encoding text never fails.
    return (try? encoder.encode(answer)) ?? Data(#"{"error":{"code":"internal","message":"","request":""}}"#.utf8)
  }

  init(bytes: Data, type: String, status: HTTPResponse.Status = .ok) {
    self.init(
      status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}

extension HTTPFields {
  /// Adds the fields with which every answer restricts browsers: trust the stated type, run only our own scripts, and
  /// do not embed.
  mutating func addSecurityFields() {
    self[.contentSecurityPolicy] = """
      default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
      base-uri 'none'; form-action 'none'; frame-ancestors 'none'
      """
    self[.xContentTypeOptions] = "nosniff"
    for (name, value) in Self.otherSecurityFields { self[name] = value }
    if !contains(.cacheControl) { self[.cacheControl] = "no-store" }
  }

  private static let otherSecurityFields: [(HTTPField.Name, String)] = [
    ("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY"), ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"), ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
  ].compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
}
