import Embedded
import Foundation
import Testing

@Suite("serve answers as predict does")
struct ServeTests {
  private let photos = ["bird/000", "clock/003", "fish/002"].map {
    Embedded.openclipart.appending(path: "images/\($0).jpg")
  }

  /// The tolerance of rounding, which differs between photos computed together and separately.
  private static let tolerance: Float = 1e-4

  /// The tolerance of fast answers to the same photos one by one.
  private static let fastTolerance: Float = 1e-6

  private struct Prediction: Decodable { let top: [Answer.Classification.Result.Candidate] }

  private func agree(
    _ found: [Answer.Classification.Result], _ expected: [Prediction], _ comment: Comment,
    within tolerance: Float = tolerance
  ) {
    #expect(found.count == expected.count, comment)
    for (found, expected) in zip(found, expected) {
      let top = found.top ?? []
      #expect(top.first?.class == expected.top.first?.class, comment)
      for candidate in top {
        let other = expected.top.first { $0.class == candidate.class }?.probability ?? -1
        #expect(abs(candidate.probability - other) <= tolerance, comment)
      }
    }
  }

  @Test("A photo by itself, several in a form, and base64 get the probabilities that predict prints, of both models")
  func forms() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("cocoop", output: "runs/x"))
      let names = ["bird", "clock", "fish", "a boat, at sea"]
      let paths = photos.map(\.path)
      func predicted(_ options: [String]) throws -> [Prediction] {
        try place.cocoop(["predict", "--json", "--top", "30"] + options + paths).json()
      }
      try place.write(names.joined(separator: "\n"), to: "names.txt")
      let own = try predicted(["--run", "runs/x"])
      let other = try predicted(["--run", "runs/x", "--classes-file", "names.txt"])
      let zeroShot = try predicted(["--model", "tiny-clip", "--classes-file", "names.txt"])
      let images = try photos.map { try Data(contentsOf: $0) }
      try place.serving("runs/x") { server in
        for (image, expected) in zip(images, own) {
          agree(try server.classify(image, query: "?top=30").classification().results, [expected], "raw")
        }
        let answer = try server.post(form(images, ["top": "30"]), type: "multipart/form-data; boundary=b")
        agree(try answer.classification().results, own, "form")
        for (model, expected) in [("run", other), ("zero-shot", zeroShot)] {
          let body = try JSONSerialization.data(withJSONObject: [
            "images": images.map { $0.base64EncodedString() }, "classes": names, "model": model, "top": 30,
          ])
          let answer = try server.ask("POST", "/v1/classify", body, fields: ["Content-Type: application/json"])
          agree(try answer.classification().results, expected, "json, \(model)")
        }
      }
    }
  }

  private struct Model: Decodable {
    struct Fast: Decodable {
      struct Agreement: Codable, Equatable {
        let images: Int
        let exactClasses: Int
        let top1: Double
        let meanDifference: Double
      }
      let available: Bool
      let agreement: Agreement?
      let reason: String?
    }
    let fast: Fast
  }

  private func form(_ images: [Data], _ fields: [String: String]) -> Data {
    var form = Data()
    for image in images {
      form += Data("--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x.jpg\"\r\n\r\n".utf8) + image
      form += Data("\r\n".utf8)
    }
    for (name, value) in fields {
      form += Data("--b\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n".utf8)
    }
    return form + Data("--b--\r\n".utf8)
  }

  @Test("mode=fast answers as predict --fast does, by itself or in a form or base64; each class list is prepared once")
  func fast() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("cocoop", output: "runs/x"))
      let names = ["bird", "clock", "fish", "boat", "cat", "dog", "house"]
      func predicted(_ options: [String]) throws -> [Prediction] {
        // Computed separately, since rounding differs between photos computed together and separately.
        try photos.flatMap { photo -> [Prediction] in
          try place.cocoop(["predict", "--run", "runs/x", "--json", "--top", "30", photo.path] + options).json()
        }
      }
      let exact = try predicted([])
      let own = try predicted(["--fast"])
      let other = try predicted(["--fast", "--classes", names.joined(separator: ",")])
      let images = try photos.map { try Data(contentsOf: $0) }
      try place.serving("runs/x", ["--batch-size", "1", "--image-memory", "0"]) { server in
        func check(_ answer: Answer, _ expected: [Prediction], mode: String = "fast", _ comment: Comment) throws {
          let answer = try answer.classification()
          #expect(answer.mode == mode, comment)
          agree(answer.results, expected, comment, within: Self.fastTolerance)
        }
        for (index, image) in images.enumerated() {
          try check(server.classify(image, query: "?top=30&mode=fast"), [own[index]], "raw")
          try check(server.classify(image, query: "?top=30"), [exact[index]], mode: "exact", "raw, exact")
        }
        let fields = ["top": "30", "mode": "fast", "classes": names.joined(separator: ",")]
        try check(server.post(form(images, fields), type: "multipart/form-data; boundary=b"), other, "form")
        for (mode, expected) in [("fast", own), ("exact", exact)] {
          let body = try JSONSerialization.data(withJSONObject: [
            "images": images.map { $0.base64EncodedString() }, "top": 30, "mode": mode,
          ])
          // The body overrides the query.
          let query = "?mode=\(mode == "fast" ? "exact" : "fast")"
          try check(server.post(body, type: "application/json", query: query), expected, mode: mode, "json, \(mode)")
        }
        let zeroShot = try server.classify(images[0], query: "?mode=fast&model=zero-shot").classification()
        #expect(zeroShot.model == "zero-shot" && zeroShot.mode == "exact")
        let text = try server.ask("GET", "/metrics").text
        for line in [
          "cocoop_expansions_total 2", "cocoop_images_total{mode=\"fast\"} 9", "cocoop_images_total{mode=\"exact\"} 7",
          // The run's list exactly and fast, the other list likewise, and zero-shot CLIP's.
          "cocoop_class_lists 5",
        ] {
          #expect(text.contains(line + "\n"), "\(line) in \(text)")
        }
        let fast = try JSONDecoder().decode(Model.self, from: server.ask("GET", "/v1/model").body).fast
        struct Kept: Decodable { let agreement: Model.Fast.Agreement }
        let kept = try JSONDecoder().decode(Kept.self, from: Data(contentsOf: place.file("runs/x/fast.json")))
        #expect(fast.available && fast.agreement == kept.agreement && fast.reason == nil)
      }
    }
  }

  @Test("While a list is prepared others are answered, and who has waited too long is told when to come back")
  func preparing() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("cocoop", output: "runs/x"))
      let photo = try Data(contentsOf: photos[0])
      let names = (0..<1000).map { "class number \($0)" }.joined(separator: ",")
      let fields = ["mode": "fast", "classes": names]
      try place.serving("runs/x", ["--patience", "1"]) { server in
        let connection = try server.connect()
        try connection.send(
          "POST", "/v1/classify", form([photo], fields), fields: ["Content-Type: multipart/form-data; boundary=b"])
        try server.eventually("the photo waits for its list") { try $0.metric("cocoop_queue_images") == 1 }
        let beside = try server.classify(photo)
        #expect(beside.status == 200)
        let first = try connection.answer()
        #expect(first.status == 503, "\(first.text)")
        #expect(try first.refusal().code == "preparing")
        #expect((Int(first.fields["retry-after"] ?? "") ?? 0) >= 1)
        var answer = first
        try server.eventually(within: 110, "the list becomes ready") {
          answer = try $0.post(form([photo], fields), type: "multipart/form-data; boundary=b")
          return answer.status == 200
        }
        #expect(try answer.classification().mode == "fast")
        #expect(try server.ask("GET", "/metrics").text.contains("cocoop_expansions_total 1\n"))
      }
    }
  }

  @Test("A run that cannot answer fast says why, as predict --fast does, and nothing of where it lies")
  func noFastAnswers() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("cocoop", output: "runs/a"))
      try place.cocoop(Short.train("coop", output: "runs/b"))
      let photo = try Data(contentsOf: photos[0])
      func refusal(_ run: String) throws -> String {
        var message = ""
        try place.serving(run) { server in
          let answer = try server.classify(photo, query: "?mode=fast")
          #expect(answer.status == 422)
          #expect(try answer.refusal().code == "mode_unavailable")
          message = try answer.refusal().message
          let fast = try JSONDecoder().decode(Model.self, from: server.ask("GET", "/v1/model").body).fast
          let reason = try #require(fast.reason)
          #expect(!fast.available && fast.agreement == nil && message.contains(reason))
          #expect(try server.classify(photo).classification().mode == "exact")
        }
        return message
      }
      #expect(
        try refusal("runs/b")
          == "'mode' cannot be fast with this run: it is no run of CoCoOp's. Leave it out for the exact answer.")
      let kept = try String(decoding: Data(contentsOf: place.file("runs/a/fast.json")), as: UTF8.self)
      let top1 = try #require(kept.firstMatch(of: /"top1" : [0-9.]+/))
      try place.write(Data(kept.replacing(top1.output, with: "\"top1\" : 90").utf8), to: "runs/a/fast.json")
      #expect(try refusal("runs/a").contains("on held-out images it agreed in 90.0 % (98 or more are asked for)"))
      try FileManager.default.removeItem(at: place.file("runs/a/fast.json"))
      #expect(try refusal("runs/a").contains("no photo was left to measure it on when the run was made"))
    }
  }

  private struct Examples: Decodable {
    struct Example: Decodable {
      let `class`: String
      let image: Data
    }
    let examples: [Example]
  }

  @Test("A run whose test photos are not at hand has no examples, and whoever serves can withhold them")
  func withoutExamples() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      for name in ["a/1", "a/2", "b/1", "b/2"] {
        try place.write(Data(contentsOf: URL(filePath: Short.photo)), to: "photos/\(name).jpg")
      }
      try place.cocoop(["train", "--method", "zero-shot", "--data", "photos", "--output", "runs/moved", "--quiet"])
      try FileManager.default.removeItem(at: place.file("photos"))
      for (run, options) in [("runs/x", ["--no-examples"]), ("runs/moved", [])] {
        try place.serving(run, ["--quiet"] + options) { server in
          let text = try server.ask("GET", "/v1/examples").text
          #expect(text == #"{"examples":[]}"#)
        }
      }
    }
  }

  @Test("What the page names is there, and so is nothing of the host")
  func page() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      try place.serving("runs/x", ["--quiet"]) { server in
        let page = try server.ask("GET", "/")
        #expect(page.fields["content-security-policy"]?.contains("unsafe") == false)
        #expect(page.fields["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
        let script = try server.ask("GET", "/page.js").text
        let named = (page.text + script).matches(of: /"\.?(\/[a-z]+\.(?:css|js|svg|json))"/).map { String($0.1) }
        #expect(Set(named).count >= 6)
        for path in named { #expect(try server.ask("GET", path).status == 200, "\(path)") }
        let examples = try JSONDecoder().decode(Examples.self, from: server.ask("GET", "/v1/examples").body).examples
        #expect(examples.count == 12 && examples.first?.class == "arrow", "of the run's own test photos")
        #expect(examples.allSatisfy { $0.image.starts(with: [0xFF, 0xD8, 0xFF]) })
        let tag = try #require(page.fields["etag"])
        #expect(try server.ask("GET", "/", fields: ["If-None-Match: \(tag)"]).status == 304)
        for path in ["/../etc/passwd", "//etc/passwd", "/%2e%2e/etc/passwd", "/examples/../page.js", "/page/x", "*"] {
          #expect(try server.ask("GET", path).status == 404, "\(path)")
        }
        #expect(try JSONSerialization.jsonObject(with: server.ask("GET", "/openapi.json").body) is [String: Any])
        let counted = "cocoop_requests_total{route=\"/\",method=\"GET\",status=\"304\"} 1\n"
        #expect(try server.ask("GET", "/metrics").text.contains(counted))
      }
    }
  }
}
