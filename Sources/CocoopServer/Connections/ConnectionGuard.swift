import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import Synchronization

/// The guard of one connection: it closes the connection of a slow client, answers input that is not a request, and
/// signals that the client is gone.
///
/// Each deadline applies to a whole part and doesn't move with every byte: a client that sends one byte a second is
/// treated as one that sends none.
package final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  package typealias InboundIn = HTTPRequestPart
  package typealias InboundOut = HTTPRequestPart
  package typealias OutboundIn = HTTPResponsePart
  package typealias OutboundOut = HTTPResponsePart

  package struct Limits: Sendable {
    /// The time from the opening of a connection, or from the last answer, to the end of a request's header.
    package var header = Duration.seconds(15)
    /// The time from there to the end of its body.
    package var body = Duration.seconds(30)
    /// The time from the beginning of an answer until the client has received all of it.
    package var answer = Duration.seconds(30)
    /// The time for which the rest of a refused body is discarded, so that the client can read the reason, and the time
    /// that a client may take to close the connection after `Connection: close`.
    package var lingering = Duration.seconds(2)

    package init() {}
  }

  /// A body that is cut off, or whose chunks are damaged.
  package struct DamagedBody: Error { package init() {} }

  /// An answer without a request: its head and its content.
  package typealias Refusal = (head: HTTPResponse, content: ByteBuffer)

  package let signal = DisconnectSignal()
  private let limits: Limits
  private let bodyBytes: Int
  private let metrics: ServerMetrics
  private let refuse: @Sendable (APIError) -> Refusal
  private var reading: Scheduled<Void>?
  private var writing: Scheduled<Void>?
  // Numbers of requests: header received, body received, answer begun, answer written, answer sent to the client.
  private var begun = 0
  private var received = 0
  private var answering = 0
  private var answered = 0
  private var delivered = 0
  /// Whether the last request with a header asked to close the connection.
  private var isLast = false
  private var isCounted = false
  /// The error about input that is not a request, received while earlier requests had no answer yet.
  private var pending: APIError?
  private var isRefused = false
  private var isDamaged = false

  /// - Parameters:
  ///   - bodyBytes: the most bytes of a body; clients need not send more.
  ///   - refuse: makes the answer to input that is not a request, and counts and logs it.
  package init(
    limits: Limits, bodyBytes: Int, metrics: ServerMetrics, refuse: @escaping @Sendable (APIError) -> Refusal
  ) {
    self.limits = limits
    self.bodyBytes = bodyBytes
    self.metrics = metrics
    self.refuse = refuse
  }

  // MARK: Opening and closing

  package func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { open(context) }
  }

  package func channelActive(context: ChannelHandlerContext) {
    open(context)
    context.fireChannelActive()
  }

  private func open(_ context: ChannelHandlerContext) {
    guard !isCounted else { return }
    isCounted = true
    metrics.connections(1)
    reading = closing(context, in: limits.header) { $0.close($1, counting: "header_timeout") }
  }

  package func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  package func handlerRemoved(context: ChannelHandlerContext) { end() }

  private func end() {
    if isCounted { metrics.connections(-1) }
    isCounted = false
    reading?.cancel()
    writing?.cancel()
    signal.close()
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A client that has closed its sending half is considered gone, as by other servers.
    if case .inputClosed? = event as? ChannelEvent { signal.close() }
    context.fireUserInboundEventTriggered(event)
  }

  // MARK: Requests

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      begun += 1
      isLast = head.headerFields[.connection] == "close"
      replaceReading(closing(context, in: limits.body) { $0.refuseBody($1) })
      invite(head, context)
    case .body:
      // The rest of a body is ignored once its request has its answer.
      if answered >= begun { return }
    case .end:
      received += 1
      // Where the answer has been sent before, the next request's time starts here; nothing else would end the wait.
      replaceReading(answered >= received ? closing(context, in: isLast ? limits.lingering : limits.header) : nil)
    }
    context.fireChannelRead(data)
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    context.fireChannelReadComplete()
    if answered > received || isRefused { context.read() }
  }

  /// Answers `Expect: 100-continue`, unless the body would be refused anyway.
  private func invite(_ head: HTTPRequest, _ context: ChannelHandlerContext) {
    guard head.headerFields[.expect]?.lowercased() == "100-continue" else { return }
    if let length = head.headerFields[.contentLength].flatMap({ Int($0) }), length > bodyBytes { return }
    context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
  }

  /// Ends the wait for a body, so that its request is answered; a connection whose request has its answer is closed.
  private func refuseBody(_ context: ChannelHandlerContext) {
    metrics.rejection("body_timeout")
    guard answering < begun else { return context.close(promise: nil) }
    reading = closing(context, in: limits.lingering)
    isDamaged = true
    context.fireErrorCaught(APIError.bodyTimeout)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // More input that is not a request; it is discarded.
    if error is ByteToMessageDecoderError { return }
    guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
    if begun > received {
      // The answer to this request reports it, if it has not been begun.
      guard answering < begun else { return }
      isDamaged = true
      context.fireErrorCaught(DamagedBody())
    } else if !isLast {
      pending = APIError(error)
      refusePending(context)
    }
  }

  /// Answers input that is not a request, after all earlier requests.
  private func refusePending(_ context: ChannelHandlerContext) {
    guard let error = pending, answered == begun, !isRefused else { return }
    pending = nil
    isRefused = true
    let refusal = refuse(error)
    guard context.channel.isActive else { return }
    replaceReading(closing(context, in: limits.lingering))
    writing?.cancel()
    context.write(wrapOutboundOut(.head(refusal.head)), promise: nil)
    context.write(wrapOutboundOut(.body(refusal.content)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.close(mode: .output, promise: nil)
    context.read()
  }

  // MARK: Answers

  package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head) where head.status.kind != .informational:
      answering += 1
      replaceWriting(closing(context, in: limits.answer) { $0.close($1, counting: "answer_timeout") })
      if isDamaged { head.headerFields[.connection] = "close" }
      return context.write(wrapOutboundOut(.head(head)), promise: promise)
    case .head, .body: break
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

  /// Handles an answer that was sent: either the next request may come, or the rest of this one is not wanted.
  private func finishAnswer(_ context: ChannelHandlerContext) {
    delivered += 1
    // A later answer may have begun already.
    if delivered == answering { replaceWriting(nil) }
    guard context.channel.isActive, !isRefused else { return }
    if delivered > received {
      replaceReading(closing(context, in: limits.lingering))
      context.read()
    } else if delivered == begun {
      replaceReading(closing(context, in: isLast ? limits.lingering : limits.header))
    }
    refusePending(context)
  }

  // MARK: Deadlines

  private func replaceReading(_ next: Scheduled<Void>?) {
    reading?.cancel()
    reading = next
  }

  private func replaceWriting(_ next: Scheduled<Void>?) {
    writing?.cancel()
    writing = next
  }

  private func close(_ context: ChannelHandlerContext, counting reason: String) {
    metrics.rejection(reason)
    context.close(promise: nil)
  }

  private func closing(
    _ context: ChannelHandlerContext, in time: Duration,
    _ act: @escaping @Sendable (ConnectionGuard, ChannelHandlerContext) -> Void = { $1.close(promise: nil) }
  ) -> Scheduled<Void> {
    let bound = NIOLoopBound((guardian: self, context: context), eventLoop: context.eventLoop)
    return context.eventLoop.scheduleTask(in: TimeAmount(time)) { act(bound.value.guardian, bound.value.context) }
  }
}

