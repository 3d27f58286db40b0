/// UCF101's middle frames from its first train/test lists, without its split file (CoOp, `datasets/ucf101.py`).
///
/// `classInd.txt` reads `1 ApplyEyeMakeup`; a line of `trainlist01.txt` begins with
/// `ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi`. Frames lie in folders with the name's words apart,
/// `Apply_Eye_Makeup`, which is also the class name.
enum UCF101Lists {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile {
    let indices = try TextList(folder.list("ucfTrainTestlist/classInd.txt"))
      .map(expecting: "a class's number from 1 and its name") { line -> (String, Int)? in
        let fields = line.split(separator: " ")
        guard fields.count == 2, let number = Int(fields[0]) else { return nil }
        return (String(fields[1]), number - 1)
      }
    let labels = Dictionary(indices, uniquingKeysWith: { first, _ in first })
    func entries(_ part: String) throws -> [SplitFile.Entry] {
      try TextList(folder.list("ucfTrainTestlist/\(part)list01.txt"))
        .map(expecting: "a video under a class of classInd.txt") { line in
          let path = (line.split(separator: " ").first ?? "").split(separator: "/").map(String.init)
          guard path.count == 2, let label = labels[path[0]] else { return nil }
          let name = words(of: path[0])
          let image = path[1].replacing(".avi", with: ".jpg")
          return SplitFile.Entry(path: "\(name)/\(image)", label: label, className: name)
        }
    }
    var division = ValidationDivision()
    let (train, val) = division.divide(try entries("train"))
    return SplitFile(train: train, val: val, test: try entries("test"))
  }

  /// `YoYo` → `Yo_Yo`: each capital begins a word, and what stands before the first is dropped, as the reference's
  /// pattern drops it.
  private static func words(of action: String) -> String {
    action.reduce(into: [String]()) { words, character in
      if character.isASCII, character.isUppercase {
        words.append(String(character))
      } else if !words.isEmpty {
        words[words.count - 1].append(character)
      }
    }
    .joined(separator: "_")
  }
}
