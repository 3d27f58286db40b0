import CocoopServer
import Foundation
import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Support
import Testing

/// The time is that of the embedded event loop, which advances only when a test moves it.
@Suite("A connection's keeper closes, answers and counts")
struct ConnectionGuardTests {
  private let metrics = ServerMetrics()
  private let limits = ConnectionGuard.Limits()

  private func makeGuard() -> ConnectionGuard {
    ConnectionGuard(limits: limits, bodyBytes: 100, metrics: metrics) { error in
      (HTTPResponse(status: .badRequest), ByteBuffer(string: error.explanation))
    }
  }

  private func connected() throws -> EmbeddedChannel {
    let channel = EmbeddedChannel(handler: makeGuard())
    try connect(channel)
    return channel
  }

  private func connect(_ channel: EmbeddedChannel) throws {
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 80)).wait()
  }

  private func head(_ method: HTTPRequest.Method = .post, _ fields: HTTPFields = [:]) -> HTTPRequestPart {
    .head(HTTPRequest(method: method, scheme: "http", authority: "x", path: "/", headerFields: fields))
  }

  private func bytes(_ count: Int) -> HTTPRequestPart { .body(ByteBuffer(repeating: 0, count: count)) }

  private func answer(_ channel: EmbeddedChannel, status: HTTPResponse.Status = .ok) throws {
    try channel.writeOutbound(HTTPResponsePart.head(HTTPResponse(status: status)))
    try channel.writeOutbound(HTTPResponsePart.end(nil))
  }

  private func sent(_ channel: EmbeddedChannel) throws -> [HTTPResponsePart] {
    var parts: [HTTPResponsePart] = []
    while let part = try channel.readOutbound(as: HTTPResponsePart.self) { parts.append(part) }
    return parts
  }

  private func pass(_ seconds: Double, _ channel: EmbeddedChannel) {
    channel.embeddedEventLoop.advanceTime(by: .milliseconds(Int64(1000 * seconds)))
  }

  @Test("A client that sends no header is cut at its deadline, and its connection is counted no more")
  func silence() throws {
    let channel = try connected()
    #expect(metrics.current.connections == 1)
    pass(14.9, channel)
    #expect(channel.isActive)
    pass(0.2, channel)
    #expect(!channel.isActive)
    #expect(metrics.current.connections == 0)
    #expect(metrics.current.rejected == ["header_timeout": 1])
  }

  @Test("A body that comes a byte at a time ends with an error for its reader, and then with the connection")
  func slowBody() throws {
    let channel = try connected()
    try channel.writeInbound(head())
    for _ in 0..<29 {
      pass(1, channel)
      try channel.writeInbound(bytes(1))
    }
    pass(1.1, channel)
    #expect(throws: APIError.bodyTimeout) { try channel.throwIfErrorCaught() }
    try answer(channel, status: .requestTimeout)
    let answers = try sent(channel)
    guard case .head(let answer)? = answers.first else { throw Missing() }
    #expect(answer.headerFields[.connection] == "close")
    #expect(channel.isActive)
    pass(2.1, channel)
    #expect(!channel.isActive)
    #expect(metrics.current.rejected == ["body_timeout": 1])
  }

  private struct Missing: Error {}

  @Test("A connection whose body came after its refusal is still closed when nothing more comes")
  func lateBody() throws {
    let channel = try connected()
    try channel.writeInbound(head())
    try answer(channel, status: .contentTooLarge)
    _ = try channel.readInbound(as: HTTPRequestPart.self)
    try channel.writeInbound(bytes(10))
    #expect(try channel.readInbound(as: HTTPRequestPart.self) == nil)
    try channel.writeInbound(HTTPRequestPart.end(nil))
    pass(14.9, channel)
    #expect(channel.isActive)
    pass(0.2, channel)
    #expect(!channel.isActive)
    #expect(metrics.current.connections == 0)
  }

  @Test("The rest of a refused body is thrown away for two seconds")
  func lingering() throws {
    let channel = try connected()
    try channel.writeInbound(head())
    try answer(channel, status: .contentTooLarge)
    pass(1.9, channel)
    #expect(channel.isActive)
    pass(0.2, channel)
    #expect(!channel.isActive)
  }

  @Test("An answer that the client does not take ends the connection, whichever answers were taken before it")
  func untaken() throws {
    let channel = try connected()
    for _ in 0..<2 {
      try channel.writeInbound(head(.get))
      try channel.writeInbound(HTTPRequestPart.end(nil))
    }
    let first = channel.eventLoop.makePromise(of: Void.self)
    channel.write(HTTPResponsePart.head(HTTPResponse(status: .ok)), promise: nil)
    channel.write(HTTPResponsePart.end(nil), promise: first)
    pass(20, channel)
    channel.write(HTTPResponsePart.head(HTTPResponse(status: .ok)), promise: nil)
    // The first answer arrives after the second has begun.
    first.succeed()
    pass(29.9, channel)
    #expect(channel.isActive)
    pass(0.2, channel)
    #expect(!channel.isActive)
    #expect(metrics.current.rejected == ["answer_timeout": 1])
  }

  @Test("A connection stays between requests, and no longer than a header may take")
  func persistence() throws {
    let channel = try connected()
    for _ in 0..<3 {
      pass(10, channel)
      try channel.writeInbound(head(.get))
      try channel.writeInbound(HTTPRequestPart.end(nil))
      pass(60, channel)
      try answer(channel)
      #expect(channel.isActive)
    }
    pass(15.1, channel)
    #expect(!channel.isActive)
  }

  @Test("A connection that its request has ended is closed two seconds after the answer")
  func last() throws {
    let channel = try connected()
    try channel.writeInbound(head(.get, [.connection: "close"]))
    try channel.writeInbound(HTTPRequestPart.end(nil))
    try answer(channel)
    pass(1.9, channel)
    #expect(channel.isActive)
    pass(0.2, channel)
    #expect(!channel.isActive)
  }

  @Test("What is no request is answered once, and more of it is thrown away")
  func unreadable() throws {
    let channel = try connected()
    channel.pipeline.fireErrorCaught(HTTPParserError.invalidURL)
    channel.pipeline.fireErrorCaught(
      ByteToMessageDecoderError.dataReceivedInErrorState(HTTPParserError.invalidURL, .init()))
    try channel.throwIfErrorCaught()
    let parts = try sent(channel)
    #expect(parts.count == 3)
    guard case .body(let content)? = parts.dropFirst().first else { throw Missing() }
    #expect(String(buffer: content).contains("classes=caf%C3%A9"))
    pass(2.1, channel)
    #expect(!channel.isActive)
  }

  @Test("What is no request is answered after the requests before it")
  func unreadableBehindRequests() throws {
    let channel = try connected()
    try channel.writeInbound(head(.get))
    try channel.writeInbound(HTTPRequestPart.end(nil))
    channel.pipeline.fireErrorCaught(HTTPParserError.invalidMethod)
    #expect(try sent(channel).isEmpty)
    try answer(channel)
    #expect(try sent(channel).count == 2 + 3)
  }

  @Test("A damaged body is an error for its reader, who answers")
  func damagedBody() throws {
    let channel = try connected()
    try channel.writeInbound(head())
    channel.pipeline.fireErrorCaught(HTTPParserError.invalidChunkSize)
    #expect(throws: ConnectionGuard.DamagedBody.self) { try channel.throwIfErrorCaught() }
    #expect(try sent(channel).isEmpty)
  }

  @Test("Who asks is invited to send a body, unless it would be refused")
  func invitation() throws {
    for (length, isInvited) in [("100", true), ("101", false)] {
      let channel = try connected()
      try channel.writeInbound(head(.post, [.expect: "100-Continue", .contentLength: length]))
      #expect(try sent(channel).count == (isInvited ? 1 : 0), "\(length) bytes")
      _ = try? channel.finish()
    }
  }

  @Test("The client's end, whole or half, reaches the work for it")
  func disconnection() async throws {
    for isHalf in [true, false] {
      let keeper = makeGuard()
      let channel = EmbeddedChannel(handler: keeper)
      try connect(channel)
      let signal = keeper.signal
      if isHalf {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      } else {
        channel.close(promise: nil)
      }
      let wasCancelled = try await signal.whileOpen { Task.isCancelled }
      #expect(wasCancelled, "half: \(isHalf)")
    }
  }
}

