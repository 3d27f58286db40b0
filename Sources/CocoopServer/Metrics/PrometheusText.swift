import Experiments

extension ServerMetrics {
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// Everything that is counted, as Prometheus reads it.
  ///
  /// - Parameter queueDepth: images that were let in and have no answer yet.
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
