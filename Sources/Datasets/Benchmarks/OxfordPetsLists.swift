/// OxfordPets from its annotations, without its split file (CoOp, `datasets/oxford_pets.py`).
///
/// A line of `trainval.txt` and `test.txt` reads `Abyssinian_100 1 1 1`: image, class from 1, species, breed of the
/// species. The class name is the image's name without its number, in lower case.
enum OxfordPetsLists {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile {
    var division = ValidationDivision()
    let (train, val) = division.divide(try entries(of: "annotations/trainval.txt", in: folder))
    return SplitFile(train: train, val: val, test: try entries(of: "annotations/test.txt", in: folder))
  }

  private static func entries(of list: String, in folder: BenchmarkFolder) throws -> [SplitFile.Entry] {
    try TextList(folder.list(list)).map(expecting: "an image, its class from 1, species and breed") { line in
      let fields = line.split(separator: " ")
      guard fields.count == 4, let label = Int(fields[1]), let end = fields[0].lastIndex(of: "_") else { return nil }
      return SplitFile.Entry(
        path: "\(fields[0]).jpg", label: label - 1, className: fields[0][..<end].lowercased())
    }
  }
}
