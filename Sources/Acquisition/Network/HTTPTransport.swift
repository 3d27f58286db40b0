import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import NamedModels
import Support
import Synchronization

/// The head of an answer.
struct AnswerHead: Sendable {
  let status: Int
  private let headers: HTTPHeaders
  /// The address that gave the answer, after redirections.
  let url: URL

  init(status: Int, headers: HTTPHeaders, url: URL) { (self.status, self.headers, self.url) = (status, headers, url) }

  /// A header's first value.
  subscript(name: String) -> String? { headers.first(name: name) }

  /// All values of a header.
  func all(_ name: String) -> [String] { headers[name] }

  var host: String { url.host ?? url.absoluteString }
  var path: String { url.lastPathComponent }

  /// Whether the answer says that its body is a web page.
  var isPage: Bool { self["Content-Type"]?.lowercased().hasPrefix("text/html") == true }

  /// The length of the body that the answer states.
  var contentLength: Int? { self["Content-Length"].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } }

  /// The part of the file that the body is: `bytes 100-199/200`; the total is `nil` where it isn't stated.
  var contentRange: (start: Int, total: Int?)? {
    guard let match = self["Content-Range"]?.wholeMatch(of: /bytes (\d+)-\d+\/(\d+|\*)/), let start = Int(match.1)
    else { return nil }
    return (start, Int(match.2))
  }

  /// The size of the file that a refused range is from: `bytes */200`.
  var totalOfRefusedRange: Int? { (self["Content-Range"]?.wholeMatch(of: /bytes \*\/(\d+)/)?.1).flatMap { Int($0) } }

  /// The pause before another request that the server asks for: the seconds of `RateLimit` (one more, as they are
  /// rounded down), or `Retry-After` as seconds or a date.
  var requestedPause: Duration? {
    if status == 429, let match = self["RateLimit"]?.firstMatch(of: /;\s*t=(\d+)/), let seconds = Int(match.1) {
      return .seconds(seconds + 1)
    }
    guard let text = self["Retry-After"] else { return nil }
    if let seconds = Double(text), seconds >= 0, seconds < 1e9 { return .seconds(seconds) }
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return formatter.date(from: text).map { .seconds(max(0, $0.timeIntervalSinceNow)) }
  }

  /// A version of the file that is compared byte by byte, for `If-Range`.
  var validator: String? {
    if let etag = self["ETag"], !etag.hasPrefix("W/") { return etag }
    return self["Last-Modified"]
  }
}

/// An answer whose body is yet to be read.
struct Answer: Sendable {
  let head: AnswerHead
  let body: HTTPClientResponse.Body
}

/// Sends requests: through the environment's proxies, with its certificates, and following redirections itself.
///
/// A client of the library has one proxy, so there is one for each that is needed.
final class HTTPTransport: Sendable {
  private let settings: NetworkSettings
  private let clients = Mutex<[ProxyRules.Proxy?: HTTPClient]>([:])
  private static let mostRedirections = 10
  /// The most bytes that are read from a connection at once. The library's own buffers are smaller, and each costs a
  /// change of threads.
  static let largestPiece = 1 << 20
  private static let smallestPiece = 1 << 14
  private static let userAgent = "cocoop/0.1"

  init(_ settings: NetworkSettings) { self.settings = settings }

  /// Closes all connections.
  func shutDown() async {
    let all = clients.withLock { clients in
      defer { clients = [:] }
      return Array(clients.values)
    }
    for client in all { try? await client.shutdown() }
  }

  /// Where redirections are followed to.
  enum Redirections: Sendable { case anywhere, onTheSameOrigin, nowhere }

  /// Sends a request and follows redirections, never from https to http.
  ///
  /// - Parameters:
  ///   - ownHeaders: fields for the origin of `address` alone, such as a token.
  ///   - headers: fields for whoever answers.
  /// - Throws: ``TransferFailure``, `CancellationError`.
  func send(
    _ method: HTTPMethod = .GET, _ address: String, ownHeaders: [(name: String, value: String)] = [],
    headers: [(name: String, value: String)] = [], following redirections: Redirections = .anywhere
  ) async throws -> Answer {
    guard let start = URL(string: address), start.host != nil else {
      throw TransferFailure(AcquisitionError(.other, "'\(address)' is no address"))
    }
    var url = start
    for _ in 0...Self.mostRedirections {
      let all = headers + (url.hasOrigin(of: start) ? ownHeaders : [])
      let answer = try await hop(method, url, all)
      guard redirections != .nowhere, [301, 302, 303, 307, 308].contains(answer.head.status),
        let location = answer.head["Location"]
      else {
        return answer
      }
      guard let next = URL(string: location, relativeTo: url)?.absoluteURL, next.host != nil,
        ["http", "https"].contains(next.scheme)
      else {
        throw TransferFailure(AcquisitionError(.other, "\(answer.head.host) redirects to '\(location)', no address"))
      }
      if redirections == .onTheSameOrigin, !next.hasOrigin(of: start) { return answer }
      guard url.scheme != "https" || next.scheme == "https" else {
        throw TransferFailure(
          AcquisitionError(.other, "\(answer.head.host) redirects to an address without encryption, \(next.host ?? "")")
        )
      }
      url = next
    }
    throw TransferFailure(AcquisitionError(.other, "\(start.host ?? "") redirects in a circle"))
  }

