import HTTPTypes

/// The origins whose pages may read this server's answers in a browser (the Fetch standard, §3.3: CORS). The default is
/// none.
public struct AllowedOrigins: Sendable {
  private enum Kind {
    case any
    case listed(Set<String>)
  }

  private let kind: Kind

  /// - Parameter texts: `scheme://host[:port]` as browsers send it, or `*` for every page.
  /// - Throws: ``ServerError/origin(found:problem:)``.
  public init(_ texts: [String] = []) throws {
    let origins = try texts.filter { $0 != "*" }.map(Self.normalized)
    kind = texts.contains("*") ? .any : .listed(Set(origins))
  }

  /// An empty list of origins.
  public static let none = AllowedOrigins(kind: .listed([]))

  private init(kind: Kind) { self.kind = kind }

  package var isEmpty: Bool { if case .listed(let origins) = kind { origins.isEmpty } else { false } }

  /// The text as browsers send it: in lower case, without a default port.
  private static func normalized(_ text: String) throws -> String {
    func refused(_ problem: String) -> ServerError { .origin(found: text, problem: problem) }
    if text == "null" { throw refused("any page in a sandbox sends it, whoever made it") }
    let form = /([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::([0-9]{1,5}))?/
    guard let match = text.lowercased().wholeMatch(of: form) else {
      if text.contains("*") { throw refused("a star stands alone") }
      if !text.contains("://") { throw refused("it has no scheme") }
      if text.dropFirst(text.count - 1) == "/" { throw refused("it ends in a slash, which browsers don't send") }
      throw refused("it is no scheme, host and perhaps port")
    }
    let (scheme, host) = (String(match.1), String(match.2))
    guard let port = match.3.flatMap({ Int($0) }) else { return "\(scheme)://\(host)" }
    guard (1...65_535).contains(port) else { throw refused("its port is none from 1 to 65535") }
    let isUnsaid = (scheme == "http" && port == 80) || (scheme == "https" && port == 443)
    return isUnsaid ? "\(scheme)://\(host)" : "\(scheme)://\(host):\(port)"
  }

  /// The fields of an answer that let the requesting page read it.
  ///
  /// - Parameter origin: the request's `Origin`, which browsers send for pages from other origins.
  package func fields(for origin: String?) -> HTTPFields {
    var fields = HTTPFields()
    switch kind {
    case .any: fields[.accessControlAllowOrigin] = "*"
    case .listed(let origins):
      if origins.isEmpty { return [:] }
      // A cached answer for one page would be wrong for another.
      fields[.vary] = "Origin"
      guard let origin, origins.contains(origin.lowercased()) else { return fields }
      fields[.accessControlAllowOrigin] = origin
    }
    fields[.accessControlExposeHeaders] = "Retry-After, X-Request-Id"
    return fields
  }

  /// The fields of the answer to a browser's preflight request.
  ///
  /// - Throws: ``APIError/origin`` where it may not.
  package func preflightFields(methods: [String], origin: String?) throws -> HTTPFields {
    guard fields(for: origin)[.accessControlAllowOrigin] != nil else { throw APIError.origin }
    return [
      .accessControlAllowMethods: methods.joined(separator: ", "),
      .accessControlAllowHeaders: "Authorization, Content-Type", .accessControlMaxAge: "600",
    ]
  }
}
