import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// The responder to every request: finds its route, checks the token, calls its handler, and counts and logs the
/// result.
struct Responder: HTTPResponder {
  let classifyHandler: ClassifyHandler
  let model: ModelAnswer
  let examples: ExamplePhotos
  let page: PageFiles
  let token: BearerToken?
  let origins: AllowedOrigins
  let readiness: Readiness
  let metrics: ServerMetrics
  let logsRequests: Bool
  let logger: Logger

  func respond(to request: Request, context: RequestContext) async throws -> Response {
    let start = ContinuousClock.now
    let route = Route(path: request.uri.path, assets: page.assets.keys)
    var response: Response
    do {
      response = try await answer(request, route: route, context: context)
    } catch let error as APIError {
      response = .refusal(error, request: context.id)
      if error.isRejection { metrics.rejection(error.code) }
    } catch is CancellationError {
      // The client has gone, so nothing reads this.
      response = .refusal(.disconnected, request: context.id)
      metrics.rejection("cancelled")
    } catch {
      // An internal failure is for the operator alone.
      response = .refusal(.internalFailure, request: context.id)
      context.logger.error("\(error)")
    }
    if request.method == .head { response = response.createHeadResponse() }
    dress(&response.headers, origin: request.headers[.origin], id: context.id)
    let known = ["GET", "HEAD", "POST", "OPTIONS"].contains(request.method.rawValue)
    // An unknown path or method is counted under one name.
    note(
      route: route?.label ?? "other", method: known ? request.method.rawValue : "other", status: response.status.code,
      seconds: (ContinuousClock.now - start).seconds, logger: context.logger)
    return response
  }

  /// The answer to input that is not a request, counted and logged like any other.
  func refusal(_ error: APIError) -> ConnectionGuard.Refusal {
    let id = "\(RequestID())"
    let content = Response.refusalContent(error, request: id)
    var head = HTTPResponse(
      status: error.status,
      headerFields: [.contentType: "application/json", .contentLength: "\(content.count)", .connection: "close"])
    dress(&head.headerFields, origin: nil, id: id)
    var logger = logger
    logger[metadataKey: "hb.request.id"] = "\(id)"
    note(route: "unreadable", method: "other", status: error.status.code, seconds: 0, logger: logger)
    return (head, ByteBuffer(bytes: content))
  }

  private func dress(_ fields: inout HTTPFields, origin: String?, id: String) {
    fields.addSecurityFields()
    for field in origins.fields(for: origin) { fields[field.name] = field.value }
    fields[Self.idField] = id
  }

  private static let idField = HTTPField.Name("X-Request-Id") ?? .date

  private func answer(_ request: Request, route: Route?, context: RequestContext) async throws -> Response {
    guard let route else { throw APIError.noSuchPath }
    if !origins.isEmpty, request.method == .options, request.headers[.accessControlRequestMethod] != nil {
      // Browsers send no token with a preflight request.
      let fields = try origins.preflightFields(methods: route.methods, origin: request.headers[.origin])
      return Response(status: .noContent, headers: fields)
    }
    guard route.methods.contains(request.method.rawValue) else { throw APIError.method(allowed: route.methods) }
    if route.isGuarded, let token, !token.admits(request.headers[.authorization]) { throw APIError.unauthorized }
    switch route {
    case .page: return try page.response(for: "/", to: request)
    case .asset(let path): return try page.response(for: path, to: request)
    case .classify:
      guard readiness.isReady else { throw APIError.notReady }
      return try await classifyHandler.respond(to: request, in: context)
    case .classes: return try .json(ClassesAnswer(classes: classifyHandler.runClasses))
    case .examples: return try await .json(examples.answer())
    case .model: return try .json(model)
    case .health: return try .json(StatusAnswer(status: "alive"))
    case .readiness:
      guard readiness.isReady else { throw APIError.notReady }
      return try .json(StatusAnswer(status: "ready"))
    case .metrics:
      let text = metrics.prometheusText(queueDepth: classifyHandler.queue.depth)
      return Response(bytes: Data(text.utf8), type: ServerMetrics.contentType)
    case .description: return try page.response(for: PageFiles.description, to: request)
    }
  }

  private func note(route: String, method: String, status: Int, seconds: Double, logger: Logger) {
    metrics.request(.init(route: route, method: method, status: status), seconds: seconds)
    guard logsRequests else { return }
    // The query is left out: it may hold private names.
    logger.info("\(method) \(route) \(status) \(String(format: "%.1f", 1000 * seconds)) ms")
  }
}

/// A flag that the model has answered once and continues to answer.
final class Readiness: Sendable {
  private let state = Mutex(false)

  var isReady: Bool { state.withLock { $0 } }

  func set(_ isReady: Bool) { state.withLock { $0 = isReady } }
}
