import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NamedModels
import Support

/// The Hub that is asked, and with which token.
public struct HubSettings: Sendable {
  let endpoint: String
  let token: String?
  /// The variable or the file that the token is from.
  let tokenSource: String?
  let copies: Bool

  static let publicEndpoint = "https://huggingface.co"

  public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    let text = environment["HF_ENDPOINT"].flatMap { $0.isEmpty ? nil : $0 } ?? Self.publicEndpoint
    guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host != nil else {
      throw AcquisitionError(
        .setting, "HF_ENDPOINT is '\(text)', which is no address of a Hub",
        remedy: "Give one such as \(Self.publicEndpoint), or unset it")
    }
    endpoint = text.hasSuffix("/") ? String(text.dropLast()) : text
    copies = ModelFolders.isTrue(environment["HF_HUB_DISABLE_SYMLINKS"])
    (token, tokenSource) = Self.token(environment)
  }

  private static func token(_ environment: [String: String]) -> (String?, String?) {
    guard !ModelFolders.isTrue(environment["HF_HUB_DISABLE_IMPLICIT_TOKEN"]) else { return (nil, nil) }
    func clean(_ text: String?) -> String? {
      let text = text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
      return text.isEmpty || text.contains(where: \.isNewline) ? nil : text
    }
    for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
      if let token = clean(environment[name]) { return (token, name) }
    }
    let home = environment["HOME"] ?? NSHomeDirectory()
    let cache = environment["XDG_CACHE_HOME"] ?? home + "/.cache"
    let file = environment["HF_TOKEN_PATH"] ?? (environment["HF_HOME"] ?? cache + "/huggingface") + "/token"
    let content = (try? FileSystem.contents(of: file, atMost: 4096)).map { String(decoding: $0, as: UTF8.self) }
    return clean(content).map { ($0, file) } ?? (nil, nil)
  }

  /// The fields that identify the user, for requests to the endpoint's origin alone.
  var headers: [(name: String, value: String)] { token.map { [("Authorization", "Bearer \($0)")] } ?? [] }

  /// An address of the public Hub, at the endpoint that is used instead.
  func address(_ url: String) -> String {
    url.hasPrefix(Self.publicEndpoint + "/") ? endpoint + url.dropFirst(Self.publicEndpoint.count) : url
  }

  func resolve(_ path: String, of repository: HubRepository, at revision: String) -> String {
    let parts = path.split(separator: "/").map { $0.quoted }.joined(separator: "/")
    return "\(endpoint)/\(repository.id)/resolve/\(revision[...].quoted)/\(parts)"
  }

  /// What the Hub's refusal means.
  func explanation(_ head: AnswerHead, for repository: HubRepository, file: String? = nil) -> AcquisitionError? {
    let (code, message) = (head["X-Error-Code"], head["X-Error-Message"] ?? "")
    let request = head["X-Request-Id"].map { " (request \($0.prefix(60)))" } ?? ""
    let kind = AcquisitionError.Kind.refused(status: head.status)
    let page = "\(endpoint)/\(repository.id)"
    switch (head.status, code) {
    case (401, _) where message.contains("Invalid credentials"), (403, _) where message.contains("Invalid credentials"):
      return AcquisitionError(
        kind, "\(head.host) does not accept the token of \(tokenSource ?? "this machine")\(request)",
        remedy: "Make a new one at \(endpoint)/settings/tokens, or remove that")
    case (401, "GatedRepo"), (403, "GatedRepo"):
      return AcquisitionError(
        kind, "\(repository.id) is gated: its authors want you to accept their terms\(request)",
        remedy: "Accept them at \(page), then "
          + (tokenSource.map { "use a token of that account (\($0) has another's)" } ?? "set HF_TOKEN to your token"))
    case (403, _) where message.contains("disabled"), (401, _) where message.contains("disabled"):
      return AcquisitionError(
        kind, "\(repository.id) has been taken down\(request)", remedy: "Choose another model")
    case (404, "RevisionNotFound"):
      return AcquisitionError(
        kind, "\(repository.id) has no revision '\(repository.revision)'\(request)",
        remedy: "Leave the @ out for its main branch; \(page)/commits lists others")
    case (404, "EntryNotFound"):
      return AcquisitionError(
        kind, "\(repository.id) has no file \(file ?? head.path) at '\(repository.revision)'\(request)",
        remedy: "\(page)/tree/\(repository.revision) shows what it has")
    case (401, _), (404, "RepoNotFound"), (404, nil):
      return AcquisitionError(
        kind, "\(head.host) has no repository \(repository.id), or it is a private one\(request)",
        remedy: "Check the name" + (token == nil ? "; for a private one set HF_TOKEN" : ""))
    case (429, _):
      return AcquisitionError(
        kind, "\(head.host) wants fewer requests\(request)",
        remedy: token == nil ? "Try again later, or set HF_TOKEN: with an account it allows more" : "Try again later")
    default: return nil
    }
  }
}

extension Substring {
  /// The text as one part of an address's path: `refs/pr/1` is `refs%2Fpr%2F1`.
  fileprivate var quoted: String {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    return addingPercentEncoding(withAllowedCharacters: allowed) ?? String(self)
  }
}

/// One file on the Hub, as the answer to a question for its head describes it.
struct HubFile: Sendable, Equatable {
  let path: String
  let commit: String
  /// The name of its blob in the cache.
  let etag: String
  let size: Int?

