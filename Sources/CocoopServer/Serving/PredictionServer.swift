import CLIP
import Foundation
import Hummingbird
import HummingbirdCore
import Images
import Logging
import NIOCore
import PromptLearning
import Runs
import ServiceLifecycle
import Synchronization
import Torch
import UnixSignals

/// A server that answers with one run.
public struct PredictionServer: Sendable {
  private let run: LoadedRun
  private let name: String
  private let settings: ServerSettings

  /// - Parameters:
  ///   - run: the run, already loaded, so that its errors are known before any client connects.
  ///   - name: the run's name in answers, without its path.
  public init(_ run: LoadedRun, name: String, settings: ServerSettings) {
    self.run = run
    self.name = name
    self.settings = settings
  }

  /// Serves until a signal to terminate, and then completes the accepted requests. If that exceeds the settings' limit,
  /// the process ends.
  ///
  /// The model computes on the calling thread, which must be the one that loaded it; everything else happens on other
  /// threads.
  ///
  /// - Parameter announce: called with the port once the server listens.
  /// - Throws: ``ServerError``.
  public func serve(announce: @escaping @Sendable (Int) -> Void) throws {
    signal(SIGPIPE, SIG_IGN)
    let metrics = ServerMetrics()
    let fastMode = try FastAvailability(of: run)
    let queue = BatchQueue(settings.queue)
    var classifier = BatchClassifier(run: run, fastMode: fastMode.mode, settings: settings.model, metrics: metrics)
    let readiness = Readiness()
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
    classifier.run(queue)
    if let failure = failure.withLock(\.self) { throw failure }
  }

  /// Runs until a signal; then the queue still answers the admitted images, within the limit of the settings.
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
    return Application(
      responder: responder,
      server: HTTPServerBuilder { [settings] respond in
        HTTPChannel(responder: respond) {
          ConnectionGuard(
            limits: settings.connection, bodyBytes: settings.body.bytes, metrics: metrics, refuse: responder.refusal)
        }
      },
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
      name: name, method: run.method.id, checkpoint: record.model.name, checkpointSHA256: record.model.sha256)
    let preprocessing = run.clip.configuration.preprocessing
    return Responder(
      classifyHandler: ClassifyHandler(
        identity: identity, runClasses: record.classNames, fastMode: fastMode,
        limits: settings.request, bodyBytes: settings.body.bytes,
        memory: BodyMemory(limit: settings.body.totalBytes),
        decoders: DecodingPool(settings.decoding, preprocessing: preprocessing),
        queue: queue, metrics: metrics),
      model: ModelAnswer(
        run: identity, models: ModelChoice.allCases.map(\.rawValue), fast: fastMode,
        classes: record.classNames.count, otherClasses: record.otherClasses ?? [], imageSize: preprocessing.size,
        orientation: settings.decoding.orientation, photoDecoding: settings.decoding.photoDecoding,
        limits: .init(
          bodyBytes: settings.body.bytes, pixels: settings.decoding.pixels, images: settings.request.images,
          classes: settings.request.classes, classNameCharacters: settings.request.classNameCharacters),
        device: run.clip.device.title, precision: run.clip.precision, libtorch: Libtorch.version),
      examples: ExamplePhotos(of: settings.showsExamples ? run : nil), page: try PageFiles(), token: settings.token,
      origins: settings.origins, readiness: readiness, metrics: metrics, logsRequests: settings.logsRequests,
      logger: Self.logger)
  }

  private func withStopping(_ application: Application<Responder>, readiness: Readiness) async throws {
    let limit = settings.stoppingTime
    let stopping = StoppingService {
      readiness.set(false)
      // Work beyond the limit is not worth waiting for: nothing of it is written to disk.
      DispatchQueue.global().asyncAfter(deadline: .now() + limit.seconds + 2) {
        StderrLogHandler.write("The server did not stop in time and ends now.\n")
        _exit(1)
      }
    }
    var configuration = ServiceGroupConfiguration(
      services: [application, stopping], gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quietLogger)
    configuration.maximumGracefulShutdownDuration = limit
    try await ServiceGroup(configuration: configuration).run()
  }

  /// Warms up the model: the first answer makes the class list's trie and touches every weight.
  private func warmUp(_ queue: BatchQueue, readiness: Readiness) async {
    let size = run.clip.configuration.preprocessing.size
    let names = run.record.classNames.isEmpty ? ["photo"] : run.record.classNames
    do {
      let gray = try Image(width: size, height: size, pixels: [UInt8](repeating: 128, count: size * size * 3))
      let admission = try queue.admit(1)
      let job = Job(
        square: gray, choice: ClassifierChoice(model: .run, mode: .exact, classNames: names), top: 1,
        deadline: admission.deadline + .seconds(3600))
      _ = try await queue.answer(of: job, admitted: admission)
      readiness.set(true)
    } catch {
      Self.logger.error("The model cannot answer: \(error)")
    }
  }

  private static let logger = Logger(label: "cocoop") { _ in StderrLogHandler() }
  /// A log for libraries without their lines about every connection.
  private static let quietLogger = Logger(label: "cocoop") { _ in StderrLogHandler(logLevel: .error) }
}

/// Waits for the signal to stop, and logs it.
private struct StoppingService: Service {
  let stop: @Sendable () -> Void

  func run() async throws {
    try? await gracefulShutdown()
    stop()
  }
}