extension APIError {
  /// An error for input that is not a request, from the parser's error.
  init(_ error: HTTPParserError) {
    switch error {
    case .headerOverflow: self = .headerTooLong
    case .invalidVersion: self = .httpVersion
    case .invalidURL, .invalidCharactersUsed:
      self = .syntax(
        "The path or query has bytes that must be escaped",
        remedy: "Escape the bytes of UTF-8, such as ?classes=caf%C3%A9 for café (curl does it with "
          + "--url-query 'classes=café'), or send the classes in the body, such as -F image=@photo.jpg -F classes=café")
    case .invalidMethod: self = .syntax("The request's method is none of HTTP/1.1's", remedy: Self.plainHTTP)
    case .invalidHeaderToken:
      self = .syntax("A field of the request's header has characters that it must not have", remedy: Self.plainHTTP)
    case .invalidContentLength, .unexpectedContentLength:
      self = .syntax("The request's Content-Length cannot be used", remedy: "Send one number of bytes, or chunks")
    case .invalidEOFState: self = .syntax("The request ends within its header", remedy: Self.plainHTTP)
    default: self = .syntax("What was sent is no request of HTTP/1.1", remedy: Self.plainHTTP)
    }
  }

  private static let plainHTTP = "Speak plain HTTP/1.1, without TLS; a proxy in front can add that"
}

/// A flag that a connection's client is gone, with the tasks that end then.
package final class DisconnectSignal: Sendable {
  private struct State {
    var isClosed = false
    var watchers: [Int: @Sendable () -> Void] = [:]
    var next = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// The number of tasks that wait for the signal.
  package var watcherCount: Int { state.withLock { $0.watchers.count } }

  package func close() {
    let watchers = state.withLock { state in
      defer { state.watchers = [:] }
      state.isClosed = true
      return Array(state.watchers.values)
    }
    for watcher in watchers { watcher() }
  }

  /// Runs `body`, which is cancelled when the client disconnects, and at once where it has already.
  package func whileOpen<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    let task = Task { try await body() }
    let key = state.withLock { state -> Int? in
      guard !state.isClosed else { return nil }
      state.next += 1
      state.watchers[state.next] = { task.cancel() }
      return state.next
    }
    if key == nil { task.cancel() }
    defer { if let key { state.withLock { _ = $0.watchers.removeValue(forKey: key) } } }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}
