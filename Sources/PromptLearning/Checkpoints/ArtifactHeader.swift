import Foundation
import Images

extension Artifact {
  /// The metadata, as JSON.
  struct Header: Codable {
    let version: Int
    let description: ArtifactDescription
    let training: Training?
    let search: [String: Double]?

    struct Training: Codable {
      let configuration: TrainingConfiguration
      let seed: UInt64
      let completedEpochs: Int
      /// Absent where an epoch has just ended, in files of before steps were counted.
      let position: EpochPosition?
      let generator: SeededGenerator
    }

    init(version: Int, description: ArtifactDescription, training: Training?, search: [String: Double]?) {
      self.version = version
      self.description = description
      self.training = training
      self.search = search
    }

    /// The version is read first: another version's header may have any other shape.
    init(json: String, path: String, noun: String) throws {
      struct Version: Decodable { let version: Int }
      let (decoder, data) = (JSONDecoder(), Data(json.utf8))
      let unreadable = LearningError.notAnArtifact(path: path, noun: noun, reason: "its metadata cannot be read")
      guard let found = try? decoder.decode(Version.self, from: data).version else { throw unreadable }
      guard found == Artifact.version else {
        throw LearningError.version(path: path, found: found, readable: Artifact.version)
      }
      guard let header = try? decoder.decode(Header.self, from: data) else { throw unreadable }
      let method = header.description.method
      guard Method.all.contains(method) else { throw LearningError.unknownMethod(id: method.id) }
      guard method.artifactNoun == noun, method.namesOtherClasses || !header.description.classNames.isEmpty
      else { throw unreadable }
      if let training = header.training {
        let steps = training.position?.steps ?? 0
        guard (0...training.configuration.epochs).contains(training.completedEpochs), (0...1 << 40).contains(steps)
        else { throw unreadable }
      }
      self = header
    }
  }
}
