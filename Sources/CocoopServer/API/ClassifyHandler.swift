import Foundation
import Hummingbird
import Images
import PromptLearning
import Runs

/// The answer to `POST /v1/classify`: reads the body, admits its images, decodes them concurrently, and gathers the
/// answers.
struct ClassifyHandler: Sendable {
  let identity: RunIdentity
  let runClasses: [String]
  let fastMode: FastAvailability
  let limits: ClassifyRequest.Limits
  let bodyBytes: Int
  let memory: BodyMemory
  let decoders: DecodingPool
  let queue: BatchQueue
  let metrics: ServerMetrics

  /// - Throws: ``APIError``, or `CancellationError` where the client is gone.
  func respond(to request: Request, in context: RequestContext) async throws -> Response {
    let contentType = request.headers[.contentType]
    guard ClassifyRequest.reads(contentType) else { throw APIError.mediaType(found: contentType) }
    let body = try await ReceivedBody.read(
      request.body, length: request.headers[.contentLength], limit: bodyBytes, memory: memory)
    // The request's images share the body's memory.
    defer { withExtendedLifetime(body) {} }
    let start = ContinuousClock.now
    let asked = try ClassifyRequest(
      body.data, contentType: contentType, query: request.uri.query, runClasses: runClasses, limits: limits)
    if asked.choice.mode == .fast { try fastMode.check() }
    let signal = await context.disconnectSignal()
    let admission = try queue.admit(asked.images.count)
    let results = try await signal.whileOpen { try await self.results(of: asked, admission: admission) }
    let failures = results.count { if case .failed = $0 { true } else { false } }
    metrics.answered(images: results.count - failures, unreadable: failures, mode: asked.choice.mode)
    if results.count == 1, case .failed(let error)? = results.first { throw error }
    return try .json(
      ClassifyAnswer(
        id: context.id, model: asked.choice.model.rawValue, mode: asked.choice.mode.rawValue, run: identity,
        orientation: decoders.reading.orientation, photoDecoding: decoders.reading.decoding,
        milliseconds: ((ContinuousClock.now - start).seconds * 10_000).rounded() / 10, results: results))
  }

  /// An image that cannot be read fails alone; everything else fails the request.
  private func results(of asked: ClassifyRequest, admission: Admission) async throws -> [ImageResult] {
    try await withThrowingTaskGroup(of: (Int, ImageResult).self) { group in
      for (index, data) in asked.images.enumerated() {
        group.addTask {
          let name = asked.images.count == 1 ? "The image" : "Image \(index + 1)"
          return (index, try await result(of: data, named: name, asked: asked, admission: admission))
        }
      }
      var results = [ImageResult](repeating: .failed(.internalFailure), count: asked.images.count)
      for try await (index, result) in group { results[index] = result }
      return results
    }
  }

  private func result(
    of data: Data, named name: String, asked: ClassifyRequest, admission: Admission
  ) async throws -> ImageResult {
    let square: Image
    do {
      square = try await decoders.square(data, named: name)
    } catch {
      // Released at once, so that no batch waits for it while the request's other images are computed.
      admission.giveBackPlace()
      guard let error = error as? ImageError else { throw error }
      return .failed(APIError(error))
    }
    let job = Job(square: square, choice: asked.choice, top: asked.top, deadline: admission.deadline)
    do {
      return .named(try await queue.answer(of: job, admitted: admission))
    } catch let error as LearningError where error.kind == .classes {
      // The problem of the request's classes, without facts about files. All else is for the operator's log.
      throw APIError.classes(error.problem)
    }
  }
}

extension APIError {
  /// A photo that cannot be read, with advice for its sender: a JPEG that is too large should not be sent as a JPEG.
  fileprivate init(_ error: ImageError) {
    switch error.kind {
    case .tooLarge: self = .image(error.problem, remedy: "Send a smaller copy")
    case .damaged: self = .image(error.problem, remedy: "Send the whole file, or export it again")
    case .shape: self = .image(error.problem, remedy: "Crop it to a less extreme shape")
    case .other: self = .image(error.problem, remedy: RequestGuide.image)
    }
  }
}
