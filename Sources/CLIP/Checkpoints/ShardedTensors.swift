import Foundation
import Torch

/// Several files of tensors that an index combines (`model.safetensors.index.json`, as Hugging Face writes it).
public struct ShardedTensors: TensorFile {
  public let path: String
  /// The shards that the index lists, in the order of their names.
  public let shards: [URL]
  private let fileOfTensor: [String: any TensorFile]

  /// - Throws: ``CLIPError/checkpoint(path:_:)`` where the index is not one, has a path outside its folder or disagrees
  ///   with its shards; the errors of ``openTensorFile(at:)``.
  init(index url: URL) throws {
    path = url.path
    let shardOfTensor = try Self.map(in: url)
    let names = Set(shardOfTensor.values).sorted()
    shards = names.map { url.deletingLastPathComponent().appending(path: $0) }
    let missing = shards.filter { !RegularFile.exists($0) }
    guard missing.isEmpty else {
      let names = missing.map(\.lastPathComponent)
      throw CLIPError.checkpoint(path: url.path, .missingShards(names: names, of: shards.count))
    }
    let files = try Dictionary(uniqueKeysWithValues: zip(names, shards.map(openTensorFile)))
    fileOfTensor = shardOfTensor.compactMapValues { files[$0] }
    let contents = files.mapValues { Set($0.names) }
    for (tensor, shard) in shardOfTensor.sorted(by: { $0.key < $1.key }) where contents[shard]?.contains(tensor) != true
    {
      throw CLIPError.checkpoint(path: url.path, .notInShard(tensor: tensor, shard: shard))
    }
    for (shard, tensors) in contents.sorted(by: { $0.key < $1.key }) {
      if let tensor = tensors.filter({ shardOfTensor[$0] != shard }).min() {
        throw CLIPError.checkpoint(path: url.path, .notInIndex(tensor: tensor, shard: shard))
      }
    }
  }

  private struct Index: Decodable {
    let files: [String: String]
    enum CodingKeys: String, CodingKey { case files = "weight_map" }
  }

  /// The name of each tensor's file.
  private static func map(in url: URL) throws -> [String: String] {
    let data = try RegularFile.description(at: url)
    guard let map = try? JSONDecoder().decode(Index.self, from: data).files, !map.isEmpty else {
      throw CLIPError.checkpoint(path: url.path, .index(expected: "an object 'weight_map' from tensors to files"))
    }
    for shard in map.values
    where shard.isEmpty || shard.hasPrefix(".") || shard.contains(where: { "/\\\0".contains($0) }) {
      throw CLIPError.checkpoint(path: url.path, .shardPath(name: shard))
    }
    return map
  }

  public var names: [String] { fileOfTensor.keys.sorted() }
  public func shape(of name: String) -> [Int]? { fileOfTensor[name]?.shape(of: name) }
  public func kind(of name: String) -> Tensor.Kind? { fileOfTensor[name]?.kind(of: name) }

  public func elementType(of name: String) -> String? { fileOfTensor[name]?.elementType(of: name) }

  public func tensor(_ name: String) throws -> Tensor {
    guard let file = fileOfTensor[name] else {
      throw CLIPError.checkpoint(path: path, .notInShard(tensor: name, shard: "no file"))
    }
    return try file.tensor(name)
  }
}

/// Opens one file of tensors, in any supported format.
///
/// - Throws: ``CLIPError/checkpoint(path:_:)`` for a file that is not one of weights, and the errors of the format's
///   own reader.
func openTensorFile(at url: URL) throws -> any TensorFile {
  func refused(_ fault: CheckpointFault) -> CLIPError { .checkpoint(path: url.path, fault) }
  switch try FileContent(of: url) {
  case .safetensors: return try SafetensorsFile(contentsOf: url)
  case .torch: return try TorchArchive(contentsOf: url)
  case .wrongDownload(let wrong): throw refused(.wrongDownload(wrong))
  case .text: throw refused(.text)
  case .known(let format): throw refused(.otherFormat(format))
  case .other: throw refused(.unknownContent)
  }
}
