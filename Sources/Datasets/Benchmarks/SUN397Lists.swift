/// SUN397 from its first partition, without its split file (CoOp, `datasets/sun397.py`).
///
/// `ClassName.txt` names a class folder a line, in the order of labels: `/b/balcony/exterior`. The class name is that
/// without its initial and with its parts reversed, "exterior balcony". A line of `Training_01.txt` is an image's path.
enum SUN397Lists {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile {
    let classes = try TextList(folder.list("ClassName.txt")).map(expecting: "a class folder such as /a/abbey") { line in
      line.hasPrefix("/") ? String(line.dropFirst()) : nil
    }
    let labels = Dictionary(zip(classes, 0...), uniquingKeysWith: { first, _ in first })
    func entries(_ list: String) throws -> [SplitFile.Entry] {
      try TextList(folder.list(list)).map(expecting: "an image under a class folder of ClassName.txt") { line in
        guard line.hasPrefix("/"), let end = line.lastIndex(of: "/") else { return nil }
        let classFolder = String(line[..<end].dropFirst())
        guard let label = labels[classFolder] else { return nil }
        let name = classFolder.split(separator: "/").dropFirst().reversed().joined(separator: " ")
        return SplitFile.Entry(path: String(line.dropFirst()), label: label, className: name)
      }
    }
    var division = ValidationDivision()
    let (train, val) = division.divide(try entries("Training_01.txt"))
    return SplitFile(train: train, val: val, test: try entries("Testing_01.txt"))
  }
}
