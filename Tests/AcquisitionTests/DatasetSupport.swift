import Acquisition
import Datasets
import Foundation
import HTTPTypes
import NamedModels
import Support
import TestSupport

/// One download of a dataset in a test, and what it has said.
struct TestDownload {
  let result: Result<DatasetDownloadResult, any Error>
  let remarks: [String]

  /// - Parameters:
  ///   - isOffline: whether requests are forbidden, by an option called `--offline`.
  ///   - stop: called with the progress; may throw to stop.
  init(
    _ source: DatasetSource, under root: URL, trusting hashes: Set<String> = [], isOffline: Bool = false,
    keepsArchives: Bool = false, stop: @escaping @Sendable (DatasetProgress) throws -> Void = { _ in }
  ) async throws {
    var settings = try NetworkSettings(environment: [:])
    settings.pause = .milliseconds(1)
    if isOffline { settings.offlineBecause = "--offline" }
    var options = DatasetDownload.Options(command: "cocoop datasets download NAME --root ROOT")
    options.trusted = hashes
    options.keepsArchives = keepsArchives
    let (wanted, heard) = (options, Remarks())
    do {
      result = .success(
        try await Downloader.with(settings, remark: { heard.add($0) }) { downloader in
          try await DatasetDownload(source, under: root, options: wanted, by: downloader, progress: stop).run()
        })
    } catch {
      result = .failure(error)
    }
    remarks = heard.all
  }

  /// The error's explanation, with the root's path written as ROOT; `nil` where there is none.
  func message(in root: URL) -> String? {
    guard case .failure(let error) = result else { return nil }
    return "\(error)".replacing(root.path, with: "ROOT")
  }
}

extension FileServer {
  /// Serves everything that a miniature's row has an address for; Google Drive's files by its form.
  func serve(_ miniature: MiniatureSource) {
    let fetched =
      miniature.source.archives.map { ($0.file, $0.addresses) }
      + miniature.source.lists.map { ($0.file, $0.addresses) }
    for (file, addresses) in fetched where !addresses.isEmpty {
      let data = miniature.files[file] ?? Data()
      if addresses[0].contains("/uc?") {
        serveByForm(data, named: file)
      } else {
        serve(data, as: "/\(file)")
      }
    }
  }

  /// Serves a file as Google Drive does: the first address redirects to a page with a form, whose address gives the
  /// file.
  func serveByForm(_ data: Data, named file: String) {
    serve(
      Answer(status: .seeOther, fields: [("Location", "/download?id=\(file)&export=download"), ("Set-Cookie", "a=b")]),
      as: "/uc?id=\(file)&export=download")
    let page = """
      <!DOCTYPE html><html><body><form id="download-form" action="/download" method="get">
      <input type="submit" id="uc-download-link" value="Download anyway"/>
      <input type="hidden" name="id" value="\(file)"><input type="hidden" name="export" value="download">
      <input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="1&amp;2"></form></body>
      """
    serve(
      Answer(fields: [("Content-Type", "text/html; charset=utf-8")], body: Data(page.utf8)),
      as: "/download?id=\(file)&export=download")
    serve(
      Answer(
        fields: [("Content-Type", "application/octet-stream"), ("Content-Disposition", "attachment")], body: data),
      as: "/download?id=\(file)&export=download&confirm=t&uuid=1%262")
  }
}

/// Everything below a folder, as paths.
func contents(of folder: URL) -> [String] {
  ((try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []).sorted()
}
