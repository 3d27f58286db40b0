import Embedded
import Foundation
import Prediction
import Support
import Testing

@Suite("A run finds its model and its data from any folder, and after they were moved together")
struct PlaceTests {
  /// Trains in `work` with relative paths.
  private func train(in place: Workplace) throws {
    let images = Embedded.openclipart.appending(path: "images")
    for part in ["train", "test"] {
      for name in ["bird", "clock"] {
        let folder = place.file("work/data/x/\(part)/\(name)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for number in 0..<3 {
          let photo = "\(name)/00\(number).jpg"
          try FileManager.default.copyItem(
            at: images.appending(path: photo), to: folder.appending(path: "\(number).jpg"))
        }
      }
    }
    try FileManager.default.copyItem(at: Embedded.tinyCLIP, to: place.file("work/mymodel"))
    let trained = try Workplace(url: place.file("work")).cocoop([
      "train", "--model", "mymodel", "--data", "data/x", "--method", "zero-shot", "--classes", "all", "--shots", "1",
      "--output", "runs/r", "--quiet",
    ])
    #expect(trained.status == 0 && trained.errors.isEmpty)
  }

  private func accuracy(_ arguments: [String], in place: Workplace) throws -> Double? {
    struct Figures: Decodable { let accuracy: Double }
    let outcome = try place.cocoop(["evaluate", "--json", "--quiet"] + arguments)
    return try? outcome.json(Figures.self).accuracy
  }

  @Test("from another folder, moved together, moved apart")
  func moved() throws {
    try withWorkplace { place in
      try train(in: place)
      let expected = try #require(try accuracy(["--run", "runs/r"], in: Workplace(url: place.file("work"))))
      #expect(try accuracy(["--run", "work/runs/r"], in: place) == expected)

      try FileManager.default.moveItem(at: place.file("work"), to: place.file("elsewhere"))
      #expect(try accuracy(["--run", "elsewhere/runs/r"], in: place) == expected)

      try FileManager.default.moveItem(at: place.file("elsewhere/data"), to: place.file("elsewhere/d"))
      let lost = try place.cocoop(["evaluate", "--run", "elsewhere/runs/r"])
      #expect(
        lost.status == 1
          && lost.errors
            == "Error: The run's data was at FOLDER/work/data/x, and nothing is there. Give --data with its place.\n"
      )
      #expect(try accuracy(["--run", "elsewhere/runs/r", "--data", "elsewhere/d/x"], in: place) == expected)

      try FileManager.default.moveItem(at: place.file("elsewhere/mymodel"), to: place.file("m"))
      let modelLost = try place.cocoop(["predict", "--run", "elsewhere/runs/r", Short.photo])
      #expect(
        modelLost.errors
          == "Error: The run's model was at FOLDER/work/mymodel, and nothing is there. Give --model with its place.\n")
      #expect(
        try accuracy(["--run", "elsewhere/runs/r", "--model", "m", "--data", "elsewhere/d/x"], in: place) == expected)
    }
  }

  @Test("a record of before this was kept is read, and an older reader reads what is kept now")
  func older() throws {
    try withWorkplace { place in
      try train(in: place)
      let file = place.file("work/runs/r/run.json")
      var record = try #require(
        try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
      #expect(record["version"] as? Int == 1)
      let places = try #require(record.removeValue(forKey: "places") as? [String: String])
      #expect(
        places["workingFolder"] == place.file("work").path && places["runFolder"] == place.file("work/runs/r").path)
      try JSONSerialization.data(withJSONObject: record).write(to: file)
      #expect(try accuracy(["--run", "runs/r"], in: Workplace(url: place.file("work"))) != nil)
      #expect(
        try place.cocoop(["evaluate", "--run", "work/runs/r"]).errors
          == "Error: The run's model was at mymodel, and nothing is there. Give --model with its place.\n")
    }
  }

  @Test("--resume takes the same data by another path to it")
  func resumed() throws {
    try withWorkplace { place in
      try train(in: place)
      let again = [
        "train", "--model", "work/mymodel", "--data", "work/data/x", "--method", "zero-shot", "--classes", "all",
        "--shots", "1", "--output", "work/runs/r", "--quiet", "--resume",
      ]
      #expect(try place.cocoop(again).status == 0)
    }
  }

  @Test("an argument that is written in another Unicode form on disk is found, and told")
  func otherForm() throws {
    try withWorkplace { place in
      let name = "Fotos für KI"
      try place.write(
        Data(contentsOf: URL(filePath: Short.photo)), to: name.decomposedStringWithCanonicalMapping + "/é.jpg")
      let asked = ["predict", "--model", "tiny-clip", "--classes", "a,b", "--format", "csv"]
      let outcome = try place.cocoop(asked + [name.precomposedStringWithCanonicalMapping])
      #expect(outcome.status == 0 && outcome.output.contains("é.jpg,1,"))
      #expect(
        outcome.errors == "note: \(name) is written in another Unicode form on disk, and was found all the same.\n")
    }
  }

  #if os(Linux)
    @Test("names that are no UTF-8 are predicted, from a folder, a pattern, a list and as an argument")
    func bytes() throws {
      try withWorkplace { place in
        let (photo, folder) = (try Data(contentsOf: URL(filePath: Short.photo)), place.file("p"))
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let names = [Array("a.jpg".utf8), Array("caf".utf8) + [0xE9] + Array(".jpg".utf8), Array("z.jpg".utf8)]
        for name in names {
          let path = folder.path + "/" + FileName.spelling(of: name)
          let descriptor = FileSystem.withSystemPath(path) { open($0, O_WRONLY | O_CREAT, 0o644) }
          defer { close(descriptor) }
          #expect(photo.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) } == photo.count)
        }
        let asked = ["predict", "--model", "tiny-clip", "--classes", "a,b", "--top", "1", "--format", "jsonl"]
        let list = names.reduce(into: Data()) { $0 += Data("p/".utf8) + Data($1) + Data([0]) }
        let expected = ["p/a.jpg", #"p/caf\xe9.jpg"#, "p/z.jpg"]
        let cases: [(arguments: [String], input: Data)] = [
          (["p"], Data()), (["p/*.jpg"], Data()), (["--null", "-"], list), (expected, Data()),
        ]
        for (arguments, input) in cases {
          let outcome = try place.cocoop(asked + arguments, input: input)
          let files = try outcome.output.split(separator: "\n").map {
            try JSONDecoder().decode(Prediction.self, from: Data($0.utf8)).file
          }
          #expect(outcome.status == 0 && files == expected, "\(arguments)")
        }
      }
    }
  #endif
}
