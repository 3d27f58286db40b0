import CTestDevice
import CocoopServer
import Embedded
import Foundation
import Images
import Prediction
import PromptLearning
import Runs
import Synchronization
import Testing
import TestSupport
import Torch

extension OnTheDevice {
  @Suite("The server answers on a device as on the CPU")
  struct ServingTests {
    /// Of probabilities: they differ by up to 1.8e-6, as the scale of logits multiplies the rounding of cosines by 100.
    static let tolerance: Float = 5e-6

    private struct Answer: Decodable {
      struct Result: Decodable { let top: [Prediction.Candidate] }
      let mode: String
      let results: [Result]
    }

    private struct Model: Decodable { let device: String }

    // In a process of its own: the server ends as an operator ends it, by a signal.
    @Test("predictions of both models, exact and fast, are those of the CPU, and /v1/model names the device")
    func answers() async {
      await #expect(processExitsWith: .success) {
        #expect(DeviceOfTests.isThere)
        try Threads.use(1)
        try withTemporaryFolder { place in
          let folder = place.appending(path: "run")
          try ServingTests.train(into: folder)
          let run = try LoadedRun(folder: folder)
          let files = ["bird/000", "clock/003", "fish/002"].map {
            Embedded.openclipart.appending(path: "images/\($0).jpg")
          }
          let (images, photos) = try (files.map { try Image(contentsOf: $0) }, files.map { try Data(contentsOf: $0) })
          let names = ["bird", "clock", "fish", "a boat, at sea"]
          try ServingTests.serving(folder) { server in
            #expect(try JSONDecoder().decode(Model.self, from: server.ask("GET", "/v1/model")).device == "spare:0")
            let operations = td_operations()
            for (mode, predictor) in try [
              ("exact", Predictor(run: run, classNames: nil)),
              ("fast", Predictor(run: run, classNames: nil, isFast: true)),
            ] {
              for (image, photo) in zip(images, photos) {
                let body = try server.ask("POST", "/v1/classify?top=30&mode=\(mode)", photo, type: "image/jpeg")
                let answer = try JSONDecoder().decode(Answer.self, from: body)
                #expect(answer.mode == mode)
                try ServingTests.agree(answer, predictor.candidates(for: [predictor.square(image)], top: 30))
              }
            }
            for (model, predictor) in try [
              ("run", Predictor(run: run, classNames: names)),
              ("zero-shot", Predictor(zeroShot: run.clip, classNames: names, templates: ["a photo of a {}."])),
            ] {
              let request: [String: Any] = [
                "images": photos.map { $0.base64EncodedString() }, "classes": names, "model": model, "top": 30,
              ]
              let body = try server.ask(
                "POST", "/v1/classify", JSONSerialization.data(withJSONObject: request), type: "application/json")
              try ServingTests.agree(
                JSONDecoder().decode(Answer.self, from: body),
                predictor.candidates(for: images.map(predictor.square), top: 30))
            }
            #expect(td_operations() > operations)
          }
        }
      }
    }

    private static func agree(_ answer: Answer, _ expected: [[Prediction.Candidate]]) throws {
      #expect(answer.results.count == expected.count)
      for (found, expected) in zip(answer.results.map(\.top), expected) {
        #expect(found.count == expected.count && found.first?.class == expected.first?.class)
        for candidate in found {
          let other = try #require(expected.first { $0.class == candidate.class }).probability
          let difference = abs(candidate.probability - other)
          #expect(difference <= tolerance, "the probability of \(candidate.class) differs by \(difference)")
        }
      }
    }

    /// One epoch of CoCoOp on the CPU.
    private static func train(into folder: URL) throws {
      let source = try ModelSource("tiny-clip")
      let configuration = try RunConfiguration(
        model: "tiny-clip", data: "openclipart", method: .cocoop, shots: 1,
        training: TrainingConfiguration(epochs: 1, batchSize: 14, views: .stored(1)))
      let run = try TrainingRun(
        configuration, clip: source.load(), identity: source.identity(), dataset: DataSource("openclipart").load(),
        folder: RunFolder(creating: folder, existing: .refuse))
      _ = try run()
    }

    /// Calls `body` while a server of the run computes on the device of tests.
    private static func serving(_ folder: URL, _ body: (Client) throws -> Void) throws {
      let client = Client(port: try LoopbackPort.free())
      let ended = DispatchSemaphore(value: 0)
      let failure = Mutex<(any Error)?>(nil)
      // The model computes on the thread that has loaded it.
      let thread = Thread {
        do {
          var settings = ServerSettings()
          (settings.port, settings.logsRequests) = (Int(client.port), false)
          let run = try LoadedRun(folder: folder, on: DeviceOfTests.device)
          try PredictionServer(run, name: "run", settings: settings).serve { _ in }
        } catch { failure.withLock { $0 = error } }
        ended.signal()
      }
      thread.stackSize = 8 << 20
      thread.start()
      let end = ContinuousClock.now + .seconds(60)
      var isReady = false
      while !isReady, failure.withLock({ $0 }) == nil, ContinuousClock.now < end {
        isReady = (try? client.ask("GET", "/readyz")) != nil
        usleep(10_000)
      }
      if let failure = failure.withLock({ $0 }) { throw failure }
      try #require(isReady, "the server is ready")
      try body(client)
      kill(getpid(), SIGTERM)
      #expect(ended.wait(timeout: .now() + 60) == .success)
    }
  }
}

/// Asks a server of this machine, each time on a connection of its own.
private struct Client {
  struct Failure: Error { let problem: String }
  let port: UInt16

  /// - Returns: the body of an answer with status 200.
  func ask(_ method: String, _ path: String, _ body: Data = Data(), type: String = "text/plain") throws -> Data {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    (address.sin_family, address.sin_port) = (sa_family_t(AF_INET), UInt16(bigEndian: port))
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else { throw Failure(problem: "cannot connect") }
    let head = [
      "\(method) \(path) HTTP/1.1", "Host: localhost", "Connection: close", "Content-Type: \(type)",
      "Content-Length: \(body.count)",
    ]
    var rest = Data((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard sent > 0 else { throw Failure(problem: "cannot send") }
      rest = Data(rest.dropFirst(sent))
    }
    var (answer, bytes) = (Data(), [UInt8](repeating: 0, count: 65_536))
    while case let count = recv(descriptor, &bytes, bytes.count, 0), count > 0 { answer += bytes[..<count] }
    guard let end = answer.range(of: Data("\r\n\r\n".utf8)), answer.starts(with: Data("HTTP/1.1 200 ".utf8)) else {
      throw Failure(problem: String(decoding: answer, as: UTF8.self))
    }
    return Data(answer[end.upperBound...])
  }
}
