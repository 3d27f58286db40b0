import Datasets
import Foundation

/// A tiny tree of each benchmark in the reference's layout, with empty files for images: datasets never open them.
public enum Miniature {
  /// - Parameter lists: whether the dataset's own lists are written too, from which a split can be rebuilt.
  public static func write(_ benchmark: PublishedDataset, to root: URL, lists: Bool = true) throws {
    let folder = root.appending(path: benchmark.folder)
    func images(_ folders: [String], count: Int = 10, name: (String, Int) -> String = { "\($0)/\($1).jpg" }) throws {
      for path in folders {
        for number in 0..<count {
          try folder.write("", to: [benchmark.images, name(path, number)].joined(separator: "/"))
        }
      }
    }
    switch benchmark {
    case .caltech101: try images(["Faces", "Faces_easy", "BACKGROUND_Google", "ant", "airplanes"])
    case .food101: try images(["apple_pie", "baklava"])
    case .dtd: try images(["banded", "zigzagged"])
    case .euroSAT: try images(["AnnualCrop", "Forest", "SeaLake"])
    case .oxfordPets:
      try images(["Abyssinian", "great_pyrenees"], name: { "\($0)_\($1).jpg" })
      guard lists else { return }
      func lines(_ numbers: Range<Int>) -> String {
        numbers.map { "Abyssinian_\($0) 1 1 1\ngreat_pyrenees_\($0) 2 2 1\n" }.joined()
      }
      try folder.write(lines(0..<5), to: "annotations/trainval.txt")
      try folder.write(lines(5..<10), to: "annotations/test.txt")
    case .stanfordCars:
      for part in ["cars_train", "cars_test"] {
        for number in 1...10 { try folder.write("", to: "\(part)/\(number).jpg") }
      }
      guard lists else { return }
      let names = ["Audi TTS Coupe 2012", "Acura TL Sedan 2008"]
      let records = (1...10).map { [MatWriter.Value.numbers([Double($0 % 2 + 1)]), .text("\($0).jpg")] }
      let annotations = MatWriter().file([("annotations", .records(fields: ["class", "fname"], records))])
      try folder.write(annotations, to: "devkit/cars_train_annos.mat")
      try folder.write(annotations, to: "cars_test_annos_withlabels.mat")
      let meta = MatWriter(isBigEndian: true).file([("class_names", .cells(names.map { .text($0) }))])
      try folder.write(meta, to: "devkit/cars_meta.mat")
    case .flowers102:
      for number in 1...20 { try folder.write("", to: "jpg/image_000\(number < 10 ? "0" : "")\(number).jpg") }
      guard lists else { return }
      let labels = (0..<20).map { Double($0 % 2 == 0 ? 2 : 1) }
      try folder.write(MatWriter().file([("labels", .numbers(labels))]), to: "imagelabels.mat")
      try folder.write(#"{"2": "globe-flower", "1": "colt's foot"}"#, to: "cat_to_name.json")
    case .fgvcAircraft:
      try images([""], name: { _, number in "000\(number).jpg" })
      guard lists else { return }
      try folder.write("707-320\nF/A-18\n", to: "variants.txt")
      for (part, numbers) in [("train", 0..<4), ("val", 4..<6), ("test", 6..<10)] {
        let lines = numbers.map { "000\($0) \($0 % 2 == 0 ? "707-320" : "F/A-18")\n" }.joined()
        try folder.write(lines, to: "images_variant_\(part).txt")
      }
    case .sun397:
      try images(["a/abbey", "b/balcony/exterior"])
      guard lists else { return }
      try folder.write("/a/abbey\r\n/b/balcony/exterior\r\n", to: "ClassName.txt")
      for (list, numbers) in [("Training_01", 0..<5), ("Testing_01", 5..<10)] {
        let lines = numbers.map { "/a/abbey/\($0).jpg\r\n/b/balcony/exterior/\($0).jpg\r\n" }.joined()
        try folder.write(lines, to: "\(list).txt")
      }
    case .ucf101:
      try images(["Apply_Eye_Makeup", "Yo_Yo"], name: { "\($0)/v_\($1).jpg" })
      guard lists else { return }
      try folder.write("1 ApplyEyeMakeup\n2 YoYo\n", to: "ucfTrainTestlist/classInd.txt")
      try folder.write(
        (0..<5).map { "ApplyEyeMakeup/v_\($0).avi 1\nYoYo/v_\($0).avi 2\n" }.joined(),
        to: "ucfTrainTestlist/trainlist01.txt")
      try folder.write(
        (5..<10).map { "ApplyEyeMakeup/v_\($0).avi\nYoYo/v_\($0).avi\n" }.joined(),
        to: "ucfTrainTestlist/testlist01.txt")
    case .imageNet:
      try images(["train/n02", "train/n01"], name: { "\($0)/\($1).JPEG" })
      try images(["val/n01", "val/n02"], count: 2)
      if lists { try folder.write(wordNetNames, to: "classnames.txt") }
    case .imageNetV2:
      try images(["0", "1", "2"], count: 2)
      if lists { try folder.write(wordNetNames, to: "classnames.txt") }
    case .imageNetSketch:
      try images(["n01", "n02", "n03"], count: 2)
      if lists { try folder.write(wordNetNames, to: "classnames.txt") }
    case .imageNetA, .imageNetR:
      try images(["n03", "n02"], count: 2)
      try folder.write("", to: "\(benchmark.images)/README.txt")
      if lists { try folder.write(wordNetNames, to: "classnames.txt") }
    }
  }

  public static let wordNetNames = "n01 tench\nn02 great white shark\nn03 missile\n"
}
