import Torch

/// The tensors of a CLIP under Hugging Face's names: ``CheckpointTensors`` the other way round.
struct HuggingFaceTensors: TensorFile {
  private let tensors: CheckpointTensors
  /// Where each comes from: a tensor by open_clip's name, and which of how many equal parts of its rows.
  private let origins: [String: (spelling: TensorSpelling, part: Int)]

  /// - Throws: ``CLIPError/unreadTensors(names:file:)`` where a tensor has no counterpart.
  init(_ tensors: CheckpointTensors) throws {
    self.tensors = tensors
    var origins: [String: (spelling: TensorSpelling, part: Int)] = [:]
    for name in tensors.names {
      guard let spelling = TensorSpelling.of(openCLIP: name) else {
        throw CLIPError.unreadTensors(names: [tensors.spelled(name)], file: tensors.path)
      }
      for (part, name) in spelling.huggingFace.enumerated() { origins[name] = (spelling, part) }
    }
    self.origins = origins
  }

  var path: String { tensors.path }
  var names: [String] { origins.keys.sorted() }

  func shape(of name: String) -> [Int]? {
    guard let (spelling, _) = origins[name], let shape = tensors.shape(of: spelling.openCLIP) else { return nil }
    if spelling.isTransposed { return shape.reversed() }
    guard spelling.huggingFace.count > 1, let rows = shape.first else { return shape }
    return [rows / spelling.huggingFace.count] + shape.dropFirst()
  }

  func kind(of name: String) -> Tensor.Kind? {
    origins[name].flatMap { tensors.kind(of: $0.spelling.openCLIP) }
  }

  func tensor(_ name: String) throws -> Tensor {
    guard let (spelling, part) = origins[name] else { return try tensors.tensor(name) }
    let tensor = try tensors.tensor(spelling.openCLIP)
    if spelling.isTransposed { return try tensor.transposed() }
    guard spelling.huggingFace.count > 1 else { return tensor }
    let rows = tensor.shape[0] / spelling.huggingFace.count
    return try tensor.sliced(part * rows..<(part + 1) * rows, axis: 0)
  }
}
