import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes connections of clients that dawdle, and tells when one is gone.
///
/// Each deadline is for a whole part and doesn't move with every byte: a client that sends one byte a second
/// is cut as one that sends none.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  struct Limits: Sendable {
    /// From the opening of a connection, or from the last answer, to the end of a request's header.
    var header: TimeAmount
    /// From there to the end of its body.
    var body: TimeAmount
    /// From the beginning of an answer until the client has taken all of it.
    var answer: TimeAmount
    /// How long the rest of a body that was refused is thrown away, so that the client can read why.
    var lingering: TimeAmount
    /// Of a body, in bytes; more need not be sent at all.
    var bodyBytes: Int
  }

  let signal = ClosureSignal()
  private let limits: Limits
  private let metrics: ServerMetrics
  private var reading: Scheduled<Void>?
  private var writing: Scheduled<Void>?
  // Requests whose header has come, whose body has come, and that are answered.
  private var begun = 0
  private var received = 0
  private var answered = 0
  private var isCounted = false

  init(limits: Limits, metrics: ServerMetrics) {
    self.limits = limits
    self.metrics = metrics
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { open(context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    open(context)
    context.fireChannelActive()
  }

  private func open(_ context: ChannelHandlerContext) {
    guard !isCounted else { return }
    isCounted = true
    metrics.connections(1)
    reading = closing(context, in: limits.header, because: "header_timeout")
  }

  func channelInactive(context: ChannelHandlerContext) {
    if isCounted { metrics.connections(-1) }
    isCounted = false
    reading?.cancel()
    writing?.cancel()
    signal.close()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A client that has closed its sending half is taken to be gone, as other servers take it.
    if case .inputClosed? = event as? ChannelEvent { signal.close() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      begun += 1
      reading?.cancel()
      reading = closing(context, in: limits.body, because: "body_timeout")
      invite(head, context)
    case .body: break
    case .end:
      received += 1
      reading?.cancel()
    }
    context.fireChannelRead(data)
  }

  /// Answers `Expect: 100-continue`, unless the body would be refused anyway.
  private func invite(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
    guard head.headerFields[.expect]?.lowercased() == "100-continue" else { return }
    if let length = head.headerFields[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes { return }
    context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(let head):
      if head.status.kind != .informational {
        writing?.cancel()
        writing = closing(context, in: limits.answer, because: "answer_timeout")
      }
    case .body: break
    case .end:
      answered += 1
      let promise = promise ?? context.eventLoop.makePromise()
      let bound = NIOLoopBound((guardian: self, context: context), eventLoop: context.eventLoop)
      promise.futureResult.whenComplete { _ in bound.value.guardian.finishAnswer(bound.value.context) }
      context.write(data, promise: promise)
      return
    }
    context.write(data, promise: promise)
  }

  /// An answer is with the client: either the next request may come, or the rest of this one is not wanted.
  private func finishAnswer(_ context: ChannelHandlerContext) {
    writing?.cancel()
    guard context.channel.isActive else { return }
    if answered > received {
      reading?.cancel()
      reading = closing(context, in: limits.lingering, because: nil)
    } else if begun == answered {
      reading?.cancel()
      reading = closing(context, in: limits.header, because: nil)
    }
  }

  private func closing(
    _ context: ChannelHandlerContext, in time: TimeAmount, because reason: String?
  ) -> Scheduled<Void> {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    return context.eventLoop.scheduleTask(in: time) { [metrics] in
      if let reason { metrics.rejection(reason) }
      bound.value.close(promise: nil)
    }
  }
}
