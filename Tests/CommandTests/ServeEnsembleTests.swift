import Embedded
import Foundation
import Testing
import Torch

@Suite("serve calls an ensemble by its name")
struct ServeEnsembleTests {
  private struct Model: Decodable {
    struct Run: Decodable { let method: String }
    let run: Run
    let precision: String?
  }

  @Test(
    "/v1/model, every answer and the run's record have the same method",
    arguments: ["zero-shot", "zero-shot-ensemble"])
  func method(name: String) throws {
    try withWorkplace { place in
      try place.cocoop("train --method \(name) --data openclipart --shots 1 --output runs/x --quiet")
      let record = try Data(contentsOf: place.file("runs/x/run.json"))
      #expect(String(decoding: record, as: UTF8.self).contains("\"\(name)\""))
      let photo = try Data(contentsOf: Embedded.openclipart.appending(path: "images/bird/000.jpg"))
      try place.serving("runs/x") { server in
        let model = try JSONDecoder().decode(Model.self, from: server.ask("GET", "/v1/model").body)
        #expect(model.run.method == name && model.precision == "float32")
        let answer = try JSONDecoder().decode(Model.self, from: server.classify(photo).body)
        #expect(answer.run.method == name)
      }
      guard Precision.bfloat16.isAvailable else { return }
      try place.serving("runs/x", ["--precision", "bfloat16"]) { server in
        let model = try JSONDecoder().decode(Model.self, from: server.ask("GET", "/v1/model").body)
        #expect(model.precision == "bfloat16")
      }
    }
  }
}
