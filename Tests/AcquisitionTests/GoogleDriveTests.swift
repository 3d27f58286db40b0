import Acquisition
import Datasets
import Foundation
import Support
import Testing

@Suite("Google Drive's form, cookies and refusals are understood")
struct GoogleDriveTests {
  @Test("the form's address has its hidden fields, without the button")
  func form() throws {
    let page = """
      <form id="download-form" action="https://drive.usercontent.google.com/download?a=1&amp;b=2" method="get">
      <input type="submit" value="Download anyway"/><input type="hidden" name="id" value="X Y">
      <input name="uuid" value="5-6" type="hidden"></form>
      """
    let form = try #require(DownloadForm(page: page, at: URL(filePath: "/")))
    #expect(form.url.absoluteString == "https://drive.usercontent.google.com/download?a=1&b=2&id=X%20Y&uuid=5-6")
    #expect(DownloadForm(page: "<form id=\"login\" action=\"/x\"></form>", at: URL(filePath: "/")) == nil)
  }

  @Test("a cookie goes to its own domain, and never to another")
  func cookies() throws {
    var jar = CookieJar()
    let (drive, content, other) = try (
      #require(URL(string: "https://drive.google.com/uc")), #require(URL(string: "https://x.googleusercontent.com/")),
      #require(URL(string: "https://docs.google.com/"))
    )
    jar.take(
      ["NID=1; Domain=.google.com; Path=/", "own=2; Secure", "bad=3; Domain=googleusercontent.com"], from: drive)
    #expect(jar.header(for: drive) == "NID=1; own=2")
    #expect(jar.header(for: other) == "NID=1")
    #expect(jar.header(for: content) == nil)
  }

  @Test("a refusal is quoted, in steps, and no page becomes an archive")
  func quota() async throws {
    try await withFolder { folder in
      try await FileServer.with { server, address in
        let small = try MiniatureSource(of: .ucf101, at: address, in: folder.appending(path: "made"))
        server.serve(small)
        let page = """
          <html><body><p class="uc-error-caption">Sorry</p>
          <p class="uc-error-subcaption">Too many users have viewed or
          downloaded this file recently. Please try <b>again</b> later.</p></body></html>
          """
        server.serve(
          .init(fields: [("Content-Type", "text/html")], body: Data(page.utf8)),
          as: "/download?id=UCF-101-midframes.zip&export=download")
        let root = folder.appending(path: "root")
        let result = try await TestDownload(small.source, under: root).result.get()
        #expect(
          result.steps?.reason
            == "Google Drive refuses UCF-101-midframes.zip: Too many users have viewed or downloaded this file recently."
            + " Please try again later.")
        #expect(result.steps?.files.map(\.file) == ["UCF-101-midframes.zip"])
        #expect(!contents(of: root).contains { $0.hasSuffix(".zip") })
      }
    }
  }
}
