/// The paths of the server. There are no others: no part of a path ever refers to a file of the host.
enum Route: Hashable, Sendable {
  case page
  /// A part of the page, by its path.
  case asset(String)
  case classify
  case classes
  case examples
  case model
  case health
  case readiness
  case metrics
  case description

  private static let fixed: [String: Route] = [
    "/": .page, "/v1/classify": .classify, "/v1/classes": .classes, "/v1/examples": .examples,
    "/v1/model": .model, "/healthz": .health, "/readyz": .readiness, "/metrics": .metrics,
    "/openapi.json": .description,
  ]

  /// - Parameter assets: the paths of the page's files.
  init?(path: String, assets: some Collection<String>) {
    if let route = Self.fixed[path] {
      self = route
    } else if assets.contains(path) {
      self = .asset(path)
    } else {
      return nil
    }
  }

  /// The route's name in metrics and the log.
  var label: String {
    switch self {
    case .page: "/"
    case .asset: "asset"
    case .classify: "/v1/classify"
    case .classes: "/v1/classes"
    case .examples: "/v1/examples"
    case .model: "/v1/model"
    case .health: "/healthz"
    case .readiness: "/readyz"
    case .metrics: "/metrics"
    case .description: "/openapi.json"
    }
  }

  /// The route's methods.
  var methods: [String] {
    switch self {
    case .classify: ["POST"]
    default: ["GET", "HEAD"]
    }
  }

  /// Whether a token is required, where there is one. The page itself holds no secret, and a probe of liveness has
  /// none.
  var isGuarded: Bool {
    switch self {
    case .classify, .classes, .examples, .model, .metrics: true
    case .page, .asset, .health, .readiness, .description: false
    }
  }
}
