import CocoopServer
import Foundation
import HTTPTypes
import Prediction
import Testing

@Suite("A request is read in every form, and refused with what it should have looked like")
struct ClassifyRequestTests {
  private func read(
    _ body: String, type: String? = "application/json", query: String? = nil, runClasses: [String] = ["bird"]
  ) throws -> ClassifyRequest {
    try ClassifyRequest(
      Data(body.utf8), contentType: type, query: query, runClasses: runClasses, limits: .init())
  }

  private func form(_ fields: [(String, String)]) -> String {
    fields.map { "--b\r\nContent-Disposition: form-data; name=\"\($0.0)\"\r\n\r\n\($0.1)\r\n" }.joined() + "--b--\r\n"
  }

  private static let formType = "multipart/form-data; boundary=b"

  private func message(_ body: String, type: String? = "application/json", query: String? = nil) -> String {
    do {
      _ = try read(body, type: type, query: query)
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test("The body's options count before the query's, and the run's classes stand for none")
  func options() throws {
    let json = try read(#"{"images": ["AQ=="], "top": 3}"#, query: "top=2&classes=a,b")
    #expect(json.images == [Data([1])])
    #expect(json.top == 3)
    #expect(json.classNames == ["a", "b"])
    let form = try read(form([("image", "x"), ("image", "y"), ("top", "2")]), type: Self.formType)
    #expect(form.images == [Data("x".utf8), Data("y".utf8)])
    #expect(form.classNames == ["bird"])
    #expect(try read("x", type: "image/jpg").images == [Data("x".utf8)])
    #expect(try read("x", type: "IMAGE/PNG; q=1", query: "classes=%F0%9F%A6%84").classNames == ["🦄"])
  }

  @Test("A list of classes in JSON is read as such where text is sent")
  func listInText() throws {
    let body = form([("image", "x"), ("classes", #" ["dog, asleep", "cat"]"#)])
    #expect(try read(body, type: Self.formType).classNames == ["dog, asleep", "cat"])
    #expect(message(form([("image", "x"), ("classes", "[dog,cat]")]), type: Self.formType).contains("such as cat,dog"))
  }

  private static let json =
    #" Send an object such as {"images": ["/9j/4AAQ…"], "classes": ["cat", "dog"], "top": 3}: images is a list of "#
    + "photos in base64; classes (a list of text), top (a whole number), model and mode (text) may be left out."
  private static let form =
    " Send photos as fields 'image', and classes, top, model and mode as text, such as -F image=@photo.jpg "
    + "-F classes=cat,dog -F top=3."

  @Test(
    "JSON that cannot be used is refused with the type that is expected and an example",
    arguments: [
      (#"{"image": "AQ=="}"#, "There is no field 'image'."),
      (#"{"images": "AQ=="}"#, "'images' cannot be used: it must be a list of photos in base64, found text."),
      (#"{"images": null}"#, "'images' cannot be used: it must be a list of photos in base64, found null."),
      (#"{"images": ["AQ==", 3]}"#, "'images' cannot be used: entry 2 must be text."),
      (#"{"images": ["AQ=="], "classes": "a,b"}"#, "'classes' cannot be used: it must be a list of text, found text."),
      (#"{"images": ["AQ=="], "classes": null}"#, "'classes' cannot be used: it must be a list of text, found null."),
      (
        #"{"images": ["AQ=="], "classes": {}}"#, "'classes' cannot be used: it must be a list of text, found an object."
      ),
      (#"{"images": ["AQ=="], "top": "3"}"#, "'top' cannot be used: it must be a whole number, found text."),
      (#"{"images": ["AQ=="], "top": 3.5}"#, "'top' cannot be used: it must be a whole number."),
      (#"{"images": ["AQ=="], "model": true}"#, "'model' cannot be used: it must be text, found true or false."),
      (#"{"images": []}"#, "There is no image in the request."),
      ("{}", "There is no image in the request."),
      ("[1]", "The body is JSON, but a list and no object."),
      ("\"x\"", "The body is JSON, but text and no object."),
      ("{", "The body is not JSON."),
    ])
  func jsonErrors(body: String, problem: String) {
    #expect(message(body) == problem + Self.json)
  }

  @Test(
    "A form that cannot be used is refused with the fields that are read and an example",
    arguments: [
      ([("file", "\u{0}x")], "There is no field 'file'."), ([("images", "x")], "There is no field 'images'."),
      ([("classes", "a")], "There is no image in the request."),
      ([("image", "x"), ("top", "many")], "'top' cannot be used: it must be a whole number, found 'many'."),
    ])
  func formErrors(fields: [(String, String)], problem: String) {
    #expect(message(form(fields), type: Self.formType) == problem + Self.form)
  }

  @Test("A list that is sent twice, an option that is not known, and a type that is not read, each with what to do")
  func otherErrors() {
    let twice = form([("image", "x"), ("classes", "a"), ("classes", "b")])
    #expect(
      message(twice, type: Self.formType)
        == "'classes' cannot be used: it was sent twice. Put all names into one field, with commas between them.")
    #expect(
      message("x", type: "image/jpeg", query: "color=red")
        == "There is no option 'color'. Classes, top, model and mode are read, such as ?classes=cat,dog&top=3.")
    #expect(message("x", type: "image/jpeg", query: "mode=quick").contains("must be exact or fast, found 'quick'"))
    #expect(message("x", type: nil).contains("type unknown is not read. Send a photo as image/jpeg"))
    #expect(message("x", type: "application/x-www-form-urlencoded").contains("-H 'Content-Type: image/jpeg'"))
    let many = "[" + [String](repeating: "\"AQ==\"", count: 33).joined(separator: ",") + "]"
    #expect(message("{\"images\": \(many)}").hasPrefix("33 images were sent, and at most 32 are taken at once."))
  }

  /// A text with a short description.
  struct Example: CustomTestStringConvertible, Sendable {
    let text: String
    let testDescription: String

    init(_ text: String, _ description: String) {
      self.text = text
      testDescription = description
    }
  }

  @Test(
    "Base64 is read as browsers, MIME and URLs write it",
    arguments: [
      .init("+/8=", "plain"), .init("+/8", "without padding"), .init("-_8=", "URL-safe"),
      .init("-_8", "URL-safe, without padding"),
      .init("+/\r\n8=\r\n", "in lines"), .init(" +\t/8= ", "with spaces"),
      .init("data:image/jpeg;base64,+/8=", "a data URL"),
      .init("DATA:;charset=x;BASE64,-_8", "a data URL in capitals, without padding"),
    ] as [Example])
  func base64(example: Example) throws {
    #expect(try Base64.bytes(example.text) == Data([0xFB, 0xFF]))
  }

  @Test(
    "What is no base64 is refused with what is wrong with it",
    arguments: [
      ("!", "is no base64: it is cut off, or has too much or too little padding"),
      ("ab!d", "is no base64: it has a byte 0x21"),
      ("+/8==", "is no base64: it is cut off, or has too much or too little padding"),
      ("+/=8", "is no base64: it continues after its padding"),
      ("data:image/jpeg,xyz", "is a data URL without ';base64,'"),
      ("https://example.org/a.jpg", "is a URL, and nothing is fetched from elsewhere"),
    ])
  func noBase64(text: String, problem: String) {
    #expect(throws: Base64.Fault(text: problem)) { try Base64.bytes(text) }
    #expect(
      message("{\"images\": [\"\(text)\"]}").hasPrefix("'images' cannot be used: entry 1 \(problem). Send the bytes"))
  }

  @Test("All bytes survive every way of writing them")
  func roundTrip() throws {
    for count in 0..<70 {
      let data = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) })
      let plain = data.base64EncodedString()
      let lines = data.base64EncodedString(options: [.lineLength64Characters, .endLineWithCarriageReturn])
      let safe = plain.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
      for text in [plain, lines, safe, "data:image/png;base64," + plain] {
        #expect(try Base64.bytes(text) == data, "\(count) bytes")
      }
    }
  }
}

@Suite("Only pages of allowed origins may read answers")
struct AllowedOriginsTests {
  @Test("An origin is taken as browsers send it")
  func normalized() throws {
    let origins = try AllowedOrigins(["HTTPS://Example.org:443", "http://localhost:3000", "capacitor://localhost"])
    for origin in ["https://example.org", "http://localhost:3000", "capacitor://localhost"] {
      let fields = origins.fields(for: origin)
      #expect(fields[.accessControlAllowOrigin] == origin)
      #expect(fields[.vary] == "Origin")
    }
    for origin in ["http://example.org", "https://example.org.evil.org", "null", "http://localhost", nil] {
      #expect(origins.fields(for: origin)[.accessControlAllowOrigin] == nil, "\(origin ?? "none")")
      #expect(origins.fields(for: origin)[.vary] == "Origin")
      #expect(throws: APIError.origin) { try origins.preflightFields(methods: ["GET"], origin: origin) }
    }
    #expect(try AllowedOrigins(["*"]).fields(for: "null")[.accessControlAllowOrigin] == "*")
    #expect(AllowedOrigins.none.fields(for: "https://example.org").isEmpty)
  }

  @Test(
    "What is no origin is refused with the reason",
    arguments: [
      ("example.org", "it has no scheme"), ("https://example.org/", "it ends in a slash, which browsers don't send"),
      ("https://example.org/x", "it is no scheme, host and perhaps port"), ("https://*.org", "a star stands alone"),
      ("http://x:0", "its port is none from 1 to 65535"), ("http://x:99999", "its port is none from 1 to 65535"),
      ("null", "any page in a sandbox sends it, whoever made it"), ("", "it has no scheme"),
    ])
  func refused(text: String, problem: String) {
    #expect(throws: ServerError.origin(found: text, problem: problem)) { try AllowedOrigins([text]) }
  }
}

@Suite("A log line is written whole")
struct LogTests {
  @Test("A line that is longer than a pipe takes at once arrives to its end")
  func longLine() throws {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let (reader, writer) = (ends[0], ends[1])
    let line = String(repeating: "0123456789", count: 100_000) + "\n"
    Thread.detachNewThread {
      StderrLogHandler.write(line, to: writer)
      close(writer)
    }
    let found = FileHandle(fileDescriptor: reader, closeOnDealloc: true).readDataToEndOfFile()
    #expect(found == Data(line.utf8))
  }

  @Test("A line for nobody is lost, and nothing else")
  func noReader() throws {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    close(ends[0])
    StderrLogHandler.write("line\n", to: ends[1])
    close(ends[1])
    StderrLogHandler.write("line\n", to: ends[1])
  }
}
