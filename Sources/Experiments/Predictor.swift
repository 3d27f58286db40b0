import CLIP
import Datasets
import Foundation
import Images
import PromptLearning
import Torch

/// Names one image at a time.
public struct Predictor: Sendable {
  private let clip: CLIPModel
  private let learner: any PromptLearner

  /// By the prompts of a run, over its own classes or over others.
  public init(run: LoadedRun, classNames: [String]?) throws {
    clip = run.clip
    learner = try run.learner(for: classNames)
  }

  /// By zero-shot CLIP.
  public init(zeroShot clip: CLIPModel, classNames: [String], template: String) throws {
    self.clip = clip
    learner = try ZeroShotPrompts(for: classNames, templates: [PromptTemplate(template)], clip: clip)
  }

  /// The most probable classes of an image; probabilities are over all classes given.
  public func prediction(of image: Image, file: String, top: Int) throws -> Prediction {
    func probabilities(_ learner: some PromptLearner) throws -> [Float] {
      try Classifier(clip, learner).probabilities(for: clip.imageFeatures(of: [image])).floats()
    }
    let ranked = try zip(learner.classNames, probabilities(learner)).enumerated()
      .sorted { ($1.element.1, $0.offset) < ($0.element.1, $1.offset) }
    return Prediction(
      file: file, top: ranked.prefix(top).map { .init(class: $0.element.0, probability: $0.element.1) })
  }
}

/// What `predict` prints for one image.
public struct Prediction: Sendable, Codable, Equatable {
  public let file: String
  /// The most probable class first.
  public let top: [Candidate]

  public struct Candidate: Sendable, Codable, Equatable {
    public let `class`: String
    /// In 0…1, over all classes given.
    public let probability: Float
  }
}

/// Class names as a person lists them.
public struct ClassNames: Sendable, Equatable {
  public let names: [String]

  /// - Parameters:
  ///   - list: names with commas between them.
  ///   - file: the path of a file with one name a line.
  /// - Returns: `nil` where neither is given.
  /// - Throws: ``ExperimentError/classList(source:problem:)``.
  public init?(list: String?, file: String?) throws {
    if let list {
      names = try Self.checked(list.split(separator: ",", omittingEmptySubsequences: false), source: "--classes")
    } else if let file {
      guard let text = try? String(contentsOf: URL(filePath: file), encoding: .utf8) else {
        throw ExperimentError.classList(source: file, problem: "it cannot be read as UTF-8 text")
      }
      var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      while lines.last?.allSatisfy(\.isWhitespace) == true { lines.removeLast() }
      names = try Self.checked(lines, source: file)
    } else {
      return nil
    }
  }

  private static func checked(_ entries: [Substring], source: String) throws -> [String] {
    let names = entries.map { PromptTemplate.words(of: String($0)) }
    guard !names.isEmpty else { throw ExperimentError.classList(source: source, problem: "it names no class") }
    if let index = names.firstIndex(of: "") {
      throw ExperimentError.classList(source: source, problem: "name \(index + 1) is empty")
    }
    var seen: Set<String> = []
    if let twice = names.first(where: { !seen.insert($0).inserted }) {
      throw ExperimentError.classList(source: source, problem: "'\(twice)' stands in it twice")
    }
    return names
  }
}
