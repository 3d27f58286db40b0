import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// A server of files by their names, on this machine, that remembers what was asked for.
final class FileServer: Sendable {
  struct Answer: Sendable {
    var status: HTTPResponse.Status = .ok
    var fields: [(name: String, value: String)] = []
    var body = Data()
  }

  private let files = Mutex<[String: Answer]>([:])
  private let requests = Mutex<[String]>([])

  /// The paths and queries that were asked for, with ranges.
  var asked: [String] { requests.withLock { $0 } }

  func serve(_ body: Data, as path: String) { serve(Answer(body: body), as: path) }

  func serve(_ answer: Answer, as path: String) { files.withLock { $0[path] = answer } }

  /// Runs a server while `body` runs, and passes its address.
  static func with<Result: Sendable>(
    _ body: @escaping @Sendable (FileServer, _ address: String) async throws -> Result
  ) async throws -> Result {
    let server = FileServer()
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let router = Router()
    router.get("**") { request, _ in server.answer(request) }
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { channel in port.yield(channel.localAddress?.port ?? 0) }, logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await application.run() }
      defer { group.cancelAll() }
      var iterator = ports.makeAsyncIterator()
      let number = await iterator.next() ?? 0
      return try await body(server, "http://127.0.0.1:\(number)")
    }
  }

  private func answer(_ request: Request) -> Response {
    let query = request.uri.query.map { "?\($0)" } ?? ""
    let path = request.uri.path + query
    requests.withLock { $0.append(path) }
    guard let answer = files.withLock({ $0[path] ?? $0[request.uri.path] }) else { return Response(status: .notFound) }
    var fields = HTTPFields()
    for (name, value) in answer.fields {
      if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
    }
    return Response(
      status: answer.status, headers: fields, body: .init(byteBuffer: ByteBuffer(bytes: answer.body)))
  }
}