  private func hop(_ method: HTTPMethod, _ url: URL, _ headers: [(name: String, value: String)]) async throws -> Answer
  {
    let (host, scheme) = (url.host ?? "", url.scheme ?? "http")
    let proxy = settings.proxies.proxy(scheme: scheme, host: host, port: url.port ?? (scheme == "https" ? 443 : 80))
    var request = HTTPClientRequest(url: url.absoluteString)
    request.method = method
    // A compressed answer would have neither the file's length nor its ranges.
    request.headers.add(name: "Accept-Encoding", value: "identity")
    if !headers.contains(where: { $0.name.lowercased() == "user-agent" }) {
      request.headers.add(name: "User-Agent", value: Self.userAgent)
    }
    for header in headers { request.headers.add(name: header.name, value: header.value) }
    do {
      // The deadline ends with the answer's head; the body has the time without a byte as its limit.
      let limit = settings.connecting + settings.idle + settings.idle
      let response = try await client(for: proxy).execute(request, timeout: .nanoseconds(limit.wholeNanoseconds))
      let head = AnswerHead(status: Int(response.status.code), headers: response.headers, url: url)
      return Answer(head: head, body: response.body)
    } catch {
      try Task.checkCancellation()
      throw failure(error, for: url)
    }
  }

  /// The failure that an error means while the body of `url` is read.
  func failure(_ error: any Error, for url: URL) -> TransferFailure {
    let (host, scheme) = (url.host ?? "", url.scheme ?? "http")
    let proxy = settings.proxies.proxy(scheme: scheme, host: host, port: url.port ?? (scheme == "https" ? 443 : 80))
    return TransferFailure(error, host: host, proxy: proxy, idle: settings.idle)
  }

  private func client(for proxy: ProxyRules.Proxy?) -> HTTPClient {
    clients.withLock { clients in
      if let client = clients[proxy] { return client }
      let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration(with: proxy))
      clients[proxy] = client
      return client
    }
  }

  private func configuration(with proxy: ProxyRules.Proxy?) -> HTTPClient.Configuration {
    var tls = TLSConfiguration.makeClientConfiguration()
    if let roots = settings.trust.roots { tls.trustRoots = .certificates(roots) }
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(
        connect: .nanoseconds(settings.connecting.wholeNanoseconds), read: .nanoseconds(settings.idle.wholeNanoseconds)),
      decompression: .disabled)
    // One stream a connection: HTTP/2's window would limit a large file on a long way.
    configuration.httpVersion = .http1Only
    // Tries are counted here, where a person hears of them.
    configuration.connectionPool.retryConnectionEstablishment = false
    // The library's one way to the channel, whatever its name says.
    configuration.http1_1ConnectionDebugInitializer = { channel in
      channel.setOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(
          minimum: Self.smallestPiece, initial: 1 << 16, maximum: Self.largestPiece))
    }
    if let proxy {
      switch proxy.kind {
      case .http:
        let login = proxy.user.map {
          HTTPClient.Authorization.basic(username: $0, password: proxy.password ?? "")
        }
        configuration.proxy = .server(host: proxy.host, port: proxy.port, authorization: login)
      case .socks: configuration.proxy = .socksServer(host: proxy.host, port: proxy.port)
      }
    }
    return configuration
  }
}

extension URL {
  /// Whether scheme, host and port are the same.
  func hasOrigin(of other: URL) -> Bool {
    func port(_ url: URL) -> Int? { url.port ?? (url.scheme == "https" ? 443 : url.scheme == "http" ? 80 : nil) }
    return scheme?.lowercased() == other.scheme?.lowercased() && host?.lowercased() == other.host?.lowercased()
      && port(self) == port(other)
  }
}

extension Duration {
  fileprivate var wholeNanoseconds: Int64 { Int64((self / .nanoseconds(1)).rounded()) }
}
