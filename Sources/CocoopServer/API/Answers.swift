import Experiments
import Foundation

/// What `POST /v1/classify` answers.
struct ClassifyAnswer: Encodable {
  /// Of this request, as the log has it.
  let id: String
  let model: String
  let run: RunIdentity
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
  let classes: Int
  let imageSize: Int
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
