import Foundation
import HTTPTypes
import Hummingbird

extension ClassifyRequest {
  static let imageTypes: Set = ["image/jpeg", "image/png", "image/webp", "application/octet-stream"]

  /// Reads a request by its content type. Options of the body count before those of the query.
  ///
  /// - Throws: ``APIError``.
  init(_ body: Data, of request: Request, runClasses: [String], limits: Limits) throws {
    var query = Options()
    for (name, value) in try QueryParameters(request.uri.query).pairs { try query.read(name, value) }
    // Also what the body overrides.
    try query.check(limits)
    if query.classes != nil { _ = try Self.checked(query.classes, runClasses: runClasses, limits: limits) }
    let sent = request.headers[.contentType]
    guard let sent, let type = ContentType(sent) else { throw APIError.mediaType(found: sent) }
    let images: [Data]
    var options = Options()
    switch type.essence {
    case "application/json":
      let content = try JSONRequest.read(body)
      images = content.images
      options = content.options
    case "multipart/form-data":
      var found: [Data] = []
      for field in try MultipartForm(body, contentType: type).fields {
        if field.name == "image" {
          found.append(field.content)
        } else if let text = String(data: field.content, encoding: .utf8) {
          try options.read(field.name, text)
        } else {
          throw APIError.field(name: String(field.name.prefix(40)), problem: "it is not UTF-8 text")
        }
      }
      images = found
    case let essence where Self.imageTypes.contains(essence):
      images = [body]
    default: throw APIError.mediaType(found: type.essence)
    }
    try self.init(images: images, options: options.or(query), runClasses: runClasses, limits: limits)
  }

  /// Whether a body of this type can be read at all, told before it is received.
  static func reads(_ contentType: String?) -> Bool {
    guard let essence = contentType.flatMap(ContentType.init)?.essence else { return false }
    return imageTypes.contains(essence) || essence == "application/json" || essence == "multipart/form-data"
  }
}
