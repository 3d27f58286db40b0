import Foundation
import Support

/// A file of named tensors, whatever its format: ``SafetensorsFile`` or a file of `torch.save`.
///
/// Opening checks the file's own description; elements are read only when a tensor is requested.
public protocol TensorFile: Sendable {
  /// The file's path, as messages give it.
  var path: String { get }
  /// The names of all tensors, sorted.
  var names: [String] { get }
  /// The shape of a tensor, or `nil` where the file has none of that name.
  func shape(of name: String) -> [Int]?
  /// The element type of ``tensor(_:)``'s result, or `nil` where there is no such tensor or its type is not read here.
  func kind(of name: String) -> Tensor.Kind?
  /// The element type as the file states it, such as "F32" or "I8", or "qint8" for one that torch has quantized; `nil`
  /// where there is no such tensor.
  func elementType(of name: String) -> String?
  /// The free text that the file carries, by key.
  var metadata: [String: String] { get }
  /// A copy of a tensor.
  ///
  /// - Throws: ``TorchError`` where the file has no tensor of that name, or its elements cannot be read.
  func tensor(_ name: String) throws -> Tensor
}

extension TensorFile {
  public func elementType(of name: String) -> String? { kind(of: name)?.rawValue }
  public var metadata: [String: String] { [:] }
}

/// A safetensors file (format of Hugging Face's `safetensors`), mapped into memory.
///
/// Opening checks the header against the file from end to end; elements are read when a tensor is requested. The file
/// must not be shortened in place while it is open, as no mapped file may: the system would end the process. Replacing
/// it by renaming, as ``write(_:metadata:to:)`` does, leaves an open file as it was.
public struct SafetensorsFile: TensorFile {
  /// The file's path, as messages give it.
  public let path: String
  /// The free text that the file carries, by key.
  public let metadata: [String: String]
  private let entries: [String: SafetensorsHeader.Entry]
  private let mapping: MappedFile
  private let dataOffset: Int

  /// Opens a file.
  ///
  /// - Throws: ``TorchError/safetensors(path:_:)`` for a file that is not whole and consistent. A tensor of an element
  ///   type that this package does not read is not an error: other tensors of the file stay readable.
  public init(contentsOf url: URL) throws {
    path = url.path
    do throws(SafetensorsFault) {
      mapping = try MappedFile(url)
      let header = try SafetensorsHeader(of: mapping.bytes)
      metadata = header.metadata
      entries = header.entries
      dataOffset = header.dataOffset
    } catch {
      throw TorchError.safetensors(path: url.path, error)
    }
  }

  /// The names of all tensors, sorted.
  public var names: [String] { entries.keys.sorted() }

  /// The shape of a tensor, or `nil` where the file has none of that name.
  public func shape(of name: String) -> [Int]? { entries[name]?.shape }

  /// The element type of a tensor, or `nil` where the file has no such tensor or its type is not read here.
  public func kind(of name: String) -> Tensor.Kind? { entries[name]?.kind }

  public func elementType(of name: String) -> String? { entries[name]?.elementType }

  /// A copy of a tensor, with elements of the kind that the file holds.
  ///
  /// - Throws: ``TorchError/safetensors(path:_:)`` where the file has no tensor of that name, or where its elements
  ///   are of a type that this package does not read.
  public func tensor(_ name: String) throws -> Tensor {
    guard let entry = entries[name] else {
      throw TorchError.safetensors(path: path, .noTensor(name: name, nearest: name.nearest(among: names)))
    }
    guard let kind = entry.kind else {
      throw TorchError.safetensors(path: path, .elementType(name: name, found: entry.elementType))
    }
    let range = entry.range.lowerBound + dataOffset..<entry.range.upperBound + dataOffset
    defer { mapping.release(range) }  // otherwise a checkpoint would be in memory twice
    return try Tensor(bytes: UnsafeRawBufferPointer(rebasing: mapping.bytes[range]), kind: kind, shape: entry.shape)
  }
}
