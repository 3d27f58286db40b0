import Foundation
import Images
import Prediction
import Support

/// The open mode of `predict`: a request on each line of standard input, an answer on each line of standard output, in
/// this order, until the input ends. The model is loaded once. A request that cannot be answered gets an error for an
/// answer, and the next one is read.
struct PredictionDialogue {
  /// A predictor for a list of classes; `nil` for the classes of the run or the command line.
  let makePredictor: ([String]?) throws -> Predictor
  let batchSize: Int
  /// How many classes to tell unless a request says otherwise.
  let top: Int
  let makeReading: (Predictor) -> PhotoReading
  /// The last class lists with their predictors, the most recent last: a list costs a pass of the text tower.
  private var known: [(classes: [String]?, predictor: Predictor)] = []

  private static let lineLimit = 1 << 30
  private static let keptLists = 8

  init(
    batchSize: Int, top: Int, reading: @escaping (Predictor) -> PhotoReading,
    predictor: @escaping ([String]?) throws -> Predictor
  ) {
    (self.batchSize, self.top, makeReading, makePredictor) = (batchSize, top, reading, predictor)
  }

  /// - Throws: where standard output cannot be written; `ExitCode` where its reader has gone.
  mutating func run() throws {
    var lines = LineReader(descriptor: STDIN_FILENO, limit: Self.lineLimit)
    while let line = try lines.next() { try StandardOutput.write(answer(to: line).line()) }
  }

  private mutating func answer(to line: LineReader.Line) -> PredictionAnswer {
    guard case .complete(let text) = line else {
      return PredictionAnswer(
        id: nil, error: PredictionError.request("The line has more than \(Self.lineLimit) bytes").explanation)
    }
    guard let json = try? JSONValue(parsing: text) else {
      return PredictionAnswer(id: nil, error: PredictionError.request("The line is not JSON").explanation)
    }
    let id = json["id"]
    do {
      let request = try PredictionRequest(json)
      let predictor = try predictor(for: request.classes)
      let stream = PredictionStream(
        predictor, batchSize: batchSize, top: request.top ?? top, reading: makeReading(predictor))
      var results: [Prediction] = []
      try stream.run(PhotoList(request.photos)) { results.append($0) }
      return PredictionAnswer(id: id, results: results)
    } catch let error as any UserFacingError {
      return PredictionAnswer(id: id, error: error.explanation)
    } catch {
      return PredictionAnswer(id: id, error: "\(error)".onOneLine)
    }
  }

  private mutating func predictor(for classes: [String]?) throws -> Predictor {
    if let index = known.firstIndex(where: { $0.classes == classes }) {
      known.append(known.remove(at: index))
      return known[known.count - 1].predictor
    }
    let predictor = try makePredictor(classes)
    known = known.suffix(Self.keptLists - 1) + [(classes, predictor)]
    return predictor
  }
}

/// The lines of a descriptor that are not empty, without their ends. A line beyond the limit is passed over and told.
struct LineReader {
  enum Line: Equatable {
    case complete(Data)
    case tooLong
  }

  private let descriptor: Int32
  private let limit: Int
  private var buffer = Data()
  private var isAtEnd = false
  private static let portion = 1 << 16

  /// - Parameter limit: the most bytes of a line.
  init(descriptor: Int32, limit: Int) { (self.descriptor, self.limit) = (descriptor, limit) }

  /// - Returns: `nil` at the end.
  /// - Throws: `SystemReason` where it cannot be read.
  mutating func next() throws(SystemReason) -> Line? {
    var (searched, isTooLong) = (0, false)
    while true {
      if let end = buffer[(buffer.startIndex + searched)...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = buffer[..<end]
        buffer = Data(buffer[(end + 1)...])
        if isTooLong || line.count > limit { return .tooLong }
        (searched, isTooLong) = (0, false)
        if line.isEmpty || line == Data("\r".utf8) { continue }
        return .complete(Data(line))
      }
      if buffer.count > limit {
        isTooLong = true
        buffer = Data()
      }
      if isAtEnd {
        defer { buffer = Data() }
        return isTooLong ? .tooLong : buffer.isEmpty ? nil : .complete(buffer)
      }
      searched = buffer.count
      var bytes = [UInt8](repeating: 0, count: Self.portion)
      let count = read(descriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemReason() }
      isAtEnd = count == 0
      buffer.append(contentsOf: bytes.prefix(count))
    }
  }
}
