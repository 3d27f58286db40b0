import Foundation
import Images
import PromptLearning

/// How a server behaves. Each default suits one machine behind a proxy, or a person trying a run.
public struct ServerSettings: Sendable {
  /// Loopback, so that nobody else reaches it.
  public var host = "127.0.0.1"
  /// 0 takes any that is free.
  public var port = 8080
  /// The secret that requests to `/v1` and `/metrics` must bring.
  public var token: BearerToken?
  /// Whether a public address may be served without a token.
  public var allowsPublic = false

  /// Images that go through the model together. More than this gains little and makes the first one wait.
  public var batch = 32
  /// How long an image waits for others that are on their way. About what decoding a photo takes.
  public var gathering = Duration.milliseconds(5)
  /// Images that may be on their way at one time.
  public var queue = 256
  /// How long an image may wait for its turn.
  public var patience = Duration.seconds(10)
  /// Class lists that are kept with their tries.
  public var classLists = 32
  /// The memory of the expansions that are kept with class lists for fast answers: 5 MB for 100 classes at ViT-B/16's size, 49 MB
  /// for 1,000.
  public var expansionBytes = 256 << 20
  /// Squares whose image embeddings are kept; 150 KB each for the usual 224 × 224 pixels.
  public var imageMemory = 64
  public var budget = MemoryBudget.automatic
  /// Threads that decode photos.
  public var decoders = max(1, min(4, ProcessInfo.processInfo.activeProcessorCount / 2))

  /// Of a request's body, in bytes.
  public var bodyBytes = 20_000_000
  /// Of all bodies together, in bytes.
  public var bodiesBytes = 320_000_000
  /// Of one photo. A JPEG or PNG that is stored row by row is never whole in memory; others take up to seven bytes each.
  public var pixels = 200_000_000
  /// Whether photos are turned as their EXIF says.
  public var orientation = Orientation.exif
  /// Images of one request.
  public var images = 32
  /// Classes of one request.
  public var classes = 1_000
  /// Characters of a class name.
  public var classNameCharacters = 200

  public var connections = 256
  public var headerTime = Duration.seconds(15)
  public var bodyTime = Duration.seconds(30)
  public var answerTime = Duration.seconds(30)
  /// How long a stopping server finishes what it has accepted.
  public var stoppingTime = Duration.seconds(20)

  /// Whether requests are logged.
  public var logsRequests = true

  public init() {}

  /// Whether only this machine reaches the address.
  var isLoopback: Bool { host == "localhost" || host == "::1" || host.wholeMatch(of: /127(\.\d{1,3}){3}/) != nil }

  /// To be asked before a model is loaded.
  ///
  /// - Throws: ``ServerError/publicWithoutToken(host:)``.
  public func check() throws {
    guard isLoopback || token != nil || allowsPublic else { throw ServerError.publicWithoutToken(host: host) }
  }
}
