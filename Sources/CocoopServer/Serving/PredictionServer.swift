import Experiments
import Foundation
import Hummingbird
import HummingbirdCore
import Images
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import Torch

/// A run as a service.
public struct PredictionServer: Sendable {
  private let run: LoadedRun
  private let name: String
  private let settings: ServerSettings

  /// - Parameters:
  ///   - run: loaded, so that whatever is wrong with it is told before anybody connects.
  ///   - name: what answers call the run; where it lies is nobody's business.
  public init(_ run: LoadedRun, name: String, settings: ServerSettings) {
    self.run = run
    self.name = name
    self.settings = settings
  }

  /// Serves until a signal to terminate, and then finishes what it has accepted. What takes longer than the settings allow
  /// ends the process.
  ///
  /// The model computes on the calling thread, which must be the one that loaded it; everything else happens on others.
  ///
  /// - Parameter announce: told the port once the server listens.
  /// - Throws: ``ServerError``.
  public func serve(announce: @escaping @Sendable (Int) -> Void) throws {
    signal(SIGPIPE, SIG_IGN)
    let metrics = ServerMetrics()
    let fastMode = try FastAvailability(of: run)
    var compute = ComputeLoop(
      run: run, fastMode: fastMode.mode,
      settings: .init(
        limits: .init(
          images: settings.queue, batch: settings.batch, gathering: settings.gathering, patience: settings.patience),
        classLists: settings.classLists, expansionBytes: settings.expansionBytes, imageMemory: settings.imageMemory,
        budget: settings.budget),
      metrics: metrics)
    let readiness = Readiness()
    let queue = compute.queue
    let responder = try responder(queue: queue, fastMode: fastMode, readiness: readiness, metrics: metrics)
    let application = application(responder, metrics: metrics) { channel in
      announce(channel.localAddress?.port ?? settings.port)
      Task { await warmUp(queue, readiness: readiness) }
    }
    let failure = Mutex<(any Error)?>(nil)
    Task {
      do { try await listen(application, readiness: readiness) } catch { failure.withLock { $0 = error } }
      queue.close()
    }
    compute.run()
    if let failure = failure.withLock(\.self) { throw failure }
  }

  /// Runs until a signal; then the queue still answers what it has let in, for as long as the settings allow.
  ///
  /// - Throws: ``ServerError``.
  private func listen(_ application: Application<Responder>, readiness: Readiness) async throws {
    do {
      try await withStopping(application, readiness: readiness)
    } catch let error as IOError {
      throw ServerError.cannotListen(
        host: settings.host, port: settings.port, reason: String(cString: strerror(error.errnoCode)))
    } catch let error as SocketAddressError {
      throw ServerError.cannotListen(host: settings.host, port: settings.port, reason: "\(error)")
    }
  }

  private func application(
    _ responder: Responder, metrics: ServerMetrics, onServerRunning: @escaping @Sendable (any Channel) async -> Void
  ) -> Application<Responder> {
    let guarding = ConnectionGuard.Limits(
      header: .init(settings.headerTime), body: .init(settings.bodyTime), answer: .init(settings.answerTime),
      lingering: .seconds(2), bodyBytes: settings.bodyBytes)
    let http = HTTP1Channel.Configuration(
      additionalChannelHandlers: [ConnectionGuard(limits: guarding, metrics: metrics)],
      httpDecoderConfiguration: .init(maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100))
    return Application(
      responder: responder,
      server: .http1(configuration: http),
      configuration: ApplicationConfiguration(
        address: .hostname(settings.host, port: settings.port),
        availableConnectionsDelegate: MaximumAvailableConnections(settings.connections, logger: Self.quietLogger)),
      onServerRunning: onServerRunning, logger: Self.logger)
  }

  private func responder(
    queue: BatchQueue, fastMode: FastAvailability, readiness: Readiness, metrics: ServerMetrics
  ) throws -> Responder {
    let record = run.record
    let identity = RunIdentity(
      name: name, method: run.method.rawValue, checkpoint: record.model.name, checkpointSHA256: record.model.sha256)
    let preprocessing = run.clip.configuration.preprocessing
    return Responder(
      classifyHandler: ClassifyHandler(
        identity: identity, runClasses: record.classNames, fastMode: fastMode,
        limits: .init(images: settings.images, classes: settings.classes, nameLength: settings.classNameCharacters),
        bodyBytes: settings.bodyBytes, memory: BodyMemory(limit: settings.bodiesBytes),
        decoders: DecodingPool(
          threads: settings.decoders, preprocessing: preprocessing,
          reading: PhotoReading(
            limits: DecodingLimits(maximumPixels: settings.pixels), orientation: settings.orientation)),
        queue: queue, metrics: metrics),
      model: ModelAnswer(
        run: identity, models: ModelChoice.allCases.map(\.rawValue), fast: fastMode,
        classes: record.classNames.count, imageSize: preprocessing.size,
        orientation: settings.orientation,
        limits: .init(
          bodyBytes: settings.bodyBytes, pixels: settings.pixels, images: settings.images, classes: settings.classes,
          classNameCharacters: settings.classNameCharacters),
        libtorch: Libtorch.version),
      page: try PageFiles(), token: settings.token, readiness: readiness, metrics: metrics,
      logsRequests: settings.logsRequests)
  }

  private func withStopping(_ application: Application<Responder>, readiness: Readiness) async throws {
    let limit = settings.stoppingTime
    let stopping = StoppingService {
      readiness.set(false)
      // What holds a process beyond the limit is not worth waiting for: nothing of it is on the disk.
      DispatchQueue.global().asyncAfter(deadline: .now() + limit.seconds + 2) {
        LineLog.write("The server did not stop in time and ends now.\n")
        _exit(1)
      }
    }
    var configuration = ServiceGroupConfiguration(
      services: [application, stopping], gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quietLogger)
    configuration.maximumGracefulShutdownDuration = limit
    try await ServiceGroup(configuration: configuration).run()
  }

  /// The first answer makes the class list's trie and touches every weight.
  private func warmUp(_ queue: BatchQueue, readiness: Readiness) async {
    let size = run.clip.configuration.preprocessing.size
    let names = run.record.classNames.isEmpty ? ["photo"] : run.record.classNames
    do {
      let gray = try Image(width: size, height: size, pixels: [UInt8](repeating: 128, count: size * size * 3))
      let job = Job(
        square: gray, choice: ClassifierChoice(model: .run, mode: .exact, classNames: names), top: 1,
        deadline: try queue.admit(1) + .seconds(3600))
      _ = try await queue.answer(of: job)
      readiness.set(true)
    } catch {
      Self.logger.error("The model cannot answer: \(error)")
    }
  }

  private static let logger = Logger(label: "cocoop") { _ in LineLog() }
  /// Of libraries: what they tell about every connection helps nobody.
  private static let quietLogger = Logger(label: "cocoop") { _ in LineLog(logLevel: .error) }
}

/// Waits for the signal to stop, and says so.
private struct StoppingService: Service {
  let stop: @Sendable () -> Void

  func run() async throws {
    try? await gracefulShutdown()
    stop()
  }
}
