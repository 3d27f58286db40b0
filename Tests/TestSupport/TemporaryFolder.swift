import Foundation

/// Makes a separate folder for one test, removed afterwards.
public func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: "cocoop-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The text of the error that `body` throws, with the path of `folder` written as FOLDER.
public func message(in folder: URL? = nil, of body: () throws -> some Any) -> String {
  do {
    _ = try body()
    return "no error"
  } catch {
    return folder.map { "\(error)".replacing($0.path, with: "FOLDER") } ?? "\(error)"
  }
}
