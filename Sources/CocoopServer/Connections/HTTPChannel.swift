import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// The handlers of one connection, from bytes to requests and back.
struct HTTPChannel: HTTPChannelHandler {
  typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

  let responder: HTTPChannelHandler.Responder
  let makeGuard: @Sendable () -> ConnectionGuard

  /// The limits of a request's line and header, in bytes and fields.
  static let headerLimits: NIOHTTPDecoderLimitConfiguration = {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = 16_384
    limits.maxHeaderListSize = 32_768
    limits.maxHeaderFieldCount = 100
    return limits
  }()

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      let pipeline = channel.pipeline.syncOperations
      // Requests that come before an answer wait in the asynchronous channel; the guard answers what cannot be parsed.
      try pipeline.configureHTTPServerPipeline(
        withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
        withEncoderConfiguration: .init(), withDecoderLimitConfiguration: Self.headerLimits)
      try pipeline.addHandlers([
        PersistenceHandler(), HTTP1ToHTTPServerCodec(secure: false), makeGuard(),
        HTTPConnectionStateHandler(logger: logger),
      ])
      return try Value(wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }
  }

  func handle(value: Value, logger: Logger) async { await handleHTTP(asyncChannel: value, logger: logger) }
}

/// Decides whether a connection stays open after an answer, and sets its header accordingly (RFC 9112, §9.3).
///
/// HTTP/1.1 connections stay open unless the client sends `close`; those of HTTP/1.0 end unless it sends `keep-alive`.
/// Handlers after this one see `Connection: close` where the connection ends, and nothing else.
package final class PersistenceHandler: ChannelDuplexHandler, RemovableChannelHandler {
  package typealias InboundIn = HTTPServerRequestPart
  package typealias InboundOut = HTTPServerRequestPart
  package typealias OutboundIn = HTTPServerResponsePart
  package typealias OutboundOut = HTTPServerResponsePart

  /// The values of `Connection` for the answers to requests that have none yet; `nil` where HTTP/1.1 needs none.
  private var answers = CircularBuffer<String?>()
  private var isStopping = false

  package init() {}

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
    // The parser takes the following bytes for another protocol, though none is supported here.
    let switches = head.method == .CONNECT || head.headers.contains(name: "upgrade")
    let isPersistent = head.isKeepAlive && !switches
    let isOld = head.version.minor == 0  // of HTTP/1, the only one that is parsed
    head.headers.remove(name: "connection")
    if !isPersistent { head.headers.add(name: "connection", value: "close") }
    // A client of HTTP/1.0 does not know interim answers (RFC 9110, §10.1.1).
    if isOld { head.headers.remove(name: "expect") }
    answers.append(isPersistent ? (isOld ? "keep-alive" : nil) : "close")
    context.fireChannelRead(wrapInboundOut(.head(head)))
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent { isStopping = true }
    context.fireUserInboundEventTriggered(event)
  }

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .head(var head) = unwrapOutboundIn(data), head.status != .continue else {
      return context.write(data, promise: promise)
    }
    // An answer without a request is to unreadable input, after which nothing can be read.
    let value = answers.isEmpty ? "close" : answers.removeFirst()
    if let value = isStopping ? "close" : value { head.headers.replaceOrAdd(name: "Connection", value: value) }
    context.write(wrapOutboundOut(.head(head)), promise: promise)
  }
}

/// The connection and the log of one request.
struct RequestContext: InitializableFromSource, Sendable {
  let channel: any Channel
  let logger: Logger

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
    logger = source.logger
  }

  /// The id of the request in the log and in its answer.
  var id: String { logger[metadataKey: "hb.request.id"]?.description ?? "" }

  /// The signal that the client is gone. A connection that was reset has no handlers any more, so its client is already
  /// gone.
  func disconnectSignal() async -> DisconnectSignal {
    if let signal = try? await channel.pipeline.handler(type: ConnectionGuard.self).map(\.signal).get() {
      return signal
    }
    let signal = DisconnectSignal()
    signal.close()
    return signal
  }
}
