import Compatibility
import Embedded
import Foundation
import TestSupport

/// Reads `text` as a configuration file, with KEY VALUE pairs merged over it.
func configuration(_ text: String, pairs: [String] = [], in folder: URL) throws -> ReferenceConfiguration {
  let file = folder.appending(path: "c.yaml")
  try Data(text.utf8).write(to: file)
  return try ReferenceConfiguration(Arguments(["--config-file", file.path] + pairs))
}

/// The plan of one of the reference's command lines, with a trainer's file in the reference's format.
func plan(
  _ options: String, configuration: String = Reference.cocoop, in folder: URL, workingFolder: URL? = nil
) throws -> RunPlan {
  let files = (trainer: folder.appending(path: "c.yaml"), dataset: folder.appending(path: "d.yaml"))
  try Data(configuration.utf8).write(to: files.trainer)
  try Data("DATASET:\n  NAME: \"Caltech101\"\n".utf8).write(to: files.dataset)
  let fixed = ["--root", "data", "--config-file", files.trainer.path, "--dataset-config-file", files.dataset.path]
  return try RunPlan(Arguments(fixed + options.split(separator: " ").map(String.init)), workingFolder: workingFolder)
}

/// Writes drawings of four classes in Caltech101's layout, into `data`: as few as a training and a test need.
func makeDrawings(in folder: URL) throws {
  let drawings = Embedded.openclipart
  let root = folder.appending(path: "data/caltech-101")
  try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
  try FileManager.default.createSymbolicLink(
    at: root.appending(path: "101_ObjectCategories"), withDestinationURL: drawings.appending(path: "images"))
  let names = ["bird", "bread", "clock", "fish"]
  func entries(_ range: Range<Int>) -> String {
    let rows = names.enumerated().flatMap { label, name in
      range.map { "[\"\(name)/00\($0).jpg\", \(label), \"\(name)\"]" }
    }
    return "[\(rows.joined(separator: ", "))]"
  }
  let split = "{\"train\": \(entries(0..<3)), \"val\": \(entries(3..<4)), \"test\": \(entries(4..<7))}"
  try Data(split.utf8).write(to: root.appending(path: "split_zhou_Caltech101.json"))
}

/// The files under a folder, sorted, with `DATE` where a log's name has one.
func contents(of folder: URL) -> [String] {
  ((try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []).sorted()
    .map { $0.replacing(/log\.txt-.*/, with: "log.txt-DATE") }
}

enum Reference {
  /// The settings that the reference publishes for CoCoOp, written by us.
  static let cocoop = """
    DATALOADER:
      TRAIN_X:
        BATCH_SIZE: 1
      NUM_WORKERS: 8
    INPUT:
      SIZE: (224, 224)
      INTERPOLATION: "bicubic"
      PIXEL_MEAN: [0.48145466, 0.4578275, 0.40821073]
      PIXEL_STD: [0.26862954, 0.26130258, 0.27577711]
      TRANSFORMS: ["random_resized_crop", "random_flip", "normalize"]
    OPTIM:
      NAME: "sgd"
      LR: 0.002
      MAX_EPOCH: 10
      LR_SCHEDULER: "cosine"
      WARMUP_EPOCH: 1
      WARMUP_TYPE: "constant"
      WARMUP_CONS_LR: 1e-5
    TRAIN:
      PRINT_FREQ: 20
    MODEL:
      BACKBONE:
        NAME: "ViT-B/16"
    TRAINER:
      COCOOP:
        N_CTX: 4
        CTX_INIT: "a photo of a"
        PREC: "fp16"

    """
}
