import Foundation
import Images
import Prediction
import Runs
import Support
import Torch

/// The answer of `POST /v1/classify`.
struct ClassifyAnswer: Encodable {
  /// The request's id, as in the log.
  let id: String
  let model: String
  /// The mode of the answer: zero-shot CLIP is exact whatever was requested.
  let mode: String
  let run: RunIdentity
  /// Whether photos were turned according to EXIF.
  let orientation: Orientation
  /// How much of a photo was decoded.
  let photoDecoding: PhotoDecoding
  /// From the end of the body to the answer.
  let milliseconds: Double
  /// The results, one for each image, in the order sent.
  let results: [ImageResult]
}

/// The classes of one image, or the reason why it could not be read.
enum ImageResult: Encodable {
  case named([Prediction.Candidate])
  case failed(APIError)

  private enum CodingKeys: CodingKey { case top, error }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .named(let top): try container.encode(top, forKey: .top)
    case .failed(let error): try container.encode(ErrorAnswer.Content(error), forKey: .error)
    }
  }
}

/// The identity of the run, without facts about the host.
struct RunIdentity: Encodable, Sendable {
  /// The name of its folder, without the path.
  let name: String
  let method: String
  /// The hash of the checkpoint.
  let checkpoint: String
  let checkpointSHA256: String
}

/// The answer of `GET /v1/model`.
struct ModelAnswer: Encodable {
  let run: RunIdentity
  let models: [String]
  let fast: FastAvailability
  let classes: Int
  /// The names of the other classes of the run's data; empty for a run on all, or where it does not know them.
  let otherClasses: [String]
  let imageSize: Int
  /// Whether photos are turned according to EXIF.
  let orientation: Orientation
  /// How much of a photo is decoded.
  let photoDecoding: PhotoDecoding
  let limits: Limits
  /// Where the model computes, with its name: "cuda:0 (NVIDIA H200)".
  let device: String
  /// The precision of the products in frozen layers.
  let precision: Precision
  let libtorch: String

  struct Limits: Encodable {
    let bodyBytes: Int
    let pixels: Int
    let images: Int
    let classes: Int
    let classNameCharacters: Int
  }
}

/// Whether the run answers fast, with the agreement of its fast answers with the exact ones; or the reason why it
/// doesn't.
enum FastAvailability: Encodable, Sendable {
  case available(FastMode)
  /// - Parameter reason: a reason without facts about the host.
  case unavailable(reason: String)

  init(of run: LoadedRun) throws {
    do {
      self = .available(try run.fastMode())
    } catch let error as RunError {
      guard case .noFastMode(let reason) = error.kind else { throw error }
      self = .unavailable(reason: reason)
    }
  }

  var mode: FastMode? {
    if case .available(let mode) = self { mode } else { nil }
  }

  /// - Throws: ``APIError/mode(reason:)``.
  func check() throws {
    if case .unavailable(let reason) = self { throw APIError.mode(reason: reason) }
  }

  private enum CodingKeys: CodingKey { case available, agreement, reason }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(mode != nil, forKey: .available)
    switch self {
    case .available(let mode): try container.encode(mode.agreement, forKey: .agreement)
    case .unavailable(let reason): try container.encode(reason, forKey: .reason)
    }
  }
}

/// The answer of `GET /v1/classes`.
struct ClassesAnswer: Encodable { let classes: [String] }

/// The answer of `/healthz` and `/readyz`.
struct StatusAnswer: Encodable { let status: String }

/// The body of every refusal.
struct ErrorAnswer: Encodable {
  let error: Content

  struct Content: Encodable {
    let code: String
    let message: String
    let request: String?

    init(_ error: APIError, request: String? = nil) {
      code = error.code
      message = error.explanation
      self.request = request
    }
  }
}
