import CLIP
import Foundation
import Images
import PromptLearning
import Support
import Torch

/// The vocabulary entries nearest to the context vectors of a run: the output of `prompts words`.
public struct ContextWords: Sendable, Codable, Equatable {
  public let method: Method
  /// One set where all classes share their vectors, one for each class otherwise; then the sets that an image has
  /// shifted.
  public let contexts: [Context]

  /// A set of M context vectors.
  public struct Context: Sendable, Codable, Equatable {
    /// The class that the vectors belong to; `nil` where all share them.
    public let `class`: String?
    /// The image that has shifted the vectors; `nil` for the vectors as they were learned.
    public let image: String?
    /// The nearest entries of each vector, nearest first.
    public let vectors: [[NearestWords.Match]]
  }
}

extension LoadedRun {
  /// Reads the run's context vectors as words.
  ///
  /// - Parameters:
  ///   - count: the number of entries for each vector.
  ///   - image: an image for which the shifted vectors are read too; only CoCoOp's are shifted.
  /// - Throws: ``RunError``, `LearningError`, `ImageError`.
  public func contextWords(count: Int, image: URL? = nil) throws -> ContextWords {
    let (learned, method) = try learnedContexts()
    let nearest = NearestWords(in: clip)
    let flat = try nearest(to: learned.vectors.reshaped([-1, clip.textEncoder.width]), count: count)
    let sets = flat.chunks(ofCount: learned.vectors.shape[1])
    var contexts = sets.enumerated().map { label, vectors in
      ContextWords.Context(
        class: learned.isClassSpecific ? className(label) : nil, image: nil, vectors: vectors)
    }
    if let image {
      guard learned.isConditional else {
        throw RunError.sameForEveryImage(path: path, method: method.title)
      }
      let reading = record.configuration?.reading() ?? PhotoReading()
      let square = try clip.configuration.preprocessing.square(at: image, reading: reading)
      let features = try clip.imageEmbeddings(ofSquares: [square]).unitRows()  // [1, E]
      let shifted = try learned.shifted(by: features).reshaped([-1, clip.textEncoder.width])  // [M, D]
      contexts.append(
        ContextWords.Context(class: nil, image: image.relativePath, vectors: try nearest(to: shifted, count: count)))
    }
    return ContextWords(method: method, contexts: contexts)
  }

  /// The name of a class: prompts of the reference do not contain it.
  private func className(_ label: Int) -> String {
    record.classNames.indices.contains(label) ? record.classNames[label] : "class \(label + 1)"
  }
}
