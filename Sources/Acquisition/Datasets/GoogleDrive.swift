import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NamedModels
import Support

/// Google Drive's way to a public file: a page with a form stands before large ones, and a refusal is a page too.
///
/// Source: what gdown 6.5.1 does. Read on 28 November 2026, not tried live.
enum GoogleDrive {
  /// Browsers get the page that is described here; other clients may get another.
  private static let userAgent =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
  private static let mostRedirections = 10
  /// The bound on a page; the form's has some thousand bytes.
  private static let largestPage = 1 << 20

  /// Whether an address is one of Drive's: `https://drive.google.com/uc?id=ID&export=download`.
  static func isAddress(_ address: String) -> Bool {
    guard let parts = URLComponents(string: address), parts.path == "/uc" else { return false }
    let names = (parts.queryItems ?? []).map(\.name)
    return names.contains("id") && names.contains("export")
  }

  /// The address that gives the file itself, with the fields that it wants.
  ///
  /// - Parameter name: the file's name in messages.
  /// - Throws: ``TransferFailure``, or ``AcquisitionError`` of kind `page` with Drive's words where it refuses.
  static func fileAddress(
    of address: String, name: String, by transport: HTTPTransport
  ) async throws -> Download.Address {
    var cookies = CookieJar()
    var next = address
    for _ in 0...mostRedirections {
      let answer = try await transport.send(
        .GET, next, headers: fields(for: next, cookies), following: .nowhere)
      let head = answer.head
      cookies.take(head.all("Set-Cookie"), from: head.url)
      if (300..<400).contains(head.status), let location = head["Location"] {
        guard let target = URL(string: location, relativeTo: head.url)?.absoluteURL, isAsSafe(target, as: head.url)
        else {
          throw AcquisitionError(.other, "\(head.host) redirects to '\(location)', no address with encryption")
        }
        next = target.absoluteString
        continue
      }
      guard head.status == 200 else { throw TransferFailure(head, explain: nil) }
      if head["Content-Disposition"] != nil || !head.isPage {
        return Download.Address(next, headers: fields(for: next, cookies))
      }
      let page = String(decoding: try await bytes(of: answer, by: transport), as: UTF8.self)
      guard let form = DownloadForm(page: page, at: head.url), isAsSafe(form.url, as: head.url) else {
        throw refusal(page, of: name, at: address)
      }
      let url = form.url.absoluteString
      return Download.Address(url, headers: fields(for: url, cookies))
    }
    throw AcquisitionError(.other, "Google Drive redirects in a circle for \(name)")
  }

  private static func fields(for address: String, _ cookies: CookieJar) -> [(name: String, value: String)] {
    [("User-Agent", userAgent)] + (URL(string: address).flatMap(cookies.header).map { [("Cookie", $0)] } ?? [])
  }

  private static func isAsSafe(_ url: URL, as earlier: URL) -> Bool {
    url.scheme == "https" || url.scheme == "http" && earlier.scheme == "http"
  }

  private static func bytes(of answer: Answer, by transport: HTTPTransport) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    do {
      for try await buffer in answer.body {
        bytes += buffer.readableBytesView.prefix(largestPage - bytes.count)
        if bytes.count >= largestPage { break }
      }
    } catch {
      throw transport.failure(error, for: answer.head.url)
    }
    return bytes
  }

  /// Drive's own words on the page of a refusal.
  private static func refusal(_ page: String, of name: String, at address: String) -> AcquisitionError {
    let caption = page.firstMatch(of: /(?s)<(\w+)[^>]*class="[^"]*uc-error-subcaption[^"]*"[^>]*>(.*?)<\/\1>/)
    let words = caption.map { String($0.2).withoutMarkup } ?? "it sent a page without the form for a download"
    let isQuota = words.contains("Too many users")
    return AcquisitionError(
      .page, "Google Drive refuses \(name): \(words.prefix(300))",
      remedy: isQuota
        ? "It is Drive's quota, which ends within 24 hours: try again then, or open \(address) in a browser"
        : "Open \(address) in a browser")
  }
}

/// The form before a large file: an address and the hidden fields that it wants.
package struct DownloadForm {
  package let url: URL

  /// - Returns: `nil` where the page has no such form.
  package init?(page: String, at address: URL) {
    guard let form = page.firstMatch(of: /(?s)<form\b([^>]*\bid="download-form"[^>]*)>(.*?)<\/form>/),
      let action = String(form.1).attribute("action"),
      let target = URL(string: action, relativeTo: address)?.absoluteURL,
      var parts = URLComponents(url: target, resolvingAgainstBaseURL: true)
    else { return nil }
    let inputs = form.2.matches(of: /<input\b[^>]*>/).compactMap { input -> URLQueryItem? in
      let tag = String(input.output)
      guard tag.attribute("type") == "hidden", let name = tag.attribute("name") else { return nil }
      return URLQueryItem(name: name, value: tag.attribute("value") ?? "")
    }
    parts.queryItems = (parts.queryItems ?? []) + inputs
    guard let url = parts.url, url.host != nil else { return nil }
    self.url = url
  }
}

/// Cookies for one chain of requests: each goes back to the host that has set it, or to the domain that it names.
package struct CookieJar {
  private struct Cookie {
    let name, value, domain: String
    let isOfHostAlone: Bool
  }

  private var cookies: [Cookie] = []

  package init() {}

  package mutating func take(_ fields: [String], from url: URL) {
    guard let host = url.host?.lowercased() else { return }
    for field in fields {
      let parts = field.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let pair = parts.first, let equals = pair.firstIndex(of: "="), equals > pair.startIndex else { continue }
      let named = parts.dropFirst().first { $0.lowercased().hasPrefix("domain=") }
        .map { $0.dropFirst("domain=".count).lowercased().drop { $0 == "." } }
      // A host may speak for the domain above it, and not for another's, nor for all of "com".
      let domain = named.map(String.init).flatMap { domain in
        domain.contains(".") && (host == domain || host.hasSuffix("." + domain)) ? domain : nil
      }
      if named != nil, domain == nil { continue }
      let cookie = Cookie(
        name: String(pair[..<equals]), value: String(pair[pair.index(after: equals)...]), domain: domain ?? host,
        isOfHostAlone: domain == nil)
      cookies.removeAll { $0.name == cookie.name && $0.domain == cookie.domain }
      cookies.append(cookie)
    }
  }

  /// The field `Cookie` for an address; `nil` where none belongs to it.
  package func header(for url: URL) -> String? {
    guard let host = url.host?.lowercased() else { return nil }
    let fitting = cookies.filter { $0.domain == host || !$0.isOfHostAlone && host.hasSuffix("." + $0.domain) }
    return fitting.isEmpty ? nil : fitting.map { "\($0.name)=\($0.value)" }.joined(separator: "; ")
  }
}

extension String {
  /// The value of a tag's attribute.
  fileprivate func attribute(_ name: String) -> String? {
    let marks = matches(of: /([\w-]+)="([^"]*)"/)
    return marks.first { $0.1.lowercased() == name }.map { String($0.2).withoutEntities }
  }

  /// The text of a piece of HTML.
  fileprivate var withoutMarkup: String {
    replacing(/<[^>]*>/, with: "").withoutEntities.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private var withoutEntities: String {
    [("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", " "), ("&amp;", "&")]
      .reduce(self) { $0.replacing($1.0, with: $1.1) }
  }
}
