import Datasets
import CLIP
import Foundation
import PromptLearning
import TestSupport
import Testing
import Torch

@Suite("Features of single photos are found again where any command has kept them")
struct PhotoFeaturesTests {
  private func photos(in folder: URL, _ count: Int) throws -> [URL] {
    let dataset = try SmallDataset.make(shots: 1, classes: ["bird"])
    let photo = dataset.url(of: dataset.training[0])
    return try (0..<count).map { index in
      let copy = folder.appending(path: "\(index).jpg")
      try FileManager.default.copyItem(at: photo, to: copy)
      return copy
    }
  }

  private func known(_ folder: URL, model: String = "m") throws -> PhotoFeatures {
    let cache = FeatureCache(folder: folder, model: model)
    return try #require(try FeatureExtractor(TinyCLIP.clip, cache: cache).photoFeatures)
  }

  private func row(_ value: Float) throws -> [Float] {
    [Float](repeating: value, count: try TinyCLIP.clip.embeddingWidth)
  }

  @Test("what was kept is found by the next command, until the photo, the model or the file changes")
  func kept() throws {
    try withTemporaryFolder { folder in
      let (photos, cache) = (try photos(in: folder, 3), folder.appending(path: "cache"))
      let names = try photos.map { try #require(PhotoFeatures.Name(of: $0)) }
      let first = try known(cache)
      for (index, name) in names.enumerated() {
        #expect(first.features(of: name) == nil)
        first.add(try row(Float(index)), of: name)
      }
      first.keep()
      for (index, name) in names.enumerated() { #expect(try known(cache).features(of: name) == row(Float(index))) }
      #expect(try known(cache, model: "other").features(of: names[0]) == nil)

      // A photo that has changed gets features of its own, and the others keep theirs.
      try FileManager.default.removeItem(at: photos[1])
      try FileManager.default.copyItem(at: photos[0], to: photos[1])
      let changed = try #require(PhotoFeatures.Name(of: photos[1]))
      let second = try known(cache)
      #expect(second.features(of: changed) == nil)
      second.add(try row(9), of: changed)
      second.keep()
      let third = try known(cache)
      #expect(try third.features(of: changed) == row(9))
      #expect(try third.features(of: names[2]) == row(2) && third.features(of: names[1]) == nil)

      let files = try FileManager.default.contentsOfDirectory(at: cache, includingPropertiesForKeys: nil)
      #expect(files.count == 1)
      var bytes = try Data(contentsOf: files[0])
      bytes[bytes.count - 3] ^= 1
      try bytes.write(to: files[0])
      #expect(try known(cache).features(of: changed) == nil)
    }
  }

  @Test("lists that other commands have kept are looked through once it is worth it")
  func lists() throws {
    try withTemporaryFolder { folder in
      let (photos, cache) = (try photos(in: folder, 40), folder.appending(path: "cache"))
      let extractor = FeatureExtractor(try TinyCLIP.clip, cache: FeatureCache(folder: cache, model: "m"))
      let all = try extractor.readableEmbeddings(of: photos).embeddings.floats()
      let known = try known(cache)
      let width = try TinyCLIP.clip.embeddingWidth
      let found = try photos.map { known.features(of: try #require(PhotoFeatures.Name(of: $0))) }
      #expect(found.prefix(31).allSatisfy { $0 == nil })
      for (index, features) in found.enumerated().dropFirst(31) {
        #expect(features == Array(all[index * width..<(index + 1) * width]))
      }
    }
  }

  @Test("a photo that is not there has no name")
  func absence() {
    #expect(PhotoFeatures.Name(of: URL(filePath: "/nonexistent/photo.jpg")) == nil)
  }
}
