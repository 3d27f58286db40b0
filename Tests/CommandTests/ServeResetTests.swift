import Embedded
import Foundation
import Testing

@Suite("Clients that break off leave nothing behind")
struct ServeResetTests {
  /// The points of a request at which its client disconnects.
  private enum Stage: CaseIterable {
    case header, bodyBegun, bodyAlmostWhole, sent, decoding, computing, answering, unasked
  }

  /// The number of connections that are reset.
  private static let count = ProcessInfo.processInfo.environment["COCOOP_RESETS"].flatMap { Int($0) } ?? 320
  /// The most that the resident memory may grow between the first half of the clients and the last one, in bytes:
  /// allocators keep pieces, but a leak of one request of 16 photos each would be far more.
  private static let memoryBound = 48 << 20

  @Test("After hundreds of closed and reset connections at every stage, queue, descriptors and memory are as before")
  func resets() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      let photo = try Data(contentsOf: Embedded.openclipart.appending(path: "images/bird/000.jpg"))
      // No deadline of the server may free the connections' memory: only their own ends may.
      let options = [
        "--queue", "128", "--patience", "600", "--image-memory", "0", "--header-time", "3600", "--body-time", "3600",
        "--quiet",
      ]
      try place.serving("runs/x", options) { server in
        let whole = request(photos: 16, photo)
        #expect(try ask(server, whole) == 200)
        let descriptors = server.descriptors
        var halfway = 0
        let groups = max(2, Self.count / 16)
        for group in 0..<groups {
          let connections = try (0..<16).map { _ in try server.connect() }
          for (index, connection) in connections.enumerated() {
            let stage = Stage.allCases[index % Stage.allCases.count]
            // The server may already have refused and closed; then there is nothing to reset.
            try? begin(stage, on: connection, whole, photo: photo, round: group)
            connection.close(resetting: (index / Stage.allCases.count + group).isMultiple(of: 2))
          }
          if group == groups / 2 { halfway = try server.metric("cocoop_resident_bytes") }
        }
        try server.eventually(within: 110, "one connection asks") { try $0.metric("cocoop_connections") == 1 }
        try server.eventually("the queue is empty") { try $0.metric("cocoop_queue_images") == 0 }
        try server.eventually("all descriptors are closed again") { $0.descriptors <= descriptors }
        let memory = try server.metric("cocoop_resident_bytes")
        #expect(memory <= halfway + Self.memoryBound)
        #expect(try server.metric(#"cocoop_rejected_total{reason="cancelled"}"#) > 0, "some were waiting or computed")
        #expect(try ask(server, request(photos: 32, photo)) == 200)
        print(
          "\(groups * 16) connections: descriptors \(descriptors) before, \(server.descriptors) after; resident",
          "\(halfway >> 20) MiB halfway, \(memory >> 20) MiB after")
      }
    }
  }

  private func begin(_ stage: Stage, on connection: Connection, _ whole: Data, photo: Data, round: Int) throws {
    switch stage {
    case .header: try connection.send(whole.prefix(20 + round % 60))
    case .bodyBegun: try connection.send(whole.prefix(1_000 + round % 7 * photo.count))
    case .bodyAlmostWhole: try connection.send(whole.dropLast(1 + round % 3))
    case .sent: try connection.send(whole)
    case .decoding:
      try connection.send(whole)
      usleep(UInt32(round % 10) * 500)
    case .computing:
      try connection.send(request(photos: 1, photo))
      usleep(UInt32(round % 10) * 2_000)
    case .answering:
      for _ in 0..<20 { try connection.send("GET", "/openapi.json", Data()) }
      try connection.receive()
    case .unasked: break
    }
  }

  private func ask(_ server: RunningServer, _ request: Data) throws -> Int {
    let connection = try server.connect()
    try connection.send(request)
    return try connection.answer().status
  }

  private func request(photos count: Int, _ photo: Data) -> Data {
    var form = Data()
    for _ in 0..<count {
      form += Data("--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x.jpg\"\r\n\r\n".utf8) + photo
      form += Data("\r\n".utf8)
    }
    form += Data("--b--\r\n".utf8)
    let head =
      "POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
      + "Content-Length: \(form.count)\r\n\r\n"
    return Data(head.utf8) + form
  }
}
