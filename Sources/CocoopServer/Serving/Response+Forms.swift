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

  /// - Parameter request: its id, for who asks the operator.
  static func refusal(_ error: APIError, request: String) -> Response {
    let answer = ErrorAnswer(error: .init(error, request: request))
    guard let response = try? json(answer, status: error.status, fields: error.fields) else {
      return Response(status: .internalServerError)  // strings always encode
    }
    return response
  }

  init(bytes: Data, type: String, status: HTTPResponse.Status = .ok) {
    self.init(
      status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  /// What every answer says to browsers: trust the stated type, run nothing but our own, and be embedded nowhere.
  mutating func addSecurityFields() {
    headers[.contentSecurityPolicy] = """
      default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
      base-uri 'none'; form-action 'none'; frame-ancestors 'none'
      """
    headers[.xContentTypeOptions] = "nosniff"
    for (name, value) in Self.otherSecurityFields { headers[name] = value }
    if !headers.contains(.cacheControl) { headers[.cacheControl] = "no-store" }
  }

  private static let otherSecurityFields: [(HTTPField.Name, String)] = [
    ("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY"), ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"), ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
  ].compactMap { name, value in HTTPField.Name(name).map { ($0, value) } }
}
