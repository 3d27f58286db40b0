import Hummingbird
import Logging
import NIOCore

/// The connection and the log of one request.
struct RequestContext: InitializableFromSource, Sendable {
  let channel: any Channel
  let logger: Logger

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
    logger = source.logger
  }

  /// The name of the request in the log and in its answer.
  var id: String { logger[metadataKey: "hb.request.id"]?.description ?? "" }

  /// The signal that the client is gone. A connection that was reset has no handlers any more, so that its client is
  /// gone already.
  func disconnectSignal() async -> DisconnectSignal {
    if let signal = try? await channel.pipeline.handler(type: ConnectionGuard.self).map(\.signal).get() {
      return signal
    }
    let signal = DisconnectSignal()
    signal.close()
    return signal
  }
}
