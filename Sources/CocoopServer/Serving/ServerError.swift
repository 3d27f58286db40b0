import Explanations

/// Why a server does not start, or did not stop as it should.
public enum ServerError: Explained, Equatable {
  case publicWithoutToken(host: String)
  /// A text that was given as an origin whose pages may read answers.
  case origin(found: String, problem: String)
  case tokenFile(path: String, problem: String)
  case cannotListen(host: String, port: Int, reason: String)
  case missingResource(name: String)

  public var problem: String {
    switch self {
    case .publicWithoutToken(let host): "\(host) can be reached from other machines, and no token guards the server"
    case .origin(let found, let problem): "'\(found)' is no origin that can be allowed: \(problem)"
    case .tokenFile(let path, let problem): "The token file \(path) cannot be used: \(problem)"
    case .cannotListen(let host, let port, let reason): "Cannot listen on \(host) port \(port): \(reason)"
    case .missingResource(let name): "The server's own file \(name) is missing"
    }
  }

  public var remedy: String? {
    switch self {
    case .publicWithoutToken: "Give --token-file, or --allow-public where a proxy or firewall guards it"
    case .origin: "Give what browsers send, such as https://example.org or http://localhost:3000, or * for any page"
    case .tokenFile:
      "Put a random token of 16 characters or more on its first line, such as 'openssl rand -hex 32' prints"
    case .cannotListen: "Choose another --host or --port"
    case .missingResource: "Build or install the package again"
    }
  }
}
