import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import NIOSSL
import Support
import Synchronization

/// A server that behaves as the Hugging Face Hub does towards its clients, with a second one, of another origin, where
/// its files lie. What it was asked is recorded, and it can be told to fail.
package final class TestHub: Sendable {
  /// A repository's content and terms.
  package struct Repository: Sendable {
    package var files: [String: Data]
    package var licence: String?
    /// The repository's name now, where it was renamed.
    package var renamed: String?
    package var isGated = false
    package var isDisabled = false
    /// The token without which it does not exist.
    package var token: String?

    package init(_ files: [String: Data], licence: String? = nil) { (self.files, self.licence) = (files, licence) }

    /// The name of its only commit, which follows from the content.
    package var commit: String {
      let hash = RunningHash(.sha1)
      for (path, data) in files.sorted(by: { $0.key < $1.key }) {
        Array(path.utf8).withUnsafeBytes { hash.update($0) }
        data.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0.prefix(1 << 20))) }
      }
      return hash.finished()
    }
  }

  /// A way in which the next answers with a file's content fail.
  package enum Fault: Sendable, Equatable {
    /// The connection breaks after so many bytes.
    case cut(Int)
    /// No further byte after so many.
    case stall(Int)
    /// No byte from this one of the file on, for a request that begins before it.
    case stallAt(Int)
    case status(Int, [String: String] = [:])
    /// A web page with status 200.
    case page
    /// A page that says that it isn't one.
    case disguisedPage
    /// A page that says that it isn't one, and that it is so many bytes long.
    case lyingPage(Int)
    /// One byte is another.
    case wrongByte
    /// The stated length is so many bytes more than the real one, or less.
    case lie(Int)
    /// A range is answered with the whole file.
    case ignoresRange
    /// A range is answered with another one.
    case wrongRange
    case redirect(String)
  }

  /// One request.
  package struct Seen: Sendable {
    package let server: String
    package let method, path: String
    package let headers: [String: String]
  }

  private struct State: Sendable {
    var repositories: [String: Repository] = [:]
    var faults: [Fault] = []
    var seen: [Seen] = []
    var ports: [String: Int] = [:]
  }

  private let state = Mutex(State())
  /// A file is in LFS, and so at the other origin, unless its name ends so.
  private static let small = [".json", ".txt", ".md"]
  private let pageSize: Int
  private let scheme: String
  private let hashes = Mutex<[Data: String]>([:])

  package var endpoint: String { "\(scheme)://127.0.0.1:\(state.withLock { $0.ports["hub"] ?? 0 })" }
  package var origin: String { "\(scheme)://127.0.0.1:\(state.withLock { $0.ports["files"] ?? 0 })" }

  private init(_ repositories: [String: Repository], pageSize: Int, scheme: String) {
    (self.pageSize, self.scheme) = (pageSize, scheme)
    state.withLock { $0.repositories = repositories }
  }

  /// Serves while `body` runs.
  package static func with<Result: Sendable>(
    _ repositories: [String: Repository] = [:], pageSize: Int = 1000, certificate: TLSConfiguration? = nil,
    _ body: @escaping @Sendable (TestHub) async throws -> Result
  ) async throws -> Result {
    try await OwnThreads.shared.run { try await serve(repositories, pageSize: pageSize, certificate, body) }
  }

  private static func serve<Result: Sendable>(
    _ repositories: [String: Repository], pageSize: Int, _ certificate: TLSConfiguration?,
    _ body: @escaping @Sendable (TestHub) async throws -> Result
  ) async throws -> Result {
    let hub = TestHub(repositories, pageSize: pageSize, scheme: certificate == nil ? "http" : "https")
    return try await withThrowingTaskGroup(of: Result?.self) { group in
      let (running, started) = AsyncStream.makeStream(of: Int.self)
      for server in ["hub", "files"] {
        let builder: HTTPServerBuilder = try certificate.map { try .tls(.http1(), tlsConfiguration: $0) } ?? .http1()
        var logger = Logger(label: "hub")
        logger.logLevel = .critical
        let application = Application(
          responder: CallbackResponder<BasicRequestContext> { request, _ in
            try await hub.answer(request, at: server)
          },
          server: builder, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
          onServerRunning: { channel in
            hub.state.withLock { $0.ports[server] = channel.localAddress?.port ?? 0 }
            started.yield(1)
          }, logger: logger)
        group.addTask {
          try await application.runService(gracefulShutdownSignals: [])
          return nil
        }
      }
      var count = 0
      for await one in running {
        count += one
        if count == 2 { break }
      }
      group.addTask { try await body(hub) }
      defer { group.cancelAll() }
      while let result = try await group.next() { if let result { return result } }
      throw CancellationError()
    }
  }

  // MARK: For tests

  package func fail(_ faults: [Fault]) { state.withLock { $0.faults = faults } }
  package var faultsLeft: Int { state.withLock { $0.faults.count } }
  package var seen: [Seen] { state.withLock { $0.seen } }
  package func forget() { state.withLock { $0.seen = [] } }
  package func change(_ name: String, _ change: (inout Repository) -> Void) {
    state.withLock { state in
      guard var repository = state.repositories[name] else { return }
      change(&repository)
      state.repositories[name] = repository
    }
  }

  // MARK: Answers

  private func answer(_ request: Request, at server: String) async throws -> Response {
    let path = request.uri.path
    var headers: [String: String] = [:]
    for field in request.headers { headers[field.name.canonicalName] = field.value }
    let seen = Seen(server: server, method: request.method.rawValue, path: request.uri.string, headers: headers)
    state.withLock { $0.seen.append(seen) }
    var response = try server == "files" ? file(request, path) : page(request, path)
    response.headers[.init("X-Request-Id") ?? .server] = "test-request"
    guard request.method != .head else { return response.createHeadResponse() }
    return response
  }

  private func page(_ request: Request, _ path: String) throws -> Response {
    let parts = path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
    if parts.starts(with: ["api", "models"]) { return try api(request, Array(parts.dropFirst(2))) }
    if parts.starts(with: ["api", "resolve-cache"]) {
      let name = parts[3...4].joined(separator: "/")
      return try content(request, name, parts.dropFirst(6).joined(separator: "/"))
    }
    guard let resolve = parts.firstIndex(of: "resolve"), parts.count > resolve + 2 else {
      return error(404, "RepoNotFound", "Not Found")
    }
    let (name, revision) = (parts[..<resolve].joined(separator: "/"), parts[resolve + 1])
    return try self.resolve(request, name, revision, parts[(resolve + 2)...].joined(separator: "/"))
  }

  private func repository(_ name: String, _ request: Request) -> (Repository?, Response?) {
    let authorization = request.headers[.authorization]
    if authorization == "Bearer wrong" {
      return (nil, error(401, nil, "Invalid credentials in Authorization header"))
    }
    guard let repository = state.withLock({ $0.repositories[name] }) else {
      return (nil, error(authorization == nil ? 401 : 404, "RepoNotFound", "Repository not found"))
    }
    if let token = repository.token, authorization != "Bearer \(token)" {
      return (nil, error(401, "RepoNotFound", "Repository not found"))
    }
    if repository.isDisabled { return (nil, error(403, nil, "Access to this resource is disabled.")) }
    return (repository, nil)
  }

  private func api(_ request: Request, _ parts: [String]) throws -> Response {
    guard parts.count >= 4 else { return error(404, "RepoNotFound", "Not Found") }
    let name = parts[0...1].joined(separator: "/")
    let (found, refusal) = repository(name, request)
    guard let repository = found else { return refusal ?? error(404, "RepoNotFound", "") }
    let commit = repository.commit
    guard ["main", commit].contains(parts[3...].joined(separator: "/")) else {
      return error(404, "RevisionNotFound", "Revision not found")
    }
    if parts[2] == "revision" {
      let siblings = repository.files.keys.sorted().map { JSONValue.object(["rfilename": .string($0)]) }
      var about: [String: JSONValue] = [
        "id": .string(name), "modelId": .string(name), "sha": .string(commit), "siblings": .array(siblings),
        "private": false, "downloads": 0, "tags": [], "gated": .bool(repository.isGated),
      ]
      if let licence = repository.licence { about["tags"] = [.string("license:\(licence)")] }
      return json(.object(about))
    }
    let entries = repository.files.sorted { $0.key < $1.key }.map { path, data -> JSONValue in
      var entry: [String: JSONValue] = [
        "type": "file", "path": .string(path), "size": .integer(data.count), "oid": .string(blob(data)),
      ]
      if isLarge(path) {
        entry["lfs"] = ["oid": .string(sha256(data)), "size": .integer(data.count), "pointerSize": 134]
      }
      return .object(entry)
    }
    let start = (request.uri.queryParameters["cursor"].map { String($0) }).flatMap { Int($0) } ?? 0
    var response = json(.array(Array(entries.dropFirst(start).prefix(pageSize))))
    if start + pageSize < entries.count {
      let next = "\(endpoint)\(request.uri.path)?recursive=true&cursor=\(start + pageSize)"
      response.headers[.init("Link") ?? .server] = "<\(next)>; rel=\"next\""
    }
    return response
  }

  private func resolve(
    _ request: Request, _ name: String, _ revision: String, _ path: String
  ) throws -> Response {
    let (found, refusal) = repository(name, request)
    guard let repository = found else { return refusal ?? error(404, "RepoNotFound", "") }
    if let renamed = repository.renamed {
      return redirect(307, "/\(renamed)/resolve/\(revision)/\(path)")
    }
    if repository.isGated, request.headers[.authorization] == nil {
      return error(401, "GatedRepo", "Access to model \(name) is restricted.")
    }
    if repository.isGated { return error(403, "GatedRepo", "Access to model \(name) is restricted.") }
    let commit = repository.commit
    guard ["main", commit].contains(revision) else { return error(404, "RevisionNotFound", "Revision not found") }
    guard let data = repository.files[path] else { return error(404, "EntryNotFound", "Entry not found") }
    guard isLarge(path) else {
      var response = redirect(307, "/api/resolve-cache/models/\(name)/\(commit)/\(path)")
      response.headers[.init("X-Repo-Commit") ?? .server] = commit
      return response
    }
    var response = redirect(302, "\(origin)/\(name)/\(path)?signature=\(UUID().uuidString)")
    response.headers[.init("X-Repo-Commit") ?? .server] = commit
    response.headers[.init("X-Linked-Etag") ?? .server] = "\"\(sha256(data))\""
    response.headers[.init("X-Linked-Size") ?? .server] = "\(data.count)"
    response.headers[.init("ETag") ?? .server] = "\"\(sha256(data))\""
    return response
  }

  /// A small file, from the Hub itself.
  private func content(_ request: Request, _ name: String, _ path: String) throws -> Response {
    guard let repository = state.withLock({ $0.repositories[name] }), let data = repository.files[path] else {
      return error(404, "EntryNotFound", "Entry not found")
    }
    var response = body(request, data)
    response.headers[.init("X-Repo-Commit") ?? .server] = repository.commit
    response.headers[.init("ETag") ?? .server] = "W/\"\(blob(data))\""
    return response
  }

  /// A large file, from the other origin.
  private func file(_ request: Request, _ path: String) throws -> Response {
    let parts = path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
    let repository = parts.count > 2 ? state.withLock { $0.repositories[parts[0...1].joined(separator: "/")] } : nil
    guard let data = repository?.files[parts.dropFirst(2).joined(separator: "/")] else {
      return Response(status: .notFound)
    }
    var response = body(request, data)
    response.headers[.init("ETag") ?? .server] = "\"\(sha256(data).prefix(16))\""
    return response
  }

  /// The content, with the next fault.
  private func body(_ request: Request, _ data: Data) -> Response {
    let fault: Fault? =
      request.method == .get
      ? state.withLock { state in state.faults.isEmpty ? nil : state.faults.removeFirst() } : nil
    switch fault {
    case .status(let status, let headers):
      var response = Response(status: .init(code: status))
      for (name, value) in headers { response.headers[.init(name) ?? .server] = value }
      return response
    case .page:
      return Response(
        status: .ok, headers: [.contentType: "text/html"],
        body: .init(byteBuffer: ByteBuffer(string: "<!DOCTYPE html><html>Log in</html>")))
    case .disguisedPage:
      return Response(
        status: .ok, headers: [.contentType: "application/octet-stream"],
        body: .init(byteBuffer: ByteBuffer(string: "\n <html><body>Log in</body></html>")))
    case .lyingPage(let stated):
      return Response(
        status: .ok, headers: [.contentType: "application/octet-stream"],
        body: ResponseBody(contentLength: stated) { writer in
          try await writer.write(ByteBuffer(string: "<!doctype html><html>Log in</html>"))
          throw Broken()
        })
    case .redirect(let place): return redirect(302, place)
    default: break
    }
    var start = 0
    var response = Response(status: .ok, headers: [.contentType: "application/octet-stream", .acceptRanges: "bytes"])
    if let range = request.headers[.range], fault != .ignoresRange {
      let parts = range.replacing("bytes=", with: "").split(separator: "-", omittingEmptySubsequences: false)
      start = Int(parts[0]) ?? 0
      guard start < data.count else {
        return Response(
          status: .init(code: 416), headers: [.contentRange: "bytes */\(data.count)"])
      }
      response.status = .partialContent
      let stated = fault == .wrongRange ? start + 1 : start
      response.headers[.contentRange] = "bytes \(stated)-\(data.count - 1)/\(data.count)"
    }
    let count = data.count - start
    var lie = 0
    if case .lie(let difference)? = fault { lie = difference }
    let stated = count + lie
    response.body = ResponseBody(contentLength: stated) { [start, lie] writer in
      var offset = start
      var limit = data.count
      if case .cut(let bytes)? = fault { limit = min(limit, start + bytes) }
      var stalls = false
      if case .stall(let bytes)? = fault { (limit, stalls) = (min(limit, start + bytes), true) }
      if case .stallAt(let byte)? = fault, start < byte { (limit, stalls) = (min(limit, byte), true) }
      if lie < 0 { limit = start + stated }
      while offset < limit {
        let end = min(offset + (1 << 18), limit)
        var piece = ByteBuffer(bytes: data[data.startIndex + offset..<data.startIndex + end])
        if fault == .wrongByte, offset == start, let byte = piece.getInteger(at: 0, as: UInt8.self) {
          piece.setInteger(~byte, at: 0)
        }
        try await writer.write(piece)
        offset = end
      }
      if stalls { try await Task.sleep(for: .seconds(60)) }
      if limit < data.count || lie > 0 { throw Broken() }
      try await writer.finish(nil)
    }
    return response
  }

  private struct Broken: Error {}

  private func redirect(_ status: Int, _ place: String) -> Response {
    Response(status: .init(code: status), headers: [.location: place])
  }

  private func json(_ value: JSONValue) -> Response {
    let data = (try? value.document()) ?? Data()
    return Response(
      status: .ok, headers: [.contentType: "application/json"], body: .init(byteBuffer: ByteBuffer(bytes: data)))
  }

  private func error(_ status: Int, _ code: String?, _ message: String) -> Response {
    var response = Response(status: .init(code: status))
    if let code { response.headers[.init("X-Error-Code") ?? .server] = code }
    response.headers[.init("X-Error-Message") ?? .server] = message
    return response
  }

  private func isLarge(_ path: String) -> Bool { !Self.small.contains { path.hasSuffix($0) } }

  /// The hash; computed once for contents that begin alike and are as long, as those of one file are.
  private func sha256(_ data: Data) -> String {
    let key = data.prefix(4096) + withUnsafeBytes(of: data.count) { Data($0) }
    if let known = hashes.withLock({ $0[key] }) { return known }
    let hash = FileHash.sha256 { update in data.withUnsafeBytes { update($0) } }
    hashes.withLock { $0[key] = hash }
    return hash
  }

  private func blob(_ data: Data) -> String {
    let hash = RunningHash(.sha1)
    Array("blob \(data.count)\0".utf8).withUnsafeBytes { hash.update($0) }
    data.withUnsafeBytes { hash.update($0) }
    return hash.finished()
  }
}
