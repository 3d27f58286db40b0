import Embedded
import Foundation
import Testing

@Suite("serve answers as predict does")
struct ServeTests {
  private let photos = ["bird/000", "clock/003", "fish/002"].map {
    Embedded.openclipart.appending(path: "images/\($0).jpg")
  }

  /// Rounding differs between photos computed together and alone.
  private static let tolerance: Float = 1e-4

  private struct Prediction: Decodable { let top: [Answer.Classification.Result.Candidate] }

  private func agree(
    _ found: [Answer.Classification.Result], _ expected: [Prediction], _ comment: Comment
  ) {
    #expect(found.count == expected.count, comment)
    for (found, expected) in zip(found, expected) {
      let top = found.top ?? []
      #expect(top.first?.class == expected.top.first?.class, comment)
      for candidate in top {
        let other = expected.top.first { $0.class == candidate.class }?.probability ?? -1
        #expect(abs(candidate.probability - other) < Self.tolerance, comment)
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
        var form = Data()
        for image in images {
          form += Data("--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x.jpg\"\r\n\r\n".utf8) + image
          form += Data("\r\n".utf8)
        }
        form += Data("--b\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n30\r\n--b--\r\n".utf8)
        let answer = try server.ask(
          "POST", "/v1/classify", form, fields: ["Content-Type: multipart/form-data; boundary=b"])
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

  @Test("What the page names is there, and so is nothing of the host")
  func page() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("zero-shot", output: "runs/x"))
      try place.serving("runs/x", ["--quiet"]) { server in
        let page = try server.ask("GET", "/")
        #expect(page.fields["content-security-policy"]?.contains("unsafe") == false)
        #expect(page.fields["content-security-policy"]?.hasPrefix("default-src 'none'") == true)
        let script = try server.ask("GET", "/page.js").text
        let named = (page.text + script).matches(of: /"(\/[a-z]+\.(?:css|js|svg|json))"/).map { String($0.1) }
        #expect(named.count >= 4)
        for path in named { #expect(try server.ask("GET", path).status == 200, "\(path)") }
        #expect(try server.ask("GET", "/examples/bird.jpg").fields["content-type"] == "image/jpeg")
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
