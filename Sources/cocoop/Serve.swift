import ArgumentParser
import CocoopServer
import Foundation
import Images
import Runs
import Support

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a run over HTTP: an API, and a page to try it.",
    discussion: """
      Stops at Ctrl-C or SIGTERM, once what it has accepted is answered.

      EXAMPLE:
        cocoop serve --run runs/mine
        curl --data-binary @photo.jpg -H "Content-Type: image/jpeg" http://127.0.0.1:8080/v1/classify
      """)

  // The defaults of all options.
  private static let standard = ServerSettings()

  private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }

  @Option(
    name: .customLong("run"), help: ArgumentHelp("A run's folder, or prompts of the reference.", valueName: "folder"))
  var runFolder: String

  @Option(help: "Another model path than the run's; it must hold the same weights.")
  var model: String?

  @Option(help: "The address to listen on; any but this machine's own needs a token.")
  var host = Self.standard.host

  @Option(help: "The port to listen on; 0 takes a free one.")
  var port = Self.standard.port

  @Option(help: ArgumentHelp("A file whose first line is the token that requests must bring.", valueName: "file"))
  var tokenFile: String?

  @Flag(help: "Listen on a public address without a token, where a proxy or firewall guards it.")
  var allowPublic = false

  @Option(
    help: ArgumentHelp(
      "A site whose pages may read answers in a browser, such as https://example.org; * for any (repeatable).",
      valueName: "origin"))
  var allowOrigin: [String] = []

  @Option(help: ArgumentHelp("Images that go through the model together.", valueName: "n"))
  var batchSize = Self.standard.queue.batch

  @Option(help: ArgumentHelp("How long an image waits for others to share its pass.", valueName: "ms"))
  var batchWait = 1000 * Self.seconds(Self.standard.queue.gathering)

  @Option(help: ArgumentHelp("Images that may wait or be computed; more are refused with 503.", valueName: "n"))
  var queue = Self.standard.queue.images

  @Option(help: ArgumentHelp("The longest that an image may wait for its turn.", valueName: "seconds"))
  var patience = Self.seconds(Self.standard.queue.patience)

  @Option(help: ArgumentHelp("The largest request, in MB.", valueName: "n"))
  var bodyLimit = Self.standard.body.bytes / 1_000_000

  @Option(
    name: [.long, .customLong("pixel-limit")],
    help: ArgumentHelp("The largest photo, in megapixels.", valueName: "n"))
  var maxMegapixels = Self.standard.decoding.pixels / 1_000_000

  @Option(
    help: ArgumentHelp(
      "exif turns photos upright, as their EXIF says; ignored takes them as stored.", valueName: "exif|ignored"))
  var orientation = Orientation.exif

  @OptionGroup var reading: PhotoDecodingOption

  @Option(help: ArgumentHelp("Connections at one time.", valueName: "n"))
  var connections = Self.standard.connections

  @Option(help: ArgumentHelp("How long a client may take to send a request's header.", valueName: "seconds"))
  var headerTime = Self.seconds(Self.standard.connection.header)

  @Option(help: ArgumentHelp("How long a client may take to send a request's body.", valueName: "seconds"))
  var bodyTime = Self.seconds(Self.standard.connection.body)

  @Option(help: ArgumentHelp("Photos whose image features are kept, for requests with other classes.", valueName: "n"))
  var imageMemory = Self.standard.model.imageMemory

  @Option(help: ArgumentHelp("How long stopping may take.", valueName: "seconds"))
  var stopLimit = Self.seconds(Self.standard.stoppingTime)

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var products: PrecisionOption

  @OptionGroup var fetching: FetchOptions

  @Flag(help: "Show none of the run's own test photos on the page.")
  var noExamples = false

  @Flag(help: "Log no requests.")
  var quiet = false

  func validate() throws {
    func check<Number: Comparable>(_ option: String, _ value: Number, _ range: ClosedRange<Number>) throws {
      guard range.contains(value) else {
        throw ValidationError(
          "--\(option) must be from \(range.lowerBound) to \(range.upperBound), found \(value).")
      }
    }
    try check("port", port, 0...65_535)
    try check("batch-size", batchSize, 1...1024)
    try check("batch-wait", batchWait, 0...1000)
    try check("queue", queue, 1...100_000)
    try check("patience", patience, 0.1...600)
    try check("body-limit", bodyLimit, 1...1000)
    try check("max-megapixels", maxMegapixels, 1...1000)
    try check("connections", connections, 1...100_000)
    try check("header-time", headerTime, 0.1...3600)
    try check("body-time", bodyTime, 0.1...3600)
    try check("image-memory", imageMemory, 0...100_000)
    try check("stop-limit", stopLimit, 0.1...3600)
    do {
      _ = try AllowedOrigins(allowOrigin)
    } catch let error as ServerError {
      throw ValidationError("--allow-origin: \(error.explanation)")
    }
  }

  func run() throws {
    let device = try compute.apply(quiet: quiet)
    try fetching.fetch(model, quiet: quiet)
    var settings = ServerSettings()
    settings.host = host
    settings.port = port
    settings.token = try tokenFile.map(BearerToken.init(contentsOf:))
    settings.allowsPublic = allowPublic
    settings.origins = try AllowedOrigins(allowOrigin)
    settings.queue.batch = batchSize
    settings.queue.gathering = .milliseconds(batchWait)
    settings.queue.images = queue
    settings.queue.patience = .seconds(patience)
    settings.body.bytes = bodyLimit * 1_000_000
    settings.body.totalBytes = max(settings.body.totalBytes, 4 * settings.body.bytes)
    settings.decoding.pixels = maxMegapixels * 1_000_000
    settings.decoding.orientation = orientation
    settings.connections = connections
    settings.connection.header = .seconds(headerTime)
    settings.connection.body = .seconds(bodyTime)
    settings.model.imageMemory = imageMemory
    settings.model.budget = compute.budget(on: device)
    settings.offersExamples = !noExamples
    settings.stoppingTime = .seconds(stopLimit)
    settings.logsRequests = !quiet
    try settings.check()
    let folder = URL(filePath: runFolder)
    let name = folder.standardizedFileURL.lastPathComponent
    let loaded = try LoadedRun(folder: folder, model: model, precision: products.precision, on: device)
    settings.decoding.photoDecoding = reading.photoDecoding ?? loaded.photoDecoding
    let server = PredictionServer(loaded, name: name, settings: settings)
    try server.serve { [host] port in
      let host = host.contains(":") ? "[\(host)]" : host
      StandardError.write("Serving \(name) at http://\(host):\(port) (Ctrl-C stops it)\n")
    }
  }
}
