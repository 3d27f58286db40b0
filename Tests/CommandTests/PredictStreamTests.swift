import Embedded
import Foundation
import Prediction
import Support
import Testing

@Suite("predict --stream answers each line of JSON by one, and stays open whatever comes")
struct PredictStreamTests {
  private struct Answer: Decodable {
    let id: JSONValue?
    let results: [Prediction]?
    let error: String?
  }

  private static let example =
    #" Send one object a line, such as {"images": ["a.jpg", {"base64": "…"}], "classes": ["cat", "dog"]}."#

  private func answers(
    _ lines: [String], _ arguments: [String] = ["--model", "tiny-clip", "--classes", "bird,clock"], in place: Workplace
  ) throws -> [Answer] {
    let outcome = try place.cocoop(
      ["predict", "--stream"] + arguments, input: Data(lines.map { $0 + "\n" }.joined().utf8))
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    return try outcome.output.split(separator: "\n").map {
      try JSONDecoder().decode(Answer.self, from: Data($0.utf8))
    }
  }

  @Test("paths and bytes get what predict prints for the files, to the last digit")
  func numbers() throws {
    try withWorkplace { place in
      let files = ["bird/000", "clock/003"].map { Embedded.openclipart.appending(path: "images/\($0).jpg") }
      let paths = files.map { #""\#($0.path)""# }
      let bytes = try files.map { #"{"base64": "\#(try Data(contentsOf: $0).base64EncodedString())", "name": "x"}"# }
      let found = try answers(
        [
          #"{"id": 1, "images": [\#(paths.joined(separator: ", "))]}"#,
          #"{"id": "two", "images": [\#(bytes.joined(separator: ", "))], "top": 1}"#, "",
          #"{"images": [{"path": \#(paths[0])}], "classes": ["fish", "bird"]}"#,
        ], in: place)
      let model = ["predict", "--model", "tiny-clip", "--no-cache", "--json", "--classes"]
      let expected: [Prediction] = try place.cocoop(model + ["bird,clock"] + files.map(\.path)).json()
      let other: [Prediction] = try place.cocoop(model + ["fish,bird", files[0].path]).json()
      #expect(found.map(\.id) == [1, "two", nil])
      #expect(found[0].results == expected)
      #expect(found[1].results?.map(\.top) == expected.map { Array($0.top.prefix(1)) })
      #expect(found[1].results?.map(\.file) == ["x", "x"])
      #expect(found[2].results == other)
    }
  }

  @Test("what cannot be answered is told, and the next line is answered")
  func refusals() throws {
    try withWorkplace { place in
      let refused: [(line: String, error: String)] = [
        ("nonsense", "The line is not JSON." + Self.example),
        ("[]", "The request is a list, where an object was expected." + Self.example),
        (#"{"images": []}"#, "The request has no list 'images' with an image in it." + Self.example),
        (#"{"images": [3]}"#, "Image 1 is a number, where a path or an object was expected." + Self.example),
        (
          #"{"images": [{"path": "a", "base64": "b"}]}"#,
          "Image 1 must have the text 'path', or 'base64' and perhaps 'name'." + Self.example
        ),
        (
          #"{"images": [{"base64": "abcde"}]}"#,
          "The text of image 1 is no base64: it is cut off, or has too much or too little padding." + Self.example
        ),
        (
          #"{"image": ["a"]}"#,
          "The request has a field 'image', and only 'id', 'images', 'classes' and 'top' are known." + Self.example
        ),
        (#"{"images": ["a"], "top": 0}"#, "'top' must be a whole number from 1, found 0." + Self.example),
        (#"{"images": ["a"], "classes": "a,b"}"#, "'classes' must be a list of text." + Self.example),
        (
          #"{"images": ["a"], "classes": ["b", "b"]}"#,
          "The list of classes in 'classes' cannot be used: 'b' stands in it twice. "
            + "Give each class one name, and each name once."
        ),
      ]
      let good = #"{"images": ["\#(Short.photo)", "none.jpg"]}"#
      let found = try answers(refused.map(\.line) + [good], in: place)
      #expect(found.dropLast().map(\.error) == refused.map(\.error))
      let results = try #require(found.last?.results)
      #expect(results[0].top.count == 2 && results[1].error == "There is no file FOLDER/none.jpg. Check the path.")
    }
  }

  @Test("classes may come with each request alone, and a model that does not load ends it")
  func classes() throws {
    try withWorkplace { place in
      let photo = #""images": ["\#(Short.photo)"]"#
      let found = try answers(
        ["{\(photo)}", #"{\#(photo), "classes": ["bird", "clock"]}"#], ["--model", "tiny-clip"], in: place)
      #expect(found[0].error == "The request has no 'classes', and no run has any." + Self.example)
      #expect(found[1].results?.count == 1)
      let outcome = try place.cocoop("predict --stream --run none")
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix("Error: FOLDER/none is no run"))
    }
  }
}
