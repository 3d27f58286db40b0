import Hummingbird
import Logging
import NIOCore

/// One request's connection and log.
struct RequestScope: InitializableFromSource, Sendable {
  let channel: any Channel
  let logger: Logger

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
    logger = source.logger
  }

  /// What the log and the answer call the request.
  var id: String { logger[metadataKey: "hb.request.id"]?.description ?? "" }

  /// Tells when the client is gone.
  func closure() async throws -> ClosureSignal {
    try await channel.pipeline.handler(type: ConnectionGuard.self).map(\.signal).get()
  }
}
