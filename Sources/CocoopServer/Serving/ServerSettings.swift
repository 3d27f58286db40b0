import Foundation

/// The settings of a server. Each default suits one machine behind a proxy, or a user who tries a run; further limits
/// are documented at the types that use them.
public struct ServerSettings: Sendable {
  /// The address to listen on; the default is the loopback, which only this machine can reach.
  public var host = "127.0.0.1"
  /// The port; 0 takes any free one.
  public var port = 8080
  /// The secret that requests to `/v1` and `/metrics` must contain.
  public var token: BearerToken?
  /// Whether a public address may be served without a token.
  public var allowsPublic = false
  /// The pages that may read answers.
  public var origins = AllowedOrigins.none

  /// The most connections at one time.
  package var connections = 256
  package var connection = ConnectionGuard.Limits()
  package var body = ReceivedBody.Limits()
  package var request = ClassifyRequest.Limits()
  package var decoding = DecodingPool.Settings()
  package var queue = BatchQueue.Limits()
  package var model = BatchClassifier.Settings()
  /// The time in which a stopping server completes the accepted requests.
  package var stoppingTime = Duration.seconds(20)

  /// Whether the page may show a few of the run's own test photos. A public server without a token never shows any.
  public var offersExamples = true

  /// Whether requests are logged.
  public var logsRequests = true

  public init() {}

  /// Whether only this machine can reach the address.
  var isLoopback: Bool { host == "localhost" || host == "::1" || host.wholeMatch(of: /127(\.\d{1,3}){3}/) != nil }

  var showsExamples: Bool { offersExamples && (isLoopback || token != nil) }

  /// Checks the address, before a model is loaded.
  ///
  /// - Throws: ``ServerError/publicWithoutToken(host:)``.
  public func check() throws {
    guard isLoopback || token != nil || allowsPublic else { throw ServerError.publicWithoutToken(host: host) }
  }
}
