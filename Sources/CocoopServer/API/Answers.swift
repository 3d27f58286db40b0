import Foundation
import Images
import Prediction
import Runs
import Support

/// What `POST /v1/classify` answers.
struct ClassifyAnswer: Encodable {
  /// Of this request, as the log has it.
  let id: String
  let model: String
  /// The one that answered: zero-shot CLIP is exact whatever was asked for.
  let mode: String
  let run: RunIdentity
  /// Whether photos were turned as their EXIF says.
  let orientation: Orientation
  /// How much of a photo was decoded.
  let photoDecoding: PhotoDecoding
  /// From the end of the body to the answer.
  let milliseconds: Double
  /// One for each image, in the order sent.
  let results: [ImageResult]
}

/// What one image shows, or why it could not be read.
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

/// The run that answers, by what may be told of it.
struct RunIdentity: Encodable, Sendable {
  /// Of its folder, without where that lies.
  let name: String
  let method: String
  /// Of the checkpoint.
  let checkpoint: String
  let checkpointSHA256: String
}

/// What `GET /v1/model` answers.
struct ModelAnswer: Encodable {
  let run: RunIdentity
  let models: [String]
  let fast: FastAvailability
  let classes: Int
  /// The names of the classes that the run's data has besides; empty for a run on all, or where it does not know.
  let otherClasses: [String]
  let imageSize: Int
  /// Whether photos are turned as their EXIF says.
  let orientation: Orientation
  /// How much of a photo is decoded.
  let photoDecoding: PhotoDecoding
  let limits: Limits
  let libtorch: String

  struct Limits: Encodable {
    let bodyBytes: Int
    let pixels: Int
    let images: Int
    let classes: Int
    let classNameCharacters: Int
  }
}

/// Whether the run answers fast, and how near its fast answers come to the exact ones; or why it doesn't.
enum FastAvailability: Encodable, Sendable {
  case available(FastMode)
  /// - Parameter reason: one that tells nothing of the host.
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

/// What `GET /v1/classes` answers.
struct ClassesAnswer: Encodable { let classes: [String] }

/// What `/healthz` and `/readyz` answer.
struct StatusAnswer: Encodable { let status: String }

/// What every refusal is sent as.
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
