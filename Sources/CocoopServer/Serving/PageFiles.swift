import Foundation
import HTTPTypes
import Hummingbird
import Support

/// The page and its files, read into memory once: no request accesses the disk.
struct PageFiles: Sendable {
  struct File: Sendable {
    let content: Data
    let type: String
    let tag: String
  }

  /// The files by path.
  let assets: [String: File]

  static let description = "/openapi.json"

  /// - Throws: ``ServerError/missingResource(name:)``.
  init() throws {
    let folder = Bundle.module.bundleURL.appending(path: "page")
    let script = "text/javascript; charset=utf-8"
    var assets: [String: File] = [:]
    for (path, name, type) in [
      ("/", "index.html", "text/html; charset=utf-8"), ("/page.css", "page.css", "text/css; charset=utf-8"),
      ("/page.js", "page.js", script), ("/answers.js", "answers.js", script), ("/server.js", "server.js", script),
      ("/icon.svg", "icon.svg", "image/svg+xml"), (Self.description, "openapi.json", "application/json"),
    ] {
      assets[path] = try Self.file(folder.appending(path: name), type: type)
    }
    self.assets = assets
  }

  private static func file(_ url: URL, type: String) throws -> File {
    guard let content = FileManager.default.contents(atPath: url.path) else {
      throw ServerError.missingResource(name: url.lastPathComponent)
    }
    // The tag need only distinguish versions of our own files.
    return File(content: content, type: type, tag: "\"\(String(FNV1a.hash(content), radix: 16))\"")
  }

  /// The file, or 304 where the client already has it.
  ///
  /// - Throws: ``APIError/noSuchPath``.
  func response(for path: String, to request: Request) throws -> Response {
    guard let file = assets[path] else { throw APIError.noSuchPath }
    let isKnown = request.headers[.ifNoneMatch] == file.tag
    var response = isKnown ? Response(status: .notModified) : Response(bytes: file.content, type: file.type)
    response.headers[.eTag] = file.tag
    response.headers[.cacheControl] = "no-cache"
    return response
  }
}
