import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NamedModels
import Support

/// Fetches files: whole, verified, and under their final names only then.
///
/// What arrives goes to a part file beside the final one. A broken transfer goes on from its very byte, in this process
/// or a later one, and by another address where the file's hash is known.
public struct Downloader: Sendable {
  let settings: NetworkSettings
  let transport: HTTPTransport
  /// Called with remarks for a person, each a sentence without its full stop.
  let remark: @Sendable (String) -> Void
  /// Called as bytes arrive, at most ten times a second, and at the end of each file.
  let report: @Sendable (DownloadProgress) -> Void

  /// Makes a downloader, and closes its connections when `body` ends.
  public static func with<Result: Sendable>(
    _ settings: NetworkSettings, remark: @escaping @Sendable (String) -> Void = { _ in },
    report: @escaping @Sendable (DownloadProgress) -> Void = { _ in },
    _ body: @Sendable (Downloader) async throws -> Result
  ) async throws -> Result {
    let transport = HTTPTransport(settings)
    do {
      let result = try await body(Self(settings: settings, transport: transport, remark: remark, report: report))
      await transport.shutDown()
      return result
    } catch {
      await transport.shutDown()
      throw error
    }
  }

  /// Fetches a file to `file`, in a folder that exists. A file that is there already and right is not fetched again.
  ///
  /// - Parameters:
  ///   - part: where arriving bytes go; `nil` for a hidden name beside the file.
  ///   - lock: a lock file that other programs heed too; `nil` for a hidden name beside the file.
  /// - Throws: ``AcquisitionError``; the part is kept then. `CancellationError`.
  public func fetch(
    _ download: Download, into file: URL, part: URL? = nil, lock: URL? = nil
  ) async throws -> FetchedFile {
    if let present = try verified(download, at: file) { return present }
    if let variable = settings.offlineBecause {
      throw AcquisitionError(
        .offline,
        "\(download.name) is not in \(file.deletingLastPathComponent().path), and \(variable) forbids requests",
        remedy: "Fetch it without \(variable), or put it there as \(file.path)")
    }
    let own = file.deletingLastPathComponent().appending(path: ".\(file.lastPathComponent)")
    let lock = try await FileLock(
      at: lock ?? URL(filePath: own.path + ".lock"), isRemoved: lock == nil, waiting: remark)
    defer { lock.release() }
    if let present = try verified(download, at: file) { return present }
    // Without a lock another process may be at work on the part of the usual name.
    let partURL = part ?? URL(filePath: own.path + ".part")
    let unique = lock.isHeld ? partURL : TemporaryName.beside(partURL, "part")
    adopt(file, of: download, as: unique)
    let part = try PartFile(at: unique, isHashedByMD5: download.digest?.algorithm == .md5)
    return try await transfer(download, into: file, part: part)
  }

  /// A file that is there; `nil` where nothing is, or something else, which is kept under another name.
  private func verified(_ download: Download, at file: URL) throws -> FetchedFile? {
    guard FileSystem.fileExists(file.path) else { return nil }
    do {
      let (descriptor, size) = try FileSystem.openFile(file.path)
      defer { close(descriptor) }
      if let expected = download.size, expected != size { return nil }
      let sha256 = try FileDigest.sha256("").hash(ofFile: file.path)
      if let digest = download.digest {
        let found = digest.algorithm == .sha256 ? sha256 : try digest.hash(ofFile: file.path)
        guard digest.matches(found) else { return nil }
      }
      return FetchedFile(path: file.path, bytes: size, sha256: sha256, address: nil)
    } catch let reason as SystemReason {
      throw AcquisitionError(
        .other, "\(file.path) cannot be read: \(reason.text)", remedy: "Give yourself the right to read it")
    }
  }

