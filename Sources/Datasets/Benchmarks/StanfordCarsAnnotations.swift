enum StanfordCarsAnnotations {
  static func parts(of folder: BenchmarkFolder) throws -> SplitFile { SplitFile([:]) }
}
