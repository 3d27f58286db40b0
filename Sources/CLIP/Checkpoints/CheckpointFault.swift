import Support

/// A fault in the files of a checkpoint: the facts of ``CLIPError/checkpoint(path:_:)``.
public enum CheckpointFault: Equatable, Sendable {
  case nothingThere
  case brokenLink
  case linkLoop
  /// A pipe, a device, a socket; or a folder where a file must be.
  case notAFile
  /// The system refused to read it.
  case unreadable(reason: String)
  case wrongDownload(WrongDownload)
  case text
  case unknownContent
  case tooLong(limit: Int)
  /// A folder without any of these files.
  case noWeights(expected: [String])
  case severalWeights(names: [String])
  /// A folder with an index of shards but without a configuration.
  case noConfiguration(index: String, expected: String)
  /// An index without its map of tensors to files, or one of another format.
  case index(expected: String)
  /// An index with a path outside its folder.
  case shardPath(name: String)
  case missingShards(names: [String], of: Int)
  case notInShard(tensor: String, shard: String)
  case notInIndex(tensor: String, shard: String)
  /// Two models in one file, with the prefixes of their tensors' names.
  case severalModels(prefixes: [String])
  /// No model under the requested prefix.
  case noModel(prefix: String, prefixes: [String])
  /// A file of another format, by its first bytes.
  case otherFormat(String)
  /// A folder of the hub's cache without the snapshot that it refers to, or with several and no reference.
  case snapshot(expected: String, found: [String])
  /// The configuration states one architecture, and the tensors are those of another.
  case otherArchitecture(configuration: String, stated: String, found: String)

  /// The problem, to be read after the path.
  var problem: String {
    switch self {
    case .nothingThere: "there is nothing at this path"
    case .brokenLink: "it is a symbolic link to nothing"
    case .linkLoop: "its symbolic links lead in a circle"
    case .notAFile: "expected a file of weights, found something that is no file"
    case .unreadable(let reason): reason
    case .wrongDownload(let wrong): wrong.problem
    case .text: "it is a text, not weights"
    case .unknownContent: "it is neither a safetensors file nor one that PyTorch has saved"
    case .tooLong(let limit): "it is longer than \(limit) bytes, too long for a description of a model"
    case .noWeights(let expected): "the folder has no weights: neither \(expected.joined(separator: " nor "))"
    case .severalWeights(let names):
      "the folder has \(names.count) files of weights: " + abridged(names)
    case .noConfiguration(let index, let expected): "the folder has \(index) but no \(expected)"
    case .index(let expected): "expected \(expected)"
    case .shardPath(let name): "it names the file '\(name)', which is not in its own folder"
    case .missingShards(let names, let total): "\(names.count) of \(total) shards are missing: " + abridged(names)
    case .notInShard(let tensor, let shard): "it says that \(shard) has the tensor '\(tensor)', which is not so"
    case .notInIndex(let tensor, let shard): "\(shard) has the tensor '\(tensor)', which it does not place there"
    case .severalModels(let prefixes): "it holds \(prefixes.count) models, under \(quoted(prefixes))"
    case .noModel(let prefix, let prefixes):
      "it has no model under '\(prefix)'"
        + (prefixes.isEmpty ? ", nor under any other name" : ", but \(quoted(prefixes))")
    case .otherFormat(let kind): "it is \(kind), which is not read here"
    case .snapshot(let expected, let found):
      "it is a folder of the hub's cache without \(expected); "
        + (found.isEmpty ? "it has no snapshots" : "its snapshots are \(abridged(found))")
    case .otherArchitecture(let configuration, let stated, let found):
      "\(configuration) describes \(stated), but the weights are of \(found)"
    }
  }

  var remedy: String {
    switch self {
    case .nothingThere: "Check the path"
    case .brokenLink, .linkLoop: "Give the file that the links should lead to"
    case .notAFile, .text, .unknownContent: "Give an open_clip or Hugging Face folder, or a file of weights"
    case .unreadable: "Check its permissions"
    case .wrongDownload(let wrong): wrong.remedy
    case .tooLong: "Get another copy of it"
    case .noWeights: "Put the weights there, or give their file"
    case .severalWeights: "Give one of the files"
    case .noConfiguration: "Put it there, or give the index as the file of weights"
    case .index, .shardPath, .notInShard, .notInIndex: "Fetch the index and its shards again"
    case .missingShards: "Fetch them"
    case .severalModels(let prefixes):
      "Write the one that you want to a folder, with 'cocoop models convert FILE FOLDER --prefix"
        + " \(prefixes.first { !$0.isEmpty } ?? "NAME.")', and give that"
    case .noModel: "Give --prefix one of these"
    case .otherFormat: "Give an open_clip or Hugging Face folder, or a file of weights"
    case .snapshot(_, let found): found.isEmpty ? "Download the model again" : "Give one of them, under 'snapshots'"
    case .otherArchitecture: "Give the weights their own configuration"
    }
  }

  private func quoted(_ prefixes: [String]) -> String {
    prefixes.map { "'\($0)'" }.joined(separator: " and ")
  }

  private func abridged(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", …" : "")
  }
}
