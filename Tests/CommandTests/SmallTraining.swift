import Datasets
import Embedded
import Foundation

/// A training on a few classes of openclipart that takes about a second, most of it in its steps.
struct SmallTraining: CustomStringConvertible, Sendable {
  let method: String
  let views: String
  var epochs = 6
  var batchSize = 1

  var description: String { "\(method), \(views == "fresh" ? "fresh" : "stored") views" }

  /// The options except the run's folder and the way in which it is started.
  var options: [String] {
    [
      "train", "--data", "data/split_small.json", "--classes", "all", "--method", method, "--image-views", views,
      "--batch-size", "\(batchSize)", "--epochs", "\(epochs)", "--shots", "2", "--no-cache", "--threads", "1",
      "--quiet", "--no-test",
    ]
  }

  static let classes = ["arrow", "bird", "clock", "fish"]

  /// Writes the images.
  static func prepare(_ place: Workplace) throws {
    for name in classes {
      for number in 0..<3 {
        let path = "images/\(name)/00\(number).jpg"
        try place.write(Data(contentsOf: Embedded.openclipart.appending(path: path)), to: "data/\(path)")
      }
    }
    func entries(_ numbers: Range<Int>) -> [[Entry]] {
      classes.enumerated().flatMap { label, name in
        numbers.map { [.text("\(name)/00\($0).jpg"), .number(label), .text(name)] }
      }
    }
    let split = ["train": entries(0..<2), "val": [], "test": entries(2..<3)]
    try place.write(JSONEncoder().encode(split), to: "data/split_small.json")
  }

  private enum Entry: Encodable {
    case text(String)
    case number(Int)

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .number(let number): try container.encode(number)
      }
    }
  }
}

extension Workplace {
  func bytes(_ path: String) throws -> Data { try Data(contentsOf: file(path)) }

  /// The epochs and losses of a run's metrics, without times.
  func losses(of run: String) throws -> [String] {
    struct Line: Decodable {
      let epoch: Int
      let loss: Float
      let learningRate: Float
      let images: Int
    }
    return try String(contentsOf: file("\(run)/metrics.jsonl"), encoding: .utf8).split(separator: "\n").map {
      "\(try JSONDecoder().decode(Line.self, from: Data($0.utf8)))"
    }
  }

  /// Waits until a file exists, or the tool has ended.
  func wait(for path: String, of call: Call) {
    while call.process.isRunning, !exists(path) { usleep(500) }
  }
}
