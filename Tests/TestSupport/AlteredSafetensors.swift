import Foundation
import Torch

/// A change to the tensors and the metadata of a whole file.
public typealias SafetensorsChange = (_ tensors: inout [String: Tensor], _ metadata: inout [String: String]) throws ->
  Void

extension SafetensorsFile {
  /// Reads a file whole and writes it again with a change.
  public static func rewrite(_ file: URL, _ change: SafetensorsChange) throws {
    let whole = try SafetensorsFile(contentsOf: file)
    var tensors = try Dictionary(uniqueKeysWithValues: whole.names.map { ($0, try whole.tensor($0)) })
    var metadata = whole.metadata
    try change(&tensors, &metadata)
    try write(tensors, metadata: metadata, to: file)
  }
}

/// An error: the text that a test wanted to change does not occur.
public struct NothingChanged: Error, CustomStringConvertible {
  public let description: String
}

/// Changes words in the description that this package's files have in their metadata.
///
/// - Returns: a change that throws ``NothingChanged`` where `old` does not occur.
public func describing(_ old: String, as new: String) -> SafetensorsChange {
  { _, metadata in
    let text = metadata["cocoop"] ?? ""
    guard text.contains(old) else { throw NothingChanged(description: "\(old) does not occur in \(text)") }
    metadata["cocoop"] = text.replacing(old, with: new)
  }
}
