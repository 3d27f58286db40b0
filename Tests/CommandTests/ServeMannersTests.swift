import Embedded
import Foundation
import Synchronization
import Testing
import TestSupport

@Suite("serve minds its manners")
struct ServeMannersTests {
  private let photo: Data

  init() throws { photo = try Data(contentsOf: Embedded.openclipart.appending(path: "images/bird/000.jpg")) }

  private func withRun(_ body: (Workplace) throws -> Void) throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      try body(place)
    }
  }

  @Test("Every refusal has its status, its code, and nothing of the host in it")
  func refusals() throws {
    try withRun { place in
      try place.serving("runs/x", ["--body-limit", "1"]) { server in
        let (words, unicorns) = (String(repeating: "word+", count: 90), String(repeating: "%F0%9F%A6%84", count: 90))
        let cases: [(status: Int, code: String, answer: Answer)] = [
          (404, "not_found", try server.ask("GET", "/nothing")),
          (405, "method_not_allowed", try server.ask("GET", "/v1/classify")),
          (405, "method_not_allowed", try server.ask("DELETE", "/")),
          (415, "unsupported_media_type", try server.ask("POST", "/v1/classify", photo)),
          (415, "unsupported_media_type", try server.post(photo, type: "text/plain")),
          (422, "unreadable_image", try server.classify(Data("no photo".utf8))),
          (422, "unreadable_image", try server.classify(photo.prefix(500))),
          (422, "unreadable_image", try server.classify(Data())),
          (413, "too_large", try server.classify(photo + Data(count: 1_000_000))),
          (400, "invalid_request", try server.classify(photo, query: "?top=0")),
          (400, "invalid_request", try server.classify(photo, query: "?top=two")),
          (400, "invalid_request", try server.classify(photo, query: "?model=best")),
          (400, "invalid_request", try server.classify(photo, query: "?mode=approximate")),
          (422, "mode_unavailable", try server.classify(photo, query: "?mode=fast")),
          (400, "invalid_request", try server.classify(photo, query: "?color=red")),
          (400, "invalid_request", try server.classify(photo, query: "?top=1&top=2")),
          (422, "invalid_classes", try server.classify(photo, query: "?classes=a,,b")),
          (422, "invalid_classes", try server.classify(photo, query: "?classes=a,a")),
          (422, "invalid_classes", try server.classify(photo, query: "?classes=\(words)")),
          (422, "invalid_classes", try server.classify(photo, query: "?classes=a,\(unicorns)")),
          (400, "invalid_request", try server.post(Data("{".utf8), type: "application/json")),
          (400, "invalid_request", try server.post(Data("{}".utf8), type: "application/json")),
          (400, "invalid_request", try server.post(Data(#"{"images":["!"]}"#.utf8), type: "application/json")),
          (400, "invalid_request", try server.post(Data(#"{"images":[],"top":null}"#.utf8), type: "application/json")),
          (400, "invalid_request", try server.post(Data(#"{"images":[""],"more":1}"#.utf8), type: "application/json")),
        ]
        for (index, (status, code, answer)) in cases.enumerated() {
          #expect(answer.status == status, "case \(index): \(answer.text)")
          let refusal = try answer.refusal()
          #expect(refusal.code == code, "case \(index): \(answer.text)")
          for secret in ["runs", ".swift", place.url.path] { #expect(!answer.text.contains(secret)) }
          #expect(answer.fields["x-content-type-options"] == "nosniff")
          #expect(answer.fields["x-request-id"]?.isEmpty == false)
        }
        #expect(try server.ask("DELETE", "/v1/classify").fields["allow"] == "POST")
      }
    }
  }

  @Test("Slow clients are cut, also when they send a byte now and then")
  func slowClients() throws {
    try withRun { place in
      try place.serving("runs/x", ["--header-time", "1", "--body-time", "1"]) { server in
        let silent = try server.connect()
        let header = try server.connect()
        let body = try server.connect()
        try body.send("POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n")
        try body.send("Content-Length: 9999\r\n\r\n")
        for _ in 0..<8 {
          try? header.send("X")
          try? body.send("x")
          usleep(200_000)
        }
        #expect(throws: Connection.Failure.self, "closed without a word") { try silent.answer() }
        for (connection, status, code) in [(header, 400, "invalid_request"), (body, 408, "body_timeout")] {
          let answer = try connection.answer()
          #expect(answer.status == status && answer.fields["connection"] == "close")
          #expect(try answer.refusal().code == code)
        }
        #expect(try server.classify(photo).status == 200)
      }
    }
  }

  @Test("More images than the queue holds are refused with a time to come back, and the others are answered")
  func overload() throws {
    try withRun { place in
      try place.serving("runs/x", ["--queue", "2", "--batch-size", "1", "--image-memory", "0"]) { server in
        let answers = Mutex<[Answer]>([])
        DispatchQueue.concurrentPerform(iterations: 24) { _ in
          guard let answer = try? server.classify(photo) else { return }
          answers.withLock { $0.append(answer) }
        }
        let all = answers.withLock { $0 }
        #expect(all.count == 24)
        #expect(Set(all.map(\.status)).isSubset(of: [200, 503]))
        #expect(all.contains { $0.status == 200 })
        for answer in all where answer.status == 503 {
          #expect((Int(answer.fields["retry-after"] ?? "") ?? 0) >= 1)
        }
        let after = try server.classify(photo)
        #expect(after.status == 200)
      }
    }
  }

  @Test("A client that goes away takes its images out of the queue")
  func goneClients() throws {
    try withRun { place in
      try place.serving("runs/x", ["--batch-size", "1", "--image-memory", "0"]) { server in
        do {
          let connections = try (0..<40).map { _ in try server.connect() }
          for connection in connections {
            try connection.send("POST", "/v1/classify", photo, fields: ["Content-Type: image/jpeg"])
          }
        }
        try server.eventually("one connection asks") { try $0.metric("cocoop_connections") == 1 }
        try server.eventually("nothing waits") { try $0.metric("cocoop_queue_images") == 0 }
        #expect(try server.metric(#"cocoop_rejected_total{reason="cancelled"}"#) > 0)
        #expect(try server.metric("cocoop_encoded_images_total") < 40)
        #expect(try server.classify(photo).status == 200)
      }
    }
  }

  @Test("A server that is told to stop answers what it has accepted, and ends with status 0")
  func stopping() throws {
    try withRun { place in
      var connections: [Connection] = []
      let outcome = try place.serving("runs/x", ["--batch-size", "1", "--image-memory", "0"]) { server in
        connections = try (0..<12).map { _ in try server.connect() }
        for connection in connections {
          try connection.send("POST", "/v1/classify", photo, fields: ["Content-Type: image/jpeg"])
        }
        try server.eventually("all are admitted, or answered already") {
          try $0.metric(#"cocoop_images_total{mode="exact"}"#) + $0.metric("cocoop_queue_images") >= 12
        }
      }
      for connection in connections { #expect(try connection.answer().status == 200) }
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
  }

  @Test("Damaged requests and photos leave the server as it was, and a full disk under its log does not matter")
  func damage() throws {
    try withRun { place in
      let outcome = try place.serving("runs/x", through: "2>/dev/full") { server in
        let good = try server.classify(photo).classification().results
        let before = server.descriptors
        var mutate = Mutation(seed: 3, pieces: ["\r\n", "\u{0}", "chunked", ": ", "HTTP/9.9", "99999999999999999999"])
        let head =
          "POST /v1/classify?top=2 HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
          + "Content-Length: \(photo.count)\r\n\r\n"
        for index in 0..<300 {
          let connection = try server.connect()
          if index.isMultiple(of: 2) {
            let damaged = Data(mutate(Array(photo)))
            try? connection.send("POST", "/v1/classify", damaged, fields: ["Content-Type: image/jpeg"])
            #expect([200, 422].contains(try connection.answer().status))
          } else {
            // The header with damage, often cut in the middle of the photo.
            let damaged = Data(mutate(Array(head.utf8))) + photo
            try? connection.send(damaged.prefix(index * damaged.count / 300))
          }
        }
        try server.eventually("all descriptors are closed again") { $0.descriptors <= before }
        #expect(try server.classify(photo).classification().results.map(\.top) == good.map(\.top))
      }
      #expect(outcome.status == 0)
    }
  }

  @Test("A token is asked for where there is one, and a public address without one is refused")
  func tokens() throws {
    try withRun { place in
      try place.write("0123456789abcdefXYZ\nsecond line\n", to: "token")
      try place.serving("runs/x", ["--token-file", "token"]) { server in
        for value in ["", "Bearer 0123456789abcdefXYz", "Bearer ", "Basic 0123456789abcdefXYZ"] {
          let answer = try server.ask("GET", "/v1/model", fields: ["Authorization: \(value)"])
          #expect(answer.status == 401 && answer.fields["www-authenticate"] == "Bearer")
        }
        #expect(try server.ask("GET", "/v1/model", fields: ["Authorization: bearer 0123456789abcdefXYZ"]).status == 200)
        #expect(try server.ask("GET", "/").status == 200)
      }
      let open = try place.cocoop("serve --run runs/x --host 0.0.0.0")
      #expect(
        open.errors
          == "Error: 0.0.0.0 can be reached from other machines, and no token guards the server. Give --token-file, or --allow-public where a proxy or firewall guards it.\n"
      )
      #expect(open.status == 1)
      try place.write("short\n", to: "token")
      let short = try place.cocoop("serve --run runs/x --token-file token")
      #expect(short.errors.contains("its first line has 5 characters, fewer than 16"))
      try place.serving("runs/x") { server in
        let second = try place.cocoop("serve --run runs/x --port \(server.port)")
        #expect(second.errors.contains("Cannot listen on 127.0.0.1 port \(server.port): Address already in use"))
        #expect(second.status == 1)
      }
    }
  }
}
