import Foundation

extension URL {
  /// Writes a file below this folder, with the folders above it.
  @discardableResult
  public func write(_ data: Data, to path: String) throws -> URL {
    let file = appending(path: path)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: file)
    return file
  }

  @discardableResult
  public func write(_ text: String, to path: String) throws -> URL { try write(Data(text.utf8), to: path) }
}
