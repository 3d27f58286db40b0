/// Class folders that are divided into halves and fifths: Caltech101, Food101, DTD and EuroSAT without their split files
/// (CoOp, `datasets/dtd.py`, `read_and_split_data`).
///
/// The reference shuffles each folder's images from the order in which its file system lists them, which no other machine
/// repeats. Here they are sorted first, so that the parts are the same everywhere and other than the published ones.
enum DividedFolders {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile {
    var division = RandomDivision(seed: Benchmark.publishedSeed)
    let names = folder.benchmark.layout.folderNames
    let classes = try Files.list(folder.images).folders.compactMap { path in
      names.className(of: path).map { (path, className: $0) }
    }
    var parts: [Split: [SplitFile.Entry]] = [:]
    for (label, (path, className)) in classes.enumerated() {
      let images = try Files.images(in: folder.images.appending(path: path))
      for (split, images) in try division.divide(images, of: className) {
        parts[split, default: []] += images.map {
          SplitFile.Entry(path: "\(path)/\($0)", label: label, className: className)
        }
      }
    }
    return SplitFile(parts)
  }
}
