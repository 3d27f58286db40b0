import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NamedModels

/// One failed request or transfer: what to tell, and whether the same request may succeed later.
struct TransferFailure: Error {
  let error: AcquisitionError
  /// Whether the same request is worth another try.
  let isTransient: Bool
  /// Whether no server was reached: worth another try only where one was reached before.
  let isUnreached: Bool
  /// The pause that the server asks for.
  let pause: Duration?

  init(_ error: AcquisitionError, isTransient: Bool = false, isUnreached: Bool = false, pause: Duration? = nil) {
    (self.error, self.isTransient, self.isUnreached, self.pause) = (error, isTransient, isUnreached, pause)
  }
}

// MARK: Connections

extension TransferFailure {
  /// The failure that a library's error means.
  ///
  /// - Parameters:
  ///   - host: the server that was asked.
  ///   - proxy: the proxy between.
  ///   - idle: the longest time without a byte.
  init(_ error: any Error, host: String, proxy: ProxyRules.Proxy?, idle: Duration) {
    if let failure = error as? TransferFailure {
      self = failure
    } else if let error = error as? AcquisitionError {
      self.init(error)
    } else if let error = error as? HTTPClientError {
      self.init(error, host: host, proxy: proxy, idle: idle)
    } else if error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError {
      self = .tls(error, host: host)
    } else if let error = error as? NIOConnectionError {
      let reasons = error.connectionErrors.map { Self.reason($0.error) }
      let isUnknown = reasons.isEmpty && (error.dnsAError != nil || error.dnsAAAAError != nil)
      self = .unreached(isUnknown ? "there is no such host, or no network" : reasons.last ?? "no answer", host, proxy)
    } else if let error = error as? IOError {
      self =
        [ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL].contains(error.errnoCode)
        ? .unreached(Self.reason(error), host, proxy) : .broken(Self.reason(error), host)
    } else if error is ChannelError || error is SocketAddressError {
      self = .unreached(Self.reason(error), host, proxy)
    } else {
      self = .broken("\(error)", host)
    }
  }

  private init(_ error: HTTPClientError, host: String, proxy: ProxyRules.Proxy?, idle: Duration) {
    switch error {
    case .connectTimeout, .socksHandshakeTimeout, .httpProxyHandshakeTimeout, .tlsHandshakeTimeout, .deadlineExceeded,
      .getConnectionFromPoolTimeout:
      self = .unreached("no answer in time", host, proxy)
    case .readTimeout:
      self = .broken("no byte for \(Int((idle / .seconds(1)).rounded(.up))) s", host)
    case .proxyAuthenticationRequired:
      let name = proxy.map { "\($0.host):\($0.port)" } ?? ""
      self.init(
        AcquisitionError(
          .proxy, "The proxy \(name) wants a name and a password",
          remedy: "Put them into \(proxy?.variable ?? "https_proxy"), as http://USER:PASSWORD@\(name)"))
    case .invalidProxyResponse:
      self.init(
        AcquisitionError(
          .proxy, "The proxy \(proxy.map { "\($0.host):\($0.port)" } ?? "") does not connect to \(host)",
          remedy: "Let it, or name \(host) in NO_PROXY"))
    case .invalidURL, .emptyHost, .emptyScheme, .missingSocketPath:
      self.init(AcquisitionError(.other, "\(host) is no address of a file"))
    default:
      self = .broken(error.shortDescription, host)
    }
  }

  private static func reason(_ error: any Error) -> String {
    if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
    if error is SocketAddressError { return "there is no such host, or no network" }
    if case .connectTimeout? = error as? ChannelError { return "no answer in time" }
    return "\(error)"
  }

  static func unreached(_ reason: String, _ host: String, _ proxy: ProxyRules.Proxy?) -> Self {
    let way = proxy.map { " through the proxy \($0.host):\($0.port) of \($0.variable)" } ?? ""
    return Self(
      AcquisitionError(
        .unreachable, "\(host) cannot be reached\(way): \(reason)",
        remedy: "Check the network and the proxy (HTTPS_PROXY), or fetch the file elsewhere"),
      isTransient: true, isUnreached: true)
  }

  static func broken(_ reason: String, _ host: String) -> Self {
    Self(
      AcquisitionError(
        .unreachable, "The connection to \(host) broke off: \(reason)",
        remedy: "Run the same command again: it goes on from what has arrived"),
      isTransient: true)
  }

  private static func tls(_ error: any Error, host: String) -> Self {
    let text = "\(error)"
    let isUntrusted = text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("ailedToValidateHostname")
    guard isUntrusted else { return .broken("TLS failed (\(text.prefix(120)))", host) }
    let otherName = text.contains("ailedToValidateHostname") ? ": it belongs to another host" : ""
    return Self(.untrusted(host: host, detail: otherName, now: Date()))
  }
}

// MARK: Answers

extension TransferFailure {
  /// The statuses after which the same request may succeed later.
  private static let transient: Set<Int> = [408, 429, 500, 502, 503, 504]

  /// The failure that an answer without the file means.
  init(_ head: AnswerHead, explain: (@Sendable (AnswerHead) -> AcquisitionError?)?) {
    let isTransient = Self.transient.contains(head.status)
    if head.status == 511 {  // a network that wants a login and says so (RFC 6585)
      self = .page(head, name: head.path)
      return
    }
    let error = explain?(head) ?? Self.general(head)
    self.init(error, isTransient: isTransient, pause: isTransient ? head.requestedPause : nil)
  }

  static func general(_ head: AnswerHead) -> AcquisitionError {
    let kind = AcquisitionError.Kind.refused(status: head.status)
    switch head.status {
    case 404, 410:
      return AcquisitionError(kind, "\(head.host) no longer has \(head.path)", remedy: "Fetch the file elsewhere")
    case 401, 403:
      return AcquisitionError(
        kind, "\(head.host) refuses \(head.path) (status \(head.status))", remedy: "Fetch the file in a browser")
    case 407:
      return AcquisitionError(
        .proxy, "The proxy wants a name and a password",
        remedy: "Put them into https_proxy, as http://USER:PASSWORD@HOST:PORT")
    case 429:
      return AcquisitionError(kind, "\(head.host) refuses: too many requests", remedy: "Try again later")
    default:
      return AcquisitionError(
        kind, "\(head.host) answers with status \(head.status) for \(head.path)", remedy: "Try again later")
    }
  }

  /// A web page where something else was expected.
  ///
  /// - Parameter name: what was expected.
  static func page(_ head: AnswerHead, name: String) -> Self {
    Self(
      AcquisitionError(
        .page,
        "\(head.host) sent a web page (status \(head.status)) where \(name) was expected, as the login of a network or a"
          + " proxy does",
        remedy: "Sign in to the network in a browser, or name its proxy in HTTPS_PROXY, then run the same command again"
      ))
  }
}
