import Foundation
import HTTPTypes
import Hummingbird
import Synchronization

/// Answers every request: finds its route, asks for the token, hands it on, and counts and logs what came of it.
struct Responder: HTTPResponder {
  let classifyHandler: ClassifyHandler
  let model: ModelAnswer
  let page: PageFiles
  let token: BearerToken?
  let readiness: Readiness
  let metrics: ServerMetrics
  let logsRequests: Bool

  func respond(to request: Request, context scope: RequestScope) async throws -> Response {
    let start = ContinuousClock.now
    let route = Route(path: request.uri.path, assets: page.assets.keys)
    var response: Response
    do {
      response = try await answer(request, route: route, scope: scope)
    } catch let error as APIError {
      response = .refusal(error, request: scope.id)
      count(error)
    } catch is CancellationError {
      // Nobody reads this any more.
      response = .refusal(.stopping, request: scope.id)
      metrics.rejection("cancelled")
    } catch {
      // A connection that broke while its body was read ends here too; a failure of our own is told to the operator alone.
      response = .refusal(.internalFailure, request: scope.id)
      scope.logger.error("\(error)")
    }
    if request.method == .head { response = response.createHeadResponse() }
    response.addSecurityFields()
    response.headers[Self.idField] = scope.id
    note(request, route: route, status: response.status.code, since: start, scope: scope)
    return response
  }

  private static let idField = HTTPField.Name("X-Request-Id") ?? .date

  private func answer(_ request: Request, route: Route?, scope: RequestScope) async throws -> Response {
    guard let route else { throw APIError.noSuchPath }
    guard route.methods.contains(request.method.rawValue) else { throw APIError.method(allowed: route.methods) }
    if route.isGuarded, let token, !token.admits(request.headers[.authorization]) { throw APIError.unauthorized }
    switch route {
    case .page: return page.response(for: "/", to: request)
    case .asset(let path): return page.response(for: path, to: request)
    case .classify:
      guard readiness.isReady else { throw APIError.notReady }
      return try await classifyHandler.respond(to: request, in: scope)
    case .classes: return try .json(ClassesAnswer(classes: classifyHandler.runClasses))
    case .model: return try .json(model)
    case .health: return try .json(StatusAnswer(status: "alive"))
    case .readiness:
      guard readiness.isReady else { throw APIError.notReady }
      return try .json(StatusAnswer(status: "ready"))
    case .metrics:
      let text = metrics.prometheusText(queueDepth: classifyHandler.queue.depth)
      return Response(bytes: Data(text.utf8), type: ServerMetrics.contentType)
    case .description: return page.response(for: PageFiles.description, to: request)
    }
  }

  private func count(_ error: APIError) {
    switch error {
    case .overloaded, .preparing, .tooLarge, .unauthorized, .stopping, .notReady: metrics.rejection(error.code)
    default: break
    }
  }

  /// A path that is not ours, or a method that nobody knows, is counted under one name.
  private func note(
    _ request: Request, route: Route?, status: Int, since start: ContinuousClock.Instant, scope: RequestScope
  ) {
    let seconds = (ContinuousClock.now - start).seconds
    let known = ["GET", "HEAD", "POST"].contains(request.method.rawValue)
    let endpoint = ServerMetrics.Endpoint(
      route: route?.label ?? "other", method: known ? request.method.rawValue : "other", status: status)
    metrics.request(endpoint, seconds: seconds)
    guard logsRequests else { return }
    // The query is left out: it may hold names that are nobody's business.
    scope.logger.info("\(endpoint.method) \(endpoint.route) \(status) \(String(format: "%.1f", 1000 * seconds)) ms")
  }
}

/// Whether the model has answered once and goes on answering.
final class Readiness: Sendable {
  private let state = Mutex(false)

  var isReady: Bool { state.withLock { $0 } }

  func set(_ isReady: Bool) { state.withLock { $0 = isReady } }
}