  /// Takes what another tool has left under the final name, a file that is not the right one: where it is shorter, it
  /// may be the beginning; otherwise it is kept under another name.
  private func adopt(_ file: URL, of download: Download, as part: URL) {
    guard let (descriptor, size) = try? FileSystem.openFile(file.path) else { return }
    close(descriptor)
    let isBeginning = download.digest != nil && download.size.map { size < $0 } ?? false
    if isBeginning, !FileSystem.exists(part.path) {
      guard rename(file.path, part.path) == 0 else { return }
      remark("\(file.path) was incomplete (\(size) of \(download.size ?? 0) bytes): going on from there")
    } else {
      let aside = file.path + ".wrong"
      guard rename(file.path, aside) == 0 else { return }
      remark("\(file.path) is not the file that it should be, and is kept as \(aside)")
    }
  }

  private func transfer(_ download: Download, into file: URL, part: PartFile) async throws -> FetchedFile {
    var failures: [AcquisitionError] = []
    let validator = PartValidator(of: part.url)
    defer {
      if part.count == 0 {
        part.remove()
        validator.remove()
      }
    }
    if download.digest == nil, part.count > 0, validator.text == nil { try part.restart() }
    for address in download.addresses {
      do {
        return try await whole(download, from: address, part: part, validator: validator, file: file)
      } catch let failure as TransferFailure {
        if failure.error.endsEverything { throw failure.error }
        failures.append(failure.error)
        if address.url != download.addresses.last?.url {
          remark("\(failure.error.problem). Trying the next address")
        }
      }
    }
    throw AcquisitionError.everyAddressFailed(file: download.name, failures: failures)
  }

  /// Gets the file from one address. Where a wrong hash may be the fault of an earlier part, it starts over once.
  private func whole(
    _ download: Download, from address: Download.Address, part: PartFile, validator: PartValidator, file: URL
  ) async throws -> FetchedFile {
    while true {
      let begun = part.count
      try await arrive(download, from: address, part: part, validator: validator)
      do {
        return try finish(download, part: part, file: file, address: address)
      } catch let failure as TransferFailure {
        guard failure.error.kind == .wrongHash, begun > 0 else { throw failure }
        remark("\(failure.error.problem). Starting over, as its beginning was here before")
      }
    }
  }

  /// Requests the rest of the file until all of it is here.
  private func arrive(
    _ download: Download, from address: Download.Address, part: PartFile, validator: PartValidator
  ) async throws {
    let meter = RateMeter(download.name, from: part.count, report)
    var best = part.count
    var failed = 0
    var isReached = false
    while true {
      try Task.checkCancellation()
      if let size = download.size, part.count == size { break }
      if let size = download.size, part.count > size { try part.restart() }
      do {
        try await attempt(download, from: address, part: part, validator: validator, meter: meter)
        break
      } catch let failure as TransferFailure {
        if part.count > best { (best, failed, isReached) = (part.count, 0, true) }
        isReached = isReached || !failure.isUnreached
        failed += 1
        try await pause(after: failure, failed: failed, isReached: isReached)
      }
    }
    meter.finish(part.count)
  }

  /// One request, and what it brings.
  private func attempt(
    _ download: Download, from address: Download.Address, part: PartFile, validator: PartValidator, meter: RateMeter
  ) async throws {
    var headers: [(name: String, value: String)] = []
    if part.count > 0 {
      headers.append(("Range", "bytes=\(part.count)-"))
      if download.digest == nil, let version = validator.text { headers.append(("If-Range", version)) }
    }
    let answer = try await transport.send(.GET, address.url, ownHeaders: address.headers, headers: headers)
    let head = answer.head
    let total: Int?
    switch head.status {
    case 200: total = head.contentLength
    case 206:
      guard let range = head.contentRange, range.start == part.count else {
        throw TransferFailure(
          AcquisitionError(
            .length, "\(head.host) sends another part of \(download.name) than was asked for",
            remedy: "Run the same command again"))
      }
      total = range.total
    case 416:
      // All of it may be here; what is here may also be of another file.
      if part.count > 0, head.totalOfRefusedRange == part.count, download.size ?? part.count == part.count { return }
      try part.restart()
      throw TransferFailure(
        AcquisitionError(.length, "\(head.host) has no such part of \(download.name)"), isTransient: true)
    default: throw TransferFailure(head, explain: address.explain)
    }
    var body = Body(answer, transport)
    // A web page is one before it is anything else: its length says nothing about the file, and what has arrived of
    // the file stays.
    if head.isPage { throw TransferFailure.page(head, name: download.name) }
    if head.status == 200 {
      try await body.readBeginning()
      if body.isPage { throw TransferFailure.page(head, name: download.name) }
    }
    if let expected = download.size, let total, total != expected {
      throw TransferFailure(
        AcquisitionError(
          .length, "\(head.host) has \(download.name) with \(total) bytes, where \(expected) were expected",
          remedy: "Fetch the file elsewhere"))
    }
    if head.status == 200, part.count > 0 {
      try body.checkThatMoreFollows()
      try part.restart()
    }
    if part.count == 0, download.digest == nil { validator.write(head.validator) }
    try await receive(&body, from: head, of: download, total: download.size ?? total, part: part, meter: meter)
  }

