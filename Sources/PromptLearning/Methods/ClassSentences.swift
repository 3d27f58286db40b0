import CLIP
import Datasets
import Foundation
import Support
import Torch

/// Sentences about each class, from a file of JSON as CoPrompt's authors keep theirs: an object with a list of sentences
/// by the name of each class, all of one length.
public struct ClassSentences: Sendable, Equatable {
  public let path: String
  /// SHA-256 of the file, in lower-case hexadecimal.
  public let sha256: String
  private let sentences: [String: [String]]

  /// - Throws: ``LearningError`` for a file that cannot be read or holds something else.
  public init(contentsOf url: URL) throws {
    path = url.path
    guard let data = try? Data(contentsOf: url) else {
      throw LearningError.sentences(path: url.path, reason: "it cannot be read")
    }
    guard let read = try? JSONDecoder().decode([String: [String]].self, from: data), !read.isEmpty else {
      throw LearningError.sentences(path: url.path, reason: "it is no object of JSON with lists of sentences")
    }
    sha256 = FileHash.sha256(of: [Array(data)])
    sentences = read
  }

  /// The sentences about some classes: lists of equal length, in their order.
  ///
  /// - Throws: ``LearningError`` where a class has none, or another number than the first.
  public func lists(for classNames: [String]) throws -> [[String]] {
    let lists = try classNames.map { name in
      guard let list = sentences[name.replacing("_", with: " ")] ?? sentences[name], !list.isEmpty else {
        throw LearningError.sentences(path: path, reason: "it has no sentence for the class '\(name)'")
      }
      return list
    }
    for (name, list) in zip(classNames, lists) where list.count != lists[0].count {
      throw LearningError.sentences(
        path: path,
        reason: "'\(classNames[0])' has \(lists[0].count) sentences, but '\(name)' has \(list.count)")
    }
    return lists
  }

  /// Frozen CLIP's features of the sentences, the nth of all classes together: `[n, C, E]`, unit rows.
  ///
  /// - Throws: ``LearningError``, for example for a sentence that is too long.
  func features(of classNames: [String], clip: CLIPModel) throws -> Tensor {
    let lists = try lists(for: classNames)
    let all = (lists.first ?? []).indices.flatMap { index in lists.map { $0[index] } }
    return try clip.embeddings(of: all).unitRows().reshaped([lists.first?.count ?? 0, classNames.count, -1])
  }
}

extension ZeroShotPrompts {
  /// Frozen CLIP's features with each template, not averaged: `[templates, C, E]`, unit rows.
  static func each(of templates: [PromptTemplate], for classNames: [String], clip: CLIPModel) throws -> Tensor {
    let names = try classNames.checkedAsClassNames()
    let sentences = templates.flatMap { template in names.map(template.filled(with:)) }
    return try clip.embeddings(of: sentences).unitRows().reshaped([templates.count, names.count, -1])
  }
}
