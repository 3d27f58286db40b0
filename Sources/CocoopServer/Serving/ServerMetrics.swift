import Runs
import Support
import Synchronization

/// The counters of the server. Labels are routes, statuses and reasons, all from short fixed lists, so that no client
/// can increase their number.
package final class ServerMetrics: Sendable {
  package struct Counts: Sendable {
    var requests: [Endpoint: Int] = [:]
    var seconds: [String: Histogram] = [:]
    package var rejected: [String: Int] = [:]
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
    package var connections = 0
  }

  package struct Endpoint: Hashable, Sendable {
    let route: String
    let method: String
    let status: Int
  }

  private static let latencies = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10,
  ]
  private let counts = Mutex(Counts())

  package init() {}

  package var current: Counts { counts.withLock { $0 } }

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

  /// Records the content of the table of class lists.
  func keep(classLists: Int, expansionBytes: Int) {
    counts.withLock {
      $0.classLists = classLists
      $0.expansionBytes = expansionBytes
    }
  }

  /// Records that a class list was prepared for fast answers.
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

extension ServerMetrics {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// All counters in Prometheus's text format.
  ///
  /// - Parameter queueDepth: the number of images that were admitted and have no answer yet.
  func prometheusText(queueDepth: Int) -> String {
    let counts = current
    var lines: [String] = []
    func family(_ name: String, _ type: String, _ help: String, _ samples: [String]) {
      lines += ["# HELP cocoop_\(name) \(help)", "# TYPE cocoop_\(name) \(type)"] + samples
    }
    func single(_ name: String, _ type: String, _ help: String, _ value: some CustomStringConvertible) {
      family(name, type, help, ["cocoop_\(name) \(value)"])
    }
    family(
      "requests_total", "counter", "Answered requests.",
      counts.requests.map {
        "cocoop_requests_total{route=\"\($0.route)\",method=\"\($0.method)\",status=\"\($0.status)\"} \($1)"
      }.sorted())
    family(
      "request_seconds", "histogram", "Time from a request's head to its answer.",
      counts.seconds.sorted { $0.key < $1.key }
        .flatMap { $1.lines(name: "cocoop_request_seconds", labels: "route=\"\($0)\"") })
    family(
      "rejected_total", "counter", "Requests turned away before their images were computed.",
      counts.rejected.map { "cocoop_rejected_total{reason=\"\($0)\"} \($1)" }.sorted())
    family(
      "batch_images", "histogram", "Images that went through the model together.",
      counts.batches.lines(name: "cocoop_batch_images", labels: ""))
    single("queue_images", "gauge", "Images that were let in and have no answer yet.", queueDepth)
    single("connections", "gauge", "Open connections.", counts.connections)
    family(
      "images_total", "counter", "Images that were named.",
      counts.answeredImages.map { "cocoop_images_total{mode=\"\($0.rawValue)\"} \($1)" }.sorted())
    single("unreadable_images_total", "counter", "Images that could not be read.", counts.unreadableImages)
    single("encoded_images_total", "counter", "Images that went through the image tower.", counts.encodedImages)
    single("image_seconds_total", "counter", "Time in the image tower.", counts.imageSeconds)
    single("text_seconds_total", "counter", "Time in the text tower and what follows it.", counts.textSeconds)
    single(
      "expansion_seconds_total", "counter", "Time for preparing class lists for fast answers.", counts.expansionSeconds)
    single("expansions_total", "counter", "Class lists that were prepared for fast answers.", counts.expansions)
    single("class_lists", "gauge", "Class lists that are kept, each model and mode by itself.", counts.classLists)
    single("expansion_bytes", "gauge", "Memory of the expansions that are kept with them.", counts.expansionBytes)
    single("resident_bytes", "gauge", "Resident memory.", Int(ProcessMemory.residentMiB * 1_048_576))
    return lines.joined(separator: "\n") + "\n"
  }
}

/// A histogram in Prometheus's form: counts of values up to each of a few bounds.
package struct Histogram: Sendable {
  /// The bounds, ascending; a last bucket takes the rest.
  package let bounds: [Double]
  private var counts: [Int]
  private var sum = 0.0

  package init(bounds: [Double]) {
    self.bounds = bounds
    counts = [Int](repeating: 0, count: bounds.count + 1)
  }

  package mutating func add(_ value: Double) {
    counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    sum += value
  }

  /// The lines of the text format (Prometheus, *Exposition formats*, version 0.0.4).
  ///
  /// - Parameter labels: labels such as `route="/v1/classify"`, or empty.
  package func lines(name: String, labels: String) -> [String] {
    var total = 0
    let comma = labels.isEmpty ? "" : ","
    let buckets = zip(bounds.map { "\($0)" } + ["+Inf"], counts).map { bound, count in
      total += count
      return "\(name)_bucket{\(labels)\(comma)le=\"\(bound)\"} \(total)"
    }
    let braces = labels.isEmpty ? "" : "{\(labels)}"
    return buckets + ["\(name)_sum\(braces) \(sum)", "\(name)_count\(braces) \(total)"]
  }
}
