import Foundation

/// The settings of a server. Each default suits one machine behind a proxy, or a person trying a run; limits stand with
/// the types that keep them.
public struct ServerSettings: Sendable {
  /// Loopback, so that nobody else reaches it.
  public var host = "127.0.0.1"
  /// 0 takes any that is free.
  public var port = 8080
  /// The secret that requests to `/v1` and `/metrics` must bring.
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
  /// How long a stopping server finishes what it has accepted.
  package var stoppingTime = Duration.seconds(20)

  /// Whether the page may show a few of the run's own test photos. Whoever reaches a public server without a token sees none.
  public var offersExamples = true

  /// Whether requests are logged.
  public var logsRequests = true

  public init() {}

  /// Whether only this machine reaches the address.
  var isLoopback: Bool { host == "localhost" || host == "::1" || host.wholeMatch(of: /127(\.\d{1,3}){3}/) != nil }

  var showsExamples: Bool { offersExamples && (isLoopback || token != nil) }

  /// Checks the address, before a model is loaded.
  ///
  /// - Throws: ``ServerError/publicWithoutToken(host:)``.
  public func check() throws {
    guard isLoopback || token != nil || allowsPublic else { throw ServerError.publicWithoutToken(host: host) }
  }
}
