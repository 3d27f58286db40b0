import Foundation
import NamedModels

/// The proxies that the environment names, as curl, Python and Go read it.
package struct ProxyRules: Sendable, Equatable {
  /// A proxy's address.
  package struct Proxy: Sendable, Hashable {
    package enum Kind: Sendable { case http, socks }
    package let kind: Kind
    package let host: String
    package let port: Int
    let user, password: String?
    /// The variable that names it.
    let variable: String
  }

  private let http, https: Proxy?
  private let exceptions: [String]

  /// - Throws: ``AcquisitionError`` for a proxy that makes no sense or is of a kind that is not supported.
  package init(environment: [String: String]) throws {
    func first(_ names: [String]) -> (name: String, value: String)? {
      names.lazy.compactMap { name in environment[name].map { (name, $0) } }.first { !$0.1.isEmpty }
    }
    // In a CGI script, HTTP_PROXY is the request header "Proxy" (httpoxy), so that nobody heeds it there.
    let upper = environment["REQUEST_METHOD"] == nil ? ["HTTP_PROXY"] : []
    let all = ["all_proxy", "ALL_PROXY"]
    http = try first(["http_proxy"] + upper + all).map { try Proxy($0.value, variable: $0.name) }
    https = try first(["https_proxy", "HTTPS_PROXY"] + all).map { try Proxy($0.value, variable: $0.name) }
    exceptions =
      first(["no_proxy", "NO_PROXY"])?.value.split { $0 == "," || $0.isWhitespace }.map { $0.lowercased() } ?? []
  }

  /// The proxy for an address; `nil` for a direct connection.
  package func proxy(scheme: String, host: String, port: Int) -> Proxy? {
    guard let proxy = scheme == "https" ? https : http else { return nil }
    let host = host.lowercased().trimmingCharacters(in: CharacterSet(charactersIn: "[]."))
    return exceptions.contains { Self.covers($0, host: host, port: port) } ? nil : proxy
  }

  /// Whether an entry of NO_PROXY covers a host: `*`, a host, the ending of hosts, an address, or a range of addresses.
  private static func covers(_ entry: String, host: String, port: Int) -> Bool {
    if entry == "*" { return true }
    var entry = entry
    if let match = entry.wholeMatch(of: /(.*[^:]|\[.*\]):(\d{1,5})/), !match.1.contains(":") || match.1.hasPrefix("[") {
      guard Int(match.2) == port else { return false }
      entry = String(match.1)
    }
    if let slash = entry.firstIndex(of: "/"), let length = Int(entry[entry.index(after: slash)...]),
      let network = address(String(entry[..<slash])), let own = address(host), network.count == own.count
    {
      return (0..<min(max(length, 0), network.count * 8)).allSatisfy { bit in
        (network[bit / 8] ^ own[bit / 8]) & (0x80 >> (bit % 8)) == 0
      }
    }
    entry = entry.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    if entry.hasPrefix("*.") { entry.removeFirst() }
    let ending = entry.drop { $0 == "." }
    return !ending.isEmpty && (host == ending || host.hasSuffix("." + ending))
  }

  /// The bytes of a numeric address.
  private static func address(_ text: String) -> [UInt8]? {
    var (four, six) = (in_addr(), in6_addr())
    if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
    if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
    return nil
  }
}

extension ProxyRules.Proxy {
  /// - Parameter text: a proxy as the variables have it: `http://user:password@host:port`, or without the scheme.
  fileprivate init(_ text: String, variable: String) throws {
    func refused(_ found: String) -> AcquisitionError {
      AcquisitionError(
        .setting, "\(variable) names no proxy that can be used: \(found)",
        remedy: "Give it as http://HOST:PORT or socks5://HOST:PORT, or unset \(variable)")
    }
    guard let parts = URLComponents(string: text.contains("://") ? text : "http://" + text), let host = parts.host,
      !host.isEmpty
    else { throw refused("it has no host") }
    switch parts.scheme?.lowercased() {
    case "http": (kind, port) = (.http, parts.port ?? 80)
    case "socks5", "socks5h", "socks": (kind, port) = (.socks, parts.port ?? 1080)
    default: throw refused("its scheme is '\(parts.scheme ?? "")'")
    }
    guard kind == .http || parts.user == nil else { throw refused("a SOCKS proxy with a password is not supported") }
    self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    (user, password) = (parts.user, parts.password)
    self.variable = variable
  }
}
