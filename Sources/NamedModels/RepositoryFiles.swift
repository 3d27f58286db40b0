/// The files of a repository that make a checkpoint.
package struct RepositoryFiles: Sendable, Equatable {
  /// What states the architecture and the preprocessing.
  package let configuration: [String]
  /// The weights: one file, or an index and its shards.
  package let weights: [String]

  package static let openClipConfiguration = "open_clip_config.json"
  private static let openClipWeights = [
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
  ]
  private static let huggingFaceWeights = [
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
  ]

  /// Chooses among the files that a repository has.
  ///
  /// In a repository of open_clip's, `model.safetensors` is never taken: it may be timm's image tower alone, or the
  /// form of `transformers`.
  ///
  /// - Returns: `nil` where there is no checkpoint among them.
  package init?(among paths: Set<String>) {
    if paths.contains(Self.openClipConfiguration) {
      guard let weights = Self.openClipWeights.first(where: paths.contains) else { return nil }
      self.init(configuration: [Self.openClipConfiguration], weights: [weights])
    } else if paths.contains("config.json") {
      guard let weights = Self.huggingFaceWeights.first(where: paths.contains) else { return nil }
      self.init(
        configuration: ["config.json"] + ["preprocessor_config.json"].filter(paths.contains),
        weights: [weights] + Self.shards(of: weights, among: paths))
    } else {
      return nil
    }
  }

  /// The weights of a row of open_clip's table, whose configuration is written here.
  package init?(of row: ModelCatalogue.OpenClipModel, among paths: Set<String>) {
    guard let weights = row.files?.first(where: paths.contains) else { return nil }
    self.init(configuration: [], weights: [weights])
  }

  private init(configuration: [String], weights: [String]) {
    (self.configuration, self.weights) = (configuration, weights)
  }

  /// The shards of an index, such as `model-00001-of-00002.safetensors`.
  private static func shards(of index: String, among paths: Set<String>) -> [String] {
    guard index.hasSuffix(".index.json") else { return [] }
    let whole = index.dropLast(".index.json".count)
    guard let dot = whole.lastIndex(of: ".") else { return [] }
    let (stem, ending) = (whole[..<dot], whole[dot...])
    return paths.filter { path in
      guard path.hasPrefix("\(stem)-"), path.hasSuffix(ending) else { return false }
      let number = path.dropFirst(stem.count + 1).dropLast(ending.count)
      return number.wholeMatch(of: /\d+-of-\d+/) != nil
    }.sorted()
  }
}
