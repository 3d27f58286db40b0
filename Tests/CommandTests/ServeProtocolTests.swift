import Embedded
import Foundation
import Testing

@Suite("serve speaks HTTP as clients of every age expect it")
struct ServeProtocolTests {
  private let photo: Data

  init() throws { photo = try Data(contentsOf: Embedded.openclipart.appending(path: "images/bird/000.jpg")) }

  @discardableResult
  private func serving(_ options: [String] = [], _ body: (RunningServer) throws -> Void) throws -> Outcome {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      return try place.serving("runs/x", options, body)
    }
  }

  private func request(_ version: String, _ fields: [String]) -> Data {
    let own = ["POST /v1/classify?top=1 \(version)", "Host: x", "Content-Type: image/jpeg"]
    let head = own + fields + ["Content-Length: \(photo.count)"]
    return Data((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + photo
  }

  @Test(
    "A connection that is not kept alive ends with its answer, for clients that read to the end",
    arguments: [
      ("HTTP/1.0", []), ("HTTP/1.0", ["Connection: close"]), ("HTTP/1.1", ["Connection: close"]),
      ("HTTP/1.1", ["Connection: Close"]), ("HTTP/1.1", ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"]),
    ])
  func ending(version: String, fields: [String]) throws {
    // If the server waited for the client's next request, it would wait for an hour; the test's client waits a minute.
    try serving(["--header-time", "3600"]) { server in
      let connection = try server.connect()
      try connection.send(request(version, fields))
      let answer = try connection.remainder()
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(answer.contains("\r\nConnection: close\r\n"))
    }
  }

  @Test("HTTP/1.0 with keep-alive is kept alive, and says so")
  func keptAlive() throws {
    try serving { server in
      let connection = try server.connect()
      for _ in 0..<3 {
        try connection.send(request("HTTP/1.0", ["Connection: keep-alive"]))
        let answer = try connection.answer()
        #expect(answer.status == 200)
        #expect(answer.fields["connection"] == "keep-alive")
      }
      try connection.send(request("HTTP/1.0", []))
      #expect(try connection.remainder().contains("\r\nConnection: close\r\n"))
    }
  }

  private static let ab = ["/usr/bin/ab", "/usr/sbin/ab"].first { FileManager.default.isExecutableFile(atPath: $0) }

  @Test(
    "ApacheBench is answered at once, with and without keep-alive",
    .enabled(if: ab != nil, "ab is not installed (Debian's apache2-utils)"), arguments: [[], ["-k"]])
  func apacheBench(options: [String]) throws {
    let tool = try #require(Self.ab)
    try serving(["--header-time", "3600"]) { server in
      let file = FileManager.default.temporaryDirectory.appending(path: "cocoop-ab-\(UUID().uuidString).jpg")
      try photo.write(to: file)
      defer { try? FileManager.default.removeItem(at: file) }
      let process = Process()
      let output = Pipe()
      process.executableURL = URL(filePath: tool)
      // -l: each answer has its own length, since it contains the request's id and time.
      process.arguments =
        ["-q", "-l", "-s", "60", "-n", "40", "-c", "2", "-p", file.path, "-T", "image/jpeg"] + options
        + ["http://127.0.0.1:\(server.port)/v1/classify?top=1"]
      process.standardOutput = output
      process.standardError = output
      try process.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0, "\(text)")
      #expect(text.contains(/Complete requests: +40\n/), "\(text)")
      #expect(text.contains(/Failed requests: +0\n/) && !text.contains("Non-2xx"), "\(text)")
      let kept = text.firstMatch(of: /Keep-Alive requests: +(\d+)\n/).flatMap { Int($0.1) }
      #expect(kept == (options.isEmpty ? nil : 40))
    }
  }

  @Test("What is no request gets a status, a body that says why, and a line in the log")
  func unreadable() throws {
    let long = String(repeating: "x", count: 40_000)
    let cases: [(text: String, status: Int, code: String)] = [
      ("GET /?classes=café,猫 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid_request"),
      ("GET /caf\u{e9} HTTP/1.1\r\n\r\n", 400, "invalid_request"),
      ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, "http_version"),
      ("GET / HTTP/3\r\nHost: x\r\n\r\n", 505, "http_version"),
      ("GET /?\(long) HTTP/1.1\r\nHost: x\r\n\r\n", 431, "header_too_long"),
      ("GET / HTTP/1.1\r\nHost: x\r\nA: \(long)\r\n\r\n", 431, "header_too_long"),
      ("GET / HTTP/1.1\r\n\((0..<200).map { "A\($0): b\r\n" }.joined())\r\n", 431, "header_too_long"),
      ("hello, world\r\n\r\n", 400, "invalid_request"), ("get / HTTP/1.1\r\n\r\n", 400, "invalid_request"),
      ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", 400, "invalid_request"),
      ("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", 400, "invalid_request"),
      ("GET / HTTP/1.1\r\nA: x\u{0}y\r\n\r\n", 400, "invalid_request"),
      ("POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400, "invalid_request"),
      ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "invalid_request"),
      ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "invalid_request"),
    ]
    let outcome = try serving { server in
      for (index, (text, status, code)) in cases.enumerated() {
        let connection = try server.connect()
        try? connection.send(text)
        let answer = try connection.answer()
        #expect(answer.status == status, "case \(index)")
        #expect(answer.fields["connection"] == "close", "case \(index)")
        #expect(answer.fields["x-request-id"]?.isEmpty == false)
        #expect(try answer.refusal().code == code, "case \(index): \(answer.text)")
        #expect(try answer.refusal().message.contains(". "), "a remedy")
        #expect(try connection.remainder().isEmpty)
      }
      let bad = try server.connect()
      try bad.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /?é HTTP/1.1\r\n\r\n")
      #expect(try bad.answer().status == 200)
      #expect(try bad.answer().status == 400)
      let chunks = try server.connect()
      try chunks.send("POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n")
      try chunks.send("Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
      #expect(try chunks.answer().refusal().message.hasPrefix("The body cannot be read to its end. Send"))
      #expect(try chunks.remainder().isEmpty)
      #expect(try server.classify(photo).status == 200)
    }
    let lines = outcome.errors.split(separator: "\n").count {
      $0.contains("other unreadable 4") || $0.contains("other unreadable 5")
    }
    #expect(lines == cases.count + 1, "\(outcome.errors)")
  }

  @Test("Pages of an allowed origin may ask and read, also what was refused; others may not")
  func crossOrigin() throws {
    let mine = "Origin: https://example.org"
    let preflight = [
      "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type",
    ]
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      try place.write("0123456789abcdefXYZ\n", to: "token")
      let options = [
        "--token-file", "token", "--allow-origin", "https://example.org", "--allow-origin", "http://localhost:3000",
      ]
      try place.serving("runs/x", options) { server in
        let asked = try server.ask("OPTIONS", "/v1/classify", fields: [mine] + preflight)
        #expect(asked.status == 204 && asked.body.isEmpty)
        #expect(asked.fields["access-control-allow-origin"] == "https://example.org")
        #expect(asked.fields["access-control-allow-methods"] == "POST")
        #expect(asked.fields["access-control-allow-headers"] == "Authorization, Content-Type")
        #expect(asked.fields["vary"] == "Origin")
        let bearer = "Authorization: Bearer 0123456789abcdefXYZ"
        for (answer, status) in [
          (try server.ask("POST", "/v1/classify", photo, fields: [mine, bearer, "Content-Type: image/jpeg"]), 200),
          (try server.ask("POST", "/v1/classify", photo, fields: [mine, "Content-Type: image/jpeg"]), 401),
          (try server.ask("GET", "/nothing", fields: [mine]), 404), (try server.ask("GET", "/", fields: [mine]), 200),
        ] {
          #expect(answer.status == status)
          #expect(answer.fields["access-control-allow-origin"] == "https://example.org")
          #expect(answer.fields["access-control-expose-headers"] == "Retry-After, X-Request-Id")
        }
        let other = try server.ask("OPTIONS", "/v1/classify", fields: ["Origin: https://evil.example"] + preflight)
        #expect(other.status == 403 && other.fields["access-control-allow-origin"] == nil)
        #expect(try other.refusal().code == "origin_not_allowed")
        // The server's own page sends its origin too.
        let own = try server.ask("GET", "/", fields: ["Origin: http://127.0.0.1:\(server.port)"])
        #expect(own.status == 200 && own.fields["access-control-allow-origin"] == nil)
      }
      try place.serving("runs/x", ["--allow-origin", "*"]) { server in
        #expect(try server.ask("GET", "/v1/model", fields: [mine]).fields["access-control-allow-origin"] == "*")
        let noRequest = try server.connect()
        try noRequest.send("GET /é HTTP/1.1\r\n\r\n")
        #expect(try noRequest.answer().fields["access-control-allow-origin"] == "*")
      }
      try place.serving("runs/x") { server in
        let asked = try server.ask("OPTIONS", "/v1/classify", fields: [mine] + preflight)
        #expect(asked.status == 405 && asked.fields["access-control-allow-origin"] == nil)
        #expect(try server.ask("GET", "/v1/model", fields: [mine]).fields["vary"] == nil)
      }
    }
  }
}
