import Foundation
import Images

extension PromptCheckpoint {
  /// The metadata, as JSON.
  struct Header: Codable {
    let version: Int
    let description: PromptDescription
    let training: Training?

    struct Training: Codable {
      let configuration: TrainingConfiguration
      let seed: UInt64
      let completedEpochs: Int
      /// Absent where an epoch has just ended, in files of before steps were counted.
      let position: EpochPosition?
      let generator: SeededGenerator
    }

    init(version: Int, description: PromptDescription, training: Training?) {
      self.version = version
      self.description = description
      self.training = training
    }

    /// The version is read first: another version's header may have any other shape.
    init(json: String, path: String) throws {
      struct Version: Decodable { let version: Int }
      let (decoder, data) = (JSONDecoder(), Data(json.utf8))
      let unreadable = LearningError.notPrompts(path: path, reason: "its metadata cannot be read")
      guard let found = try? decoder.decode(Version.self, from: data).version else { throw unreadable }
      guard found == PromptCheckpoint.version else {
        throw LearningError.version(path: path, found: found, readable: PromptCheckpoint.version)
      }
      guard let header = try? decoder.decode(Header.self, from: data) else { throw unreadable }
      if let training = header.training {
        let steps = training.position?.steps ?? 0
        guard (0...training.configuration.epochs).contains(training.completedEpochs), (0...1 << 40).contains(steps)
        else { throw unreadable }
      }
      self = header
    }
  }
}
