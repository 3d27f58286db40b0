import Experiments
import Foundation
import Hummingbird
import HummingbirdCore
import Images
import Logging
import NIOCore
import ServiceLifecycle
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
  /// - Parameter announce: told the port once the server listens.
  /// - Throws: ``ServerError``.
  public func serve(announce: @escaping @Sendable (Int) -> Void) async throws {
    signal(SIGPIPE, SIG_IGN)
    let metrics = ServerMetrics()
    let compute = ComputeThread(
      run: run,
      settings: .init(
        limits: .init(
          images: settings.queue, batch: settings.batch, gathering: settings.gathering, patience: settings.patience),
        classLists: settings.classLists, imageMemory: settings.imageMemory, budget: settings.budget),
      metrics: metrics)
    let readiness = Readiness()
    let application = try application(compute: compute, readiness: readiness, metrics: metrics) { channel in
      announce(channel.localAddress?.port ?? settings.port)
      Task { await warmUp(compute, readiness: readiness) }
    }
    do {
      try await withStopping(compute: compute, readiness: readiness, application)
    } catch let error as IOError {
      throw ServerError.cannotListen(
        host: settings.host, port: settings.port, reason: String(cString: strerror(error.errnoCode)))
    } catch let error as SocketAddressError {
      throw ServerError.cannotListen(host: settings.host, port: settings.port, reason: "\(error)")
    }
  }

  private func application(
    compute: ComputeThread, readiness: Readiness, metrics: ServerMetrics,
    onServerRunning: @escaping @Sendable (any Channel) async -> Void
  ) throws -> Application<Responder> {
    let guarding = ConnectionGuard.Limits(
      header: .init(settings.headerTime), body: .init(settings.bodyTime), answer: .init(settings.answerTime),
      lingering: .seconds(2), bodyBytes: settings.bodyBytes)
    let http = HTTP1Channel.Configuration(
      additionalChannelHandlers: [ConnectionGuard(limits: guarding, metrics: metrics)],
      httpDecoderConfiguration: .init(maxHeaderFieldSize: 16_384, maxHeaderListSize: 32_768, maxHeaderFieldCount: 100))
    return Application(
      responder: try responder(compute: compute, readiness: readiness, metrics: metrics),
      server: .http1(configuration: http),
      configuration: ApplicationConfiguration(
        address: .hostname(settings.host, port: settings.port),
        availableConnectionsDelegate: MaximumAvailableConnections(settings.connections, logger: Self.quietLogger)),
      onServerRunning: onServerRunning, logger: Self.logger)
  }

  private func responder(compute: ComputeThread, readiness: Readiness, metrics: ServerMetrics) throws -> Responder {
    let record = run.record
    let identity = RunIdentity(
      name: name, method: run.method.rawValue, checkpoint: record.model.name, checkpointSHA256: record.model.sha256)
    let preprocessing = run.clip.configuration.preprocessing
    return Responder(
      classifyHandler: ClassifyHandler(
        identity: identity, runClasses: record.classNames,
        limits: .init(images: settings.images, classes: settings.classes, nameLength: settings.classNameCharacters),
        bodyBytes: settings.bodyBytes, memory: BodyMemory(limit: settings.bodiesBytes),
        decoders: DecodingPool(
          threads: settings.decoders, preprocessing: preprocessing, maximumPixels: settings.pixels),
        queue: compute.queue, metrics: metrics),
      model: ModelAnswer(
        run: identity, models: ModelChoice.allCases.map(\.rawValue), classes: record.classNames.count,
        imageSize: preprocessing.size,
        limits: .init(
          bodyBytes: settings.bodyBytes, pixels: settings.pixels, images: settings.images, classes: settings.classes,
          classNameCharacters: settings.classNameCharacters),
        libtorch: Libtorch.version),
      page: try PageFiles(), token: settings.token, readiness: readiness, metrics: metrics,
      logsRequests: settings.logsRequests)
  }

  /// Runs until a signal; then the queue still answers what it has let in, for as long as the settings allow.
  private func withStopping(
    compute: ComputeThread, readiness: Readiness, _ application: Application<Responder>
  ) async throws {
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
    defer { compute.queue.close() }
    try await ServiceGroup(configuration: configuration).run()
  }

  /// The first answer makes the class list's trie and touches every weight.
  private func warmUp(_ compute: ComputeThread, readiness: Readiness) async {
    let size = run.clip.configuration.preprocessing.size
    let names = run.record.classNames.isEmpty ? ["photo"] : run.record.classNames
    do {
      let gray = try Image(width: size, height: size, pixels: [UInt8](repeating: 128, count: size * size * 3))
      let job = Job(
        square: gray, choice: ClassifierChoice(model: .run, classNames: names), top: 1,
        deadline: try compute.queue.admit(1) + .seconds(3600))
      _ = try await compute.queue.answer(of: job)
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
