import Foundation
import Testing

/// A server of the built tool on a free port of this machine.
struct RunningServer {
  let port: UInt16
  let call: Call

  func connect() throws -> Connection { try Connection(port: port) }

  /// Sends one request on a connection of its own.
  func ask(_ method: String, _ path: String, _ body: Data = Data(), fields: [String] = []) throws -> Answer {
    let connection = try connect()
    try connection.send(method, path, body, fields: fields)
    return try connection.answer()
  }

  func classify(_ photo: Data, query: String = "") throws -> Answer {
    try post(photo, type: "image/jpeg", query: query)
  }

  func post(_ body: Data, type: String, query: String = "") throws -> Answer {
    try ask("POST", "/v1/classify" + query, body, fields: ["Content-Type: \(type)"])
  }

  /// The value of a line of `/metrics`; 0 where there is none.
  func metric(_ name: String) throws -> Int {
    let lines = try ask("GET", "/metrics").text.split(separator: "\n")
    return lines.first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) } ?? 0
  }

  /// Waits until a condition holds, and expects it to.
  func eventually(
    within seconds: Double = 60, _ comment: Comment, at location: SourceLocation = #_sourceLocation,
    _ condition: (RunningServer) throws -> Bool
  ) throws {
    let end = ContinuousClock.now + .seconds(seconds)
    // A request may change the value, such as the number of connections, so the answer that ends the wait counts.
    var holds = try condition(self)
    while !holds, ContinuousClock.now < end {
      usleep(10_000)
      holds = try condition(self)
    }
    #expect(holds, comment, sourceLocation: location)
  }

  var descriptors: Int {
    let folder = "/proc/\(call.process.processIdentifier)/fd"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).count
  }
}

extension Workplace {
  /// Runs `body` while a server of the run at `run` is running, and stops the server as an operator would.
  ///
  /// - Returns: the outcome of the server.
  @discardableResult
  func serving(
    _ run: String, _ options: [String] = [], through redirection: String? = nil, _ body: (RunningServer) throws -> Void
  ) throws -> Outcome {
    let port = try Connection.freePort()
    let call = try start(
      ["serve", "--run", run, "--port", "\(port)", "--threads", "1"] + options, through: redirection)
    let server = RunningServer(port: port, call: call)
    do {
      try waitUntilReady(server)
      try body(server)
    } catch {
      kill(call.process.processIdentifier, SIGKILL)
      _ = try call.outcome()
      throw error
    }
    kill(call.process.processIdentifier, SIGTERM)
    return try call.outcome()
  }

  private func waitUntilReady(_ server: RunningServer) throws {
    for _ in 0..<1200 where server.call.process.isRunning {
      if (try? server.ask("GET", "/readyz"))?.status == 200 { return }
      usleep(50_000)
    }
    throw Connection.Failure(problem: "the server was never ready")
  }
}

/// The answer of a server.
struct Answer {
  let status: Int
  /// The fields by names in lower case.
  let fields: [String: String]
  let body: Data

  var text: String { String(decoding: body, as: UTF8.self) }

  struct Classification: Decodable {
    struct Result: Decodable {
      struct Candidate: Decodable, Equatable {
        let `class`: String
        let probability: Float
      }
      let top: [Candidate]?
      let error: Refusal.Content?
    }
    let model: String
    let mode: String
    let results: [Result]
  }

  struct Refusal: Decodable {
    struct Content: Decodable {
      let code: String
      let message: String
    }
    let error: Content
  }

  func classification() throws -> Classification { try JSONDecoder().decode(Classification.self, from: body) }
  func refusal() throws -> Refusal.Content { try JSONDecoder().decode(Refusal.self, from: body).error }
}

/// A connection of which the test controls every byte.
final class Connection {
  struct Failure: Error { let problem: String }

  private var descriptor: Int32
  private var buffer = Data()

  init(port: UInt16) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let result = Self.withAddress(port: port) { Foundation.connect(descriptor, $0, $1) }
    guard result == 0 else { throw Failure(problem: "cannot connect: \(String(cString: strerror(errno)))") }
  }

  deinit { close() }

  /// Closes the connection; where `resetting`, by a reset, so that the server's next use of it fails.
  func close(resetting: Bool = false) {
    guard descriptor >= 0 else { return }
    if resetting {
      var limit = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &limit, socklen_t(MemoryLayout<linger>.size))
    }
    Foundation.close(descriptor)
    descriptor = -1
  }

  func send(_ text: String) throws { try send(Data(text.utf8)) }

  func send(_ data: Data) throws {
    var rest = data
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard sent > 0 else { throw Failure(problem: "cannot send") }
      rest = rest.dropFirst(sent)
    }
  }

  func send(_ method: String, _ path: String, _ body: Data, fields: [String] = []) throws {
    let head = ["\(method) \(path) HTTP/1.1", "Host: localhost", "Content-Length: \(body.count)"] + fields
    try send(Data((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
  }

  /// The next answer.
  ///
  /// - Throws: ``Failure`` where the server closes the connection instead.
  func answer() throws -> Answer {
    let end = Data("\r\n\r\n".utf8)
    while buffer.range(of: end) == nil { try receive() }
    guard let range = buffer.range(of: end) else { throw Failure(problem: "no header") }
    let lines = String(decoding: buffer[..<range.lowerBound], as: UTF8.self).split(separator: "\r\n")
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      fields[parts[0].lowercased()] = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
    }
    buffer = Data(buffer[range.upperBound...])
    let length = Int(fields["content-length"] ?? "0") ?? 0
    while buffer.count < length { try receive() }
    defer { buffer = Data(buffer.dropFirst(length)) }
    let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return Answer(status: status, fields: fields, body: Data(buffer.prefix(length)))
  }

  /// Everything that the server sends until it closes the connection.
  func remainder() throws -> String {
    while try receiveMore() {}
    defer { buffer = Data() }
    return String(decoding: buffer, as: UTF8.self)
  }

  /// Receives some of the server's bytes.
  func receive() throws {
    guard try receiveMore() else { throw Failure(problem: "closed") }
  }

  /// - Returns: whether there were any before the server's end.
  private func receiveMore() throws -> Bool {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    guard count >= 0 else { throw Failure(problem: String(cString: strerror(errno))) }
    buffer.append(contentsOf: bytes[..<count])
    return count > 0
  }

  /// A port that was free a moment ago.
  static func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { Foundation.close(descriptor) }
    guard withAddress(port: 0, { bind(descriptor, $0, $1) }) == 0 else { throw Failure(problem: "no free port") }
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &size) }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  private static func withAddress(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
  }
}
