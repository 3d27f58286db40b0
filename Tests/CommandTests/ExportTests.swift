import Embedded
import Foundation
import TestSupport
import Testing

@Suite("Export writes a model for other runtimes whole, or not at all")
struct ExportTests {
  private struct Summary: Decodable {
    let method, model, precision: String
    let classes, operatorSet: Int
    let operators, files: [String: Int]
  }

  private static let zeroShot = ["export", "--model", "tiny-clip", "--classes", "bird,hot dog", "--output", "out"]
  private static let files = ["labels.txt", "model.onnx", "preprocessing.json"]

  @Test("zero-shot CLIP with its labels and the preparation of its pixels")
  func zeroShot() throws {
    try withWorkplace { place in
      let outcome = try place.cocoop(Self.zeroShot + ["--json"])
      #expect(outcome.status == 0 && outcome.errors.isEmpty)
      let summary: Summary = try outcome.json()
      #expect(summary.method == "zero-shot" && summary.model == "tiny-clip" && summary.precision == "float32")
      #expect(summary.classes == 2 && summary.operatorSet == 17 && summary.operators["Conv"] == 49)
      #expect(place.contents == ["out"] + Self.files.map { "out/\($0)" })
      #expect(try String(contentsOf: place.file("out/labels.txt"), encoding: .utf8) == "bird\nhot dog\n")
      #expect(try place.bytes("out/model.onnx").count == summary.files["model.onnx"])
      let preparation = try String(contentsOf: place.file("out/preprocessing.json"), encoding: .utf8)
      #expect(
        preparation.split(separator: "\n").filter { !$0.contains("scale") }.map {
          $0.trimmingPrefix(while: { $0 == " " })
        }
        .filter { $0.contains(":") && !$0.hasSuffix("[") } == [
          #""colours" : "RGB","#, #""crop" : "center","#, #""input" : "pixels","#, #""interpolation" : "bicubic","#,
          #""layout" : "NCHW","#, #""orientation" : "exif","#, #""resize" : "shortest","#, #""size" : 224,"#,
        ])
    }
  }

  @Test("half as large in 16 bits, and with weights apart where that is asked for")
  func forms() throws {
    try withWorkplace { place in
      let whole: Summary = try place.cocoop(Self.zeroShot + ["--json"]).json()
      let half: Summary = try place.cocoop(Self.zeroShot + ["--json", "--force", "--precision", "float16"]).json()
      let sizes = try [whole, half].map { try #require($0.files["model.onnx"]) }
      #expect(Double(sizes[1]) / Double(sizes[0]) < 0.52)
      let apart = try place.cocoop(Self.zeroShot + ["--force", "--external-data"])
      #expect(apart.output.hasPrefix("out holds zero-shot for 2 classes as onnx, operator set 17, float32, "))
      #expect(place.contents == ["out"] + (Self.files + ["model.onnx.data"]).sorted().map { "out/\($0)" })
      // What an earlier export left is gone.
      try place.cocoop(Self.zeroShot + ["--force"])
      #expect(place.contents == ["out"] + Self.files.map { "out/\($0)" })
    }
  }

  @Test("a run with its own classes or with others")
  func run() throws {
    try withWorkplace { place in
      try place.cocoop(Short.train("cocoop", output: "run"))
      let own: Summary = try place.cocoop("export --run run --output own --json --quiet").json()
      #expect(own.method == "cocoop" && own.classes == 14 && own.operators["LayerNormalization"] == 7)
      let others = try place.cocoop("export --run run --output deep/others --classes cat,dog --json --quiet")
      #expect(try others.json(Summary.self).classes == 2)
      #expect(try String(contentsOf: place.file("deep/others/labels.txt"), encoding: .utf8) == "cat\ndog\n")
    }
  }

  @Test("a linear probe knows its own classes alone")
  func probe() throws {
    try withWorkplace { place in
      try place.cocoop(
        ["train", "--method", "linear-probe", "--output", "run", "--no-test"] + [
          "--data", "openclipart", "--classes", "base", "--shots", "1", "--quiet",
        ])
      let refused = try place.cocoop("export --run run --output out --classes cat,dog")
      #expect(refused.status == 1 && refused.output.isEmpty && !place.exists("out"))
      #expect(refused.errors.hasPrefix("Error: A linear probe knows"))
      let some: Summary = try place.cocoop("export --run run --output out --classes clock,bird --json").json()
      #expect(some.classes == 2 && some.operators["ReduceL2"] == nil)
    }
  }

  @Test("what is at the place already is left alone")
  func places() throws {
    try withWorkplace { place in
      try FileManager.default.createDirectory(at: place.file("out"), withIntermediateDirectories: true)
      #expect(try place.cocoop(Self.zeroShot).status == 0)  // an empty folder is nobody's
      let again = try place.cocoop(Self.zeroShot)
      #expect(again.status == 1)
      #expect(
        again.errors
          == "Error: There is something at FOLDER/out already. "
          + "Choose another --output, or replace an export with --force.\n")
      try place.write("mine", to: "out/notes.txt")
      let foreign = try place.cocoop(Self.zeroShot + ["--force"])
      #expect(foreign.status == 1)
      #expect(
        foreign.errors
          == "Error: FOLDER/out holds more than an export, and is not replaced. Choose another --output.\n")
      #expect(place.exists("out/notes.txt") && place.exists("out/model.onnx"))
      try place.write("a file", to: "file")
      for output in ["file", "file/out", "/proc/out"] {
        let refused = try place.cocoop(Self.zeroShot.dropLast() + [output])
        #expect(refused.status == 1 && refused.errors.split(separator: "\n").count == 1, "\(output)")
        #expect(refused.errors.hasPrefix("Error: ") && refused.output.isEmpty, "\(output): \(refused.errors)")
      }
    }
  }

  @Test("a run whose model has moved is refused with its place")
  func movedModel() throws {
    try withWorkplace { place in
      try FileManager.default.copyItem(at: Embedded.tinyCLIP, to: place.file("model"))
      try place.cocoop(
        ["train", "--method", "zero-shot", "--model", "model", "--output", "run", "--no-test", "--data", "openclipart"])
      try FileManager.default.moveItem(at: place.file("model"), to: place.file("elsewhere"))
      let refused = try place.cocoop("export --run run --output out")
      #expect(refused.status == 1 && !place.exists("out"))
      #expect(refused.errors.contains("FOLDER/model") && refused.errors.split(separator: "\n").count == 1)
      #expect(try place.cocoop("export --run run --model elsewhere --output out").status == 0)
    }
  }

  #if os(Linux)
    @Test("a full disk leaves nothing", .enabled(if: TemporaryDisk.isAvailable))
    func fullDisk() throws {
      try withWorkplace { place in
        try TemporaryDisk.mounted(at: place.file("disk"), size: "4m") { disk in
          let refused = try place.cocoop(Self.zeroShot.dropLast() + ["disk/deep/out"])
          #expect(refused.status == 1)
          #expect(
            refused.errors
              == "Error: Cannot write FOLDER/disk/deep/out/model.onnx: No space left on device. "
              + "Choose a folder that exists, is writable and has room.\n")
          #expect(try FileManager.default.contentsOfDirectory(atPath: disk.url.path).isEmpty)
        }
      }
    }
  #endif

  @Test(
    "a wrong command line is a usage error",
    arguments: [
      "export --output out", "export --model tiny-clip --output out", "export --model tiny-clip --classes a",
      "export --model tiny-clip --classes a --output out --format coreml",
      "export --model tiny-clip --classes a --output out --precision float8",
      "export --run run --template {} --output out",
    ])
  func usage(line: String) throws {
    try withWorkplace { place in
      let outcome = try place.cocoop(line)
      #expect(outcome.status == 64 && outcome.output.isEmpty && place.contents.isEmpty)
    }
  }
}
