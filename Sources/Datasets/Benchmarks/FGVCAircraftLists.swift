/// FGVCAircraft, which comes with its own three parts (CoOp, `datasets/fgvc_aircraft.py`).
///
/// `variants.txt` names a class a line, in the order of labels; a line of `images_variant_train.txt` reads
/// `1025794 707-320`, an image and its class.
enum FGVCAircraftLists {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile {
    let classes = try TextList(folder.list("variants.txt")).map(expecting: "a class name") { $0 }
    let labels = Dictionary(zip(classes, 0...), uniquingKeysWith: { first, _ in first })
    func entries(_ part: String) throws -> [SplitFile.Entry] {
      try TextList(folder.list("images_variant_\(part).txt"))
        .map(expecting: "an image and a class of variants.txt") { line in
          let fields = line.split(separator: " ", maxSplits: 1).map(String.init)
          guard fields.count == 2, let label = labels[fields[1]] else { return nil }
          return SplitFile.Entry(path: "\(fields[0]).jpg", label: label, className: fields[1])
        }
    }
    return SplitFile(train: try entries("train"), val: try entries("val"), test: try entries("test"))
  }
}