  /// The hash that the tag is: 64 digits are SHA-256, 40 the SHA-1 of Git's blob.
  var digest: FileDigest? {
    guard etag.isHexadecimal else { return nil }
    return etag.count == 64 ? .sha256(etag) : etag.count == 40 ? .gitBlob(etag) : nil
  }
}

/// What a repository has at one revision.
struct HubListing: Sendable {
  let commit: String
  let paths: Set<String>
  let sizes: [String: Int]
  let licence: String?
}

/// Asks the Hub.
struct HubClient: Sendable {
  let settings: HubSettings
  let downloader: Downloader
  private static let longestAnswer = 64 << 20
  private static let mostPages = 100

  init(_ settings: HubSettings, _ downloader: Downloader) { (self.settings, self.downloader) = (settings, downloader) }

  /// The files of a repository, and the commit that its revision names now.
  func listing(of repository: HubRepository) async throws -> HubListing {
    let api = "\(settings.endpoint)/api/models/\(repository.id)"
    let about = try await json("\(api)/revision/\(repository.revision[...].quoted)", repository).value
    guard let commit = about["sha"]?.string, commit.isCommit else { throw notTheHub() }
    var sizes: [String: Int] = [:]
    var next: String? = "\(api)/tree/\(commit)?recursive=true"
    for _ in 0..<Self.mostPages {
      guard let url = next else { break }
      let (page, link) = try await json(url, repository)
      guard let entries = page.array else { throw notTheHub() }
      for entry in entries where entry["type"]?.string ?? "file" == "file" {
        guard let path = entry["path"]?.string else { continue }
        sizes[path] = entry["lfs"]?["size"]?.integer ?? entry["size"]?.integer ?? 0
      }
      next = link.flatMap { text in
        (text.firstMatch(of: /<([^>]+)>;\s*rel="next"/)?.1).flatMap {
          URL(string: String($0), relativeTo: URL(string: url))?.absoluteString
        }
      }
    }
    let tags = about["tags"]?.array?.compactMap(\.string) ?? []
    let licence =
      about["cardData"]?["license"]?.string
      ?? tags.first { $0.hasPrefix("license:") }.map { String($0.dropFirst("license:".count)) }
    return HubListing(commit: commit, paths: Set(sizes.keys), sizes: sizes, licence: licence)
  }

  /// What the Hub says of one file. Redirections are followed on its own host; at the one to where files lie it stops,
  /// and its answer describes the file.
  func head(of path: String, commit: String, in repository: HubRepository) async throws -> HubFile {
    try await retrying {
      let url = settings.resolve(path, of: repository, at: commit)
      let head = try await downloader.transport.send(
        .HEAD, url, ownHeaders: settings.headers, following: .onTheSameOrigin
      ).head
      guard (200..<400).contains(head.status) else {
        throw TransferFailure(head) { settings.explanation($0, for: repository, file: path) }
      }
      warn(head)
      if head.isPage { throw TransferFailure.page(head, name: path) }
      guard let found = head["X-Repo-Commit"], found.isCommit else { throw TransferFailure(notTheHub()) }
      let tag = (head["X-Linked-Etag"] ?? head["ETag"] ?? "").replacing("W/", with: "").filter { $0 != "\"" }
      guard tag.wholeMatch(of: /[A-Za-z0-9._-]+/) != nil, !tag.hasPrefix(".") else {
        throw TransferFailure(notTheHub())
      }
      let size =
        head["X-Linked-Size"].flatMap { Int($0) } ?? ((200..<300).contains(head.status) ? head.contentLength : nil)
      return HubFile(path: path, commit: found, etag: tag, size: size)
    }
  }

  private func json(_ url: String, _ repository: HubRepository) async throws -> (value: JSONValue, link: String?) {
    try await retrying {
      let answer = try await downloader.transport.send(.GET, url, ownHeaders: settings.headers)
      guard answer.head.status == 200 else {
        throw TransferFailure(answer.head) { settings.explanation($0, for: repository) }
      }
      warn(answer.head)
      let bytes: ByteBuffer
      do {
        bytes = try await answer.body.collect(upTo: Self.longestAnswer)
      } catch {
        try Task.checkCancellation()
        throw downloader.transport.failure(error, for: answer.head.url)
      }
      guard let value = try? JSONValue(parsing: Data(bytes.readableBytesView)) else {
        let isPage = answer.head.isPage || WrongDownload(beginning: bytes.readableBytesView.prefix(1024)) == .page
        throw isPage ? TransferFailure.page(answer.head, name: "a list of files") : TransferFailure(notTheHub())
      }
      return (value, answer.head["Link"])
    }
  }

  private func retrying<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
    var (failed, isReached) = (0, false)
    while true {
      do {
        return try await body()
      } catch let failure as TransferFailure {
        isReached = isReached || !failure.isUnreached
        failed += 1
        do {
          try await downloader.pause(after: failure, failed: failed, isReached: isReached)
        } catch let failure as TransferFailure {
          throw failure.error
        }
      }
    }
  }

  private func warn(_ head: AnswerHead) {
    guard let warning = head["X-HF-Warning"] else { return }
    let text = warning.split(separator: ";", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
    downloader.remark("\(head.host) says: \(text ?? warning)")
  }

  private func notTheHub() -> AcquisitionError {
    AcquisitionError(
      .page, "\(URL(string: settings.endpoint)?.host ?? "") does not answer as a Hub does: something stands between",
      remedy: "Open \(settings.endpoint) in a browser, or check HF_ENDPOINT and the proxy")
  }
}
