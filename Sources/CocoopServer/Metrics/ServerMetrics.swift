import Synchronization

/// What the server counts. Labels are routes, statuses and reasons, all from short lists of its own: nobody outside can
/// make their number grow.
final class ServerMetrics: Sendable {
  struct Counts: Sendable {
    var requests: [Endpoint: Int] = [:]
    var seconds: [String: Histogram] = [:]
    var rejected: [String: Int] = [:]
    var batches = Histogram(bounds: [1, 2, 4, 8, 16, 32, 64])
    var imageSeconds = 0.0
    var encodedImages = 0
    var textSeconds = 0.0
    var expansionSeconds = 0.0
    var expansions = 0
    var classLists = 0
    var expansionBytes = 0
    var answeredImages = Dictionary(uniqueKeysWithValues: AnswerMode.allCases.map { ($0, 0) })
    var unreadableImages = 0
    var connections = 0
  }

  struct Endpoint: Hashable, Sendable {
    let route: String
    let method: String
    let status: Int
  }

  private static let latencies = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
  ]
  private let counts = Mutex(Counts())

  var current: Counts { counts.withLock { $0 } }

  func request(_ endpoint: Endpoint, seconds: Double) {
    counts.withLock {
      $0.requests[endpoint, default: 0] += 1
      $0.seconds[endpoint.route, default: Histogram(bounds: Self.latencies)].add(seconds)
    }
  }

  func rejection(_ reason: String) { counts.withLock { $0.rejected[reason, default: 0] += 1 } }

  func batch(images: Int) { counts.withLock { $0.batches.add(Double(images)) } }

  func answered(images: Int, unreadable: Int, mode: AnswerMode) {
    counts.withLock {
      $0.answeredImages[mode, default: 0] += images
      $0.unreadableImages += unreadable
    }
  }

  func connections(_ change: Int) { counts.withLock { $0.connections += change } }

  func timingImages<Result>(_ images: Int, _ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    defer {
      counts.withLock {
        $0.imageSeconds += (ContinuousClock.now - start).seconds
        $0.encodedImages += images
      }
    }
    return try body()
  }

  /// What the table of class lists holds now.
  func keep(classLists: Int, expansionBytes: Int) {
    counts.withLock {
      $0.classLists = classLists
      $0.expansionBytes = expansionBytes
    }
  }

  /// A class list was prepared for fast answers.
  func prepared(classLists: Int, expansionBytes: Int) {
    keep(classLists: classLists, expansionBytes: expansionBytes)
    counts.withLock { $0.expansions += 1 }
  }

  func timingExpansions<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    defer { counts.withLock { $0.expansionSeconds += (ContinuousClock.now - start).seconds } }
    return try body()
  }

  func timingText<Result>(_ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    defer { counts.withLock { $0.textSeconds += (ContinuousClock.now - start).seconds } }
    return try body()
  }
}
