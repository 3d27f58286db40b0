import CLIP
import Foundation
import Testing
import TestSupport
import Torch

@Suite("The commands say what of a checkpoint is passed over, and take one of several models by name")
struct KeptCheckpointCommandTests {
  private static func tensors(seed scale: Float = 1) throws -> [String: Tensor] {
    try FormulaWeights.tensors(
      .init(imageSize: 32, patchSize: 16, width: 64, layers: 1, heads: 1),
      .init(tokenLimit: 77, width: 64, heads: 1, layers: 1), embeddingWidth: 64
    ).mapValues { try $0 * scale }
  }

  @Test("in one line of predict and of models inspect")
  func passedOver() throws {
    try withWorkplace { place in
      var tensors = try Self.tensors().reduce(into: [:]) { $0["state_dict.\($1.key)"] = $1.value }
      tensors["best_acc1"] = try Tensor([55.5], shape: [1])
      for name in ["optimizer.0.exp_avg", "optimizer.1.exp_avg", "head.weight"] { tensors[name] = try .zeros([2]) }
      try SafetensorsFile.write(tensors, to: place.file("best.safetensors"))
      let outcome = try place.cocoop("predict --classes bird,cat --model best.safetensors \(Short.photo)")
      #expect(outcome.status == 0, "\(outcome.errors)")
      let notes = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("note: ") }
      #expect(
        notes.last
          == "note: best holds more than the model, which is passed over: best_acc1, head.weight, optimizer (2 tensors)."
      )
      let report = try place.cocoop("models inspect best.safetensors")
      #expect(report.output.contains("passed over    4 tensors beside the model"), "\(report.output)")
      #expect(report.output.contains("loads          yes"))
    }
  }

  @Test("of a student and a teacher, the one that --prefix names")
  func several() throws {
    try withWorkplace { place in
      let student = try Self.tensors()
      let both = try Self.tensors(seed: 0.5).reduce(into: [:]) { $0["teacher.\($1.key)"] = $1.value }
        .merging(student.map { ("student.\($0.key)", $0.value) }) { $1 }
      try SafetensorsFile.write(both, to: place.file("both.safetensors"))
      try SafetensorsFile.write(student, to: place.file("student.safetensors"))
      let refused = try place.cocoop("models inspect both.safetensors")
      #expect(refused.status == 1)
      #expect(
        refused.errors
          == "Error: FOLDER/both.safetensors: it holds 2 models, under 'student.' and 'teacher.'. Write the one that you "
          + "want to a folder, with 'cocoop models convert FILE FOLDER --prefix student.', and give that.\n")
      #expect(try place.cocoop("models convert both.safetensors one --prefix student").status == 0)
      func answer(_ model: String) throws -> String {
        try place.cocoop("predict --classes bird,cat --model \(model) \(Short.photo)").output
      }
      #expect(try answer("one") == answer("student.safetensors"))
      let inspected = try place.cocoop("models inspect both.safetensors --prefix teacher.")
      #expect(inspected.output.contains("other model    under 'student.': give --prefix student."), "\(inspected)")
    }
  }
}