@Suite("A connection outlives an answer as RFC 9112 says")
struct PersistenceTests {
  /// - Returns: the field that the later handlers see in the request, and the one that the client sees in the answer.
  private func connection(_ request: String) throws -> (inner: String?, outer: String?) {
    let channel = EmbeddedChannel()
    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
      withPipeliningAssistance: false, withErrorHandling: false)
    try channel.pipeline.syncOperations.addHandlers([PersistenceHandler(), HTTP1ToHTTPServerCodec(secure: false)])
    try channel.writeInbound(ByteBuffer(string: request))
    guard case .head(let head)? = try channel.readInbound(as: HTTPRequestPart.self) else { return (nil, nil) }
    try channel.writeOutbound(
      HTTPResponsePart.head(HTTPResponse(status: .ok, headerFields: [.contentLength: "0"])))
    let answer = try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) } ?? ""
    let outer = answer.firstMatch(of: /Connection: ([a-z-]+)\r\n/).map { String($0.1) }
    return (head.headerFields[.connection], outer)
  }

  @Test(
    "The version and the header decide",
    arguments: [
      ("HTTP/1.0", "", "close", "close"), ("HTTP/1.0", "Connection: keep-alive", nil, "keep-alive"),
      ("HTTP/1.0", "Connection: Keep-Alive", nil, "keep-alive"), ("HTTP/1.1", "", nil, nil),
      ("HTTP/1.1", "Connection: close", "close", "close"),
      ("HTTP/1.1", "Connection: Close, TE", "close", "close"),
      ("HTTP/1.1", "Connection: keep-alive", nil, nil),
      ("HTTP/1.1", "Connection: Upgrade; Upgrade: h2c", "close", "close"),
    ] as [(String, String, String?, String?)])
  func table(version: String, fields: String, inner: String?, outer: String?) throws {
    let lines =
      ["GET / \(version)", "Host: x"] + (fields.isEmpty ? [] : fields.split(separator: "; ").map(String.init))
    let found = try connection(lines.joined(separator: "\r\n") + "\r\n\r\n")
    #expect(found.inner == inner)
    #expect(found.outer == outer)
  }

  @Test("A client of HTTP/1.0 is invited to nothing")
  func expectation() throws {
    let channel = EmbeddedChannel(handler: PersistenceHandler())
    let head = HTTPRequestHead(version: .http1_0, method: .POST, uri: "/", headers: ["Expect": "100-continue"])
    try channel.writeInbound(HTTPServerRequestPart.head(head))
    guard case .head(let seen)? = try channel.readInbound(as: HTTPServerRequestPart.self) else {
      Issue.record("no head")
      return
    }
    #expect(!seen.headers.contains(name: "expect"))
  }

  @Test("Answers to requests that came together each get the value of their own request")
  func pipelining() throws {
    let channel = EmbeddedChannel(handler: PersistenceHandler())
    for headers: HTTPHeaders in [[:], ["Connection": "close"]] {
      try channel.writeInbound(
        HTTPServerRequestPart.head(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/", headers: headers)))
    }
    var found: [[String]] = []
    for _ in 0..<3 {
      try channel.writeOutbound(HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok)))
      guard case .head(let head)? = try channel.readOutbound(as: HTTPServerResponsePart.self) else { continue }
      found.append(head.headers["connection"])
    }
    // The third is an answer without a request.
    #expect(found == [[], ["close"], ["close"]])
  }
}