  private func receive(
    _ body: inout Body, from head: AnswerHead, of download: Download, total: Int?, part: PartFile, meter: RateMeter
  ) async throws {
    if let total { try part.checkRoom(for: total) }
    while let piece = try await body.next() {
      if let total, part.count + piece.readableBytes > total {
        throw TransferFailure(
          AcquisitionError(
            .length, "\(head.host) sends more than the \(total) bytes of \(download.name)",
            remedy: "Fetch the file elsewhere"))
      }
      try part.append(piece, total: total)
      meter.update(part.count, of: total)
      try Task.checkCancellation()
    }
    if let total, part.count < total {
      throw TransferFailure.broken("\(part.count) of \(total) bytes have arrived", head.host)
    }
    if part.count == 0, total != 0 {
      throw TransferFailure.broken("an empty answer", head.host)
    }
  }

  /// Verifies the part and gives it its name.
  private func finish(
    _ download: Download, part: PartFile, file: URL, address: Download.Address
  ) throws -> FetchedFile {
    let (sha256, md5) = part.finishedHashes()
    if let digest = download.digest {
      let found: String
      do {
        found =
          switch digest.algorithm {
          case .sha256: sha256
          case .md5: try md5 ?? digest.hash(ofFile: part.url.path)
          case .gitBlob: try digest.hash(ofFile: part.url.path)
          }
      } catch {
        throw AcquisitionError(.other, "\(part.url.path) cannot be read again: \(error)")
      }
      guard digest.matches(found) else {
        let host = URL(string: address.url)?.host ?? address.url
        let aside = "\(file.path).wrong-hash"
        let isKept = rename(part.url.path, aside) == 0
        try part.restart()
        throw TransferFailure(
          AcquisitionError(
            .wrongHash,
            "\(download.name) from \(host) has the \(digest.algorithm.rawValue) \(found.prefix(12))…, where"
              + " \(digest.hexadecimal.prefix(12))… was expected" + (isKept ? ". It is kept as \(aside)" : ""),
            remedy: "Look at it, remove it, and fetch the file elsewhere"))
      }
    }
    try part.finish(as: file)
    PartValidator(of: part.url).remove()
    return FetchedFile(path: file.path, bytes: part.count, sha256: sha256, address: address.url)
  }

  /// Waits before another try, or gives the failure back.
  ///
  /// - Parameters:
  ///   - failed: the tries that have failed without a new byte, this one too.
  ///   - isReached: whether the server was reached before.
  func pause(after failure: TransferFailure, failed: Int, isReached: Bool) async throws {
    guard failure.isTransient, failed < settings.tries, isReached || !failure.isUnreached else { throw failure }
    var pause = min(settings.longestPause, settings.pause * (1 << min(failed - 1, 20)))
    if let requested = failure.pause {
      guard requested <= settings.longestRequestedPause else { throw failure }
      pause = requested
    }
    if pause >= .seconds(2) {
      remark("\(failure.error.problem). Trying again in \(Int((pause / .seconds(1)).rounded(.up))) s")
    }
    try await Task.sleep(for: pause)
  }
}

