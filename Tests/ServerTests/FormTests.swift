import CocoopServer
import Foundation
import Testing
import TestSupport

@Suite("Requests are read strictly")
struct FormTests {
  private let type = ContentType("multipart/form-data; boundary=AaB")

  private func fields(_ text: String) throws -> [String: Data] {
    let form = try MultipartForm(Data(text.utf8), contentType: try #require(type))
    return Dictionary(form.fields.map { ($0.name, $0.content) }) { first, _ in first }
  }

  @Test("A form's fields come out byte for byte, whatever line breaks are in them")
  func fields() throws {
    let text =
      "--AaB\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a;b\\\"c.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
      + "\r\n--Aa\u{0}\r\n\r\n--AaB\r\ncontent-disposition:form-data;name=top\r\n\r\n3\r\n--AaB--\r\n"
    let found = try fields(text)
    #expect(found == ["image": Data("\r\n--Aa\u{0}\r\n".utf8), "top": Data("3".utf8)])
  }

  /// A damaged form with a short description.
  struct Damage: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let text: String

    init(_ description: String, _ lines: String...) {
      testDescription = description
      text = lines.joined(separator: "\r\n")
    }
  }

  private static let disposition = "Content-Disposition: form-data; name=a"

  @Test(
    "A form that two readers could take in two ways is refused",
    arguments: [
      Damage("nothing"), Damage("a boundary alone", "--AaB"), Damage("a boundary and a line break", "--AaB", ""),
      Damage("a preamble", "preamble", "--AaB--"), Damage("no header", "--AaB", "", "x", "--AaB--"),
      Damage("no end", "--AaB", disposition, "", "x"),
      Damage("two names", "--AaB", disposition, "Content-Disposition: form-data; name=b", "", "x", "--AaB--"),
      Damage("two names in a line", "--AaB", disposition + "; name=b", "", "x", "--AaB--"),
      Damage("an attachment", "--AaB", "Content-Disposition: attachment; name=a", "", "x", "--AaB--"),
      Damage("a transfer encoding", "--AaB", disposition, "Content-Transfer-Encoding: base64", "", "eA==", "--AaB--"),
      Damage("more behind the end", "--AaB", disposition, "", "x", "--AaB--", "more"),
    ])
  func refusals(damage: Damage) {
    #expect(throws: APIError.self) { try fields(damage.text) }
  }

  @Test("A transfer encoding that leaves the bytes as they are is taken", arguments: ["binary", "8bit", "7BIT"])
  func identities(encoding: String) throws {
    let text = "--AaB\r\n\(Self.disposition)\r\nContent-Transfer-Encoding: \(encoding)\r\n\r\nx\r\n--AaB--"
    #expect(try fields(text) == ["a": Data("x".utf8)])
  }

  @Test("No damage of a form does more than have it refused")
  func damage() throws {
    let parts = ["image\"; filename=\"x\"\r\n\r\nabc", "top\"\r\n\r\n3"]
    let good = Array(
      (parts.map { "--AaB\r\nContent-Disposition: form-data; name=\"\($0)\r\n" }.joined() + "--AaB--\r\n").utf8)
    var mutate = Mutation(seed: 7, pieces: ["\r\n", "--AaB", "--", "\"", ";", "name=", ":", "\u{0}"])
    let type = try #require(type)
    var accepted = 0
    for _ in 0..<5_000 {
      do {
        let form = try MultipartForm(Data(mutate(good)), contentType: type)
        accepted += 1
        #expect(form.fields.reduce(0) { $0 + $1.content.count } <= good.count + 64)
      } catch is APIError {}
    }
    #expect(accepted > 0)
  }

  @Test("A header's parameters are read by RFC 9110, and one that stands there twice is refused")
  func contentTypes() {
    #expect(ContentType("Text/Plain")?.essence == "text/plain")
    #expect(ContentType("a/b; c=\"d;\\\"e\" ; F=g")?.parameters == ["c": "d;\"e", "f": "g"])
    for text in ["", ";", "a/b; c", "a/b; c=\"d", "a/b; c=1; C=2", "a/b; c=\"d\"e", "a/b; =x"] {
      #expect(ContentType(text) == nil, "\(text)")
    }
  }

  @Test("A query is decoded as forms encode it, and damaged escapes are refused")
  func queries() throws {
    let pairs = try QueryParameters("classes=a+b%2Cc%C3%A9&top=3&x").pairs
    #expect(pairs.map(\.name) == ["classes", "top", "x"])
    #expect(pairs.map(\.value) == ["a b,cé", "3", ""])
    for text in ["a=%", "a=%2", "a=%zz", "a=%+1", "a=%ff"] {
      #expect(throws: APIError.self, "\(text)") { try QueryParameters(text) }
    }
  }
}