/// An answer's body, whose beginning can be looked at before any of it is taken.
private struct Body {
  private var pieces: HTTPClientResponse.Body.AsyncIterator
  private var beginning = ByteBuffer()
  /// The failure that comes after the beginning.
  private var failure: TransferFailure?
  private let transport: HTTPTransport
  private let url: URL

  /// The bytes by which a web page is recognised.
  private static let telling = 1024

  init(_ answer: Answer, _ transport: HTTPTransport) {
    (pieces, self.transport, url) = (answer.body.makeAsyncIterator(), transport, answer.head.url)
  }

  /// Whether what was read of the beginning is a web page's.
  var isPage: Bool { WrongDownload(beginning: beginning.readableBytesView.prefix(Self.telling)) == .page }

  /// Reads as much as tells a web page from a file, or as there is.
  mutating func readBeginning() async throws {
    do {
      while beginning.readableBytes < Self.telling, !isPage, var piece = try await received() {
        beginning.writeBuffer(&piece)
      }
    } catch let failure as TransferFailure {
      self.failure = failure
    }
  }

  /// - Throws: ``TransferFailure`` where the beginning is all that has arrived.
  func checkThatMoreFollows() throws { if let failure { throw failure } }

  /// The next bytes; `nil` at the end.
  ///
  /// - Throws: ``TransferFailure``, `CancellationError`.
  mutating func next() async throws -> ByteBuffer? {
    guard beginning.readableBytes == 0 else {
      defer { beginning = ByteBuffer() }
      return beginning
    }
    try checkThatMoreFollows()
    return try await received()
  }

  private mutating func received() async throws -> ByteBuffer? {
    do {
      return try await pieces.next()
    } catch {
      try Task.checkCancellation()
      throw transport.failure(error, for: url)
    }
  }
}

/// The version of the file that a part belongs to, where no hash can tell: beside the part.
struct PartValidator {
  private let path: String

  init(of part: URL) { path = part.path + ".version" }

  var text: String? {
    guard let data = try? FileSystem.contents(of: path, atMost: 4096) else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    return text.isEmpty || text.contains(where: \.isNewline) ? nil : text
  }

  func write(_ text: String?) {
    guard let text else { return remove() }
    try? AtomicFile.write(Data(text.utf8), to: URL(filePath: path))  // without it, the next process starts anew
  }

  func remove() { _ = FileSystem.withSystemPath(path) { unlink($0) } }
}

/// Measures the rate of a transfer over its last seconds.
final class RateMeter {
  private let name: String
  private let report: @Sendable (DownloadProgress) -> Void
  private var marks: [(time: ContinuousClock.Instant, bytes: Int)]
  private var total: Int?
  private static let window: Duration = .seconds(5)
  private static let reportPause: Duration = .milliseconds(100)

  init(_ name: String, from bytes: Int, _ report: @escaping @Sendable (DownloadProgress) -> Void) {
    (self.name, self.report) = (name, report)
    marks = [(.now, bytes)]
  }

  func update(_ bytes: Int, of total: Int?) {
    self.total = total
    let now = ContinuousClock.now
    guard let last = marks.last, now - last.time >= Self.reportPause else { return }
    if bytes < last.bytes { marks = [] }  // begun anew
    marks.append((now, bytes))
    while marks.count > 2, now - marks[0].time > Self.window { marks.removeFirst() }
    let seconds = (now - marks[0].time) / .seconds(1)
    let rate = seconds > 0 ? Double(bytes - marks[0].bytes) / seconds : nil
    report(DownloadProgress(name: name, bytes: bytes, total: total, bytesPerSecond: rate))
  }

  func finish(_ bytes: Int) {
    report(DownloadProgress(name: name, bytes: bytes, total: bytes, bytesPerSecond: nil))
  }
}
