import CLIP
import Datasets
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("Cached features are the features, or are computed anew")
struct FeatureCacheTests {
  private func photos(in folder: URL, _ count: Int = 3) throws -> [URL] {
    let dataset = try SmallDataset.make(shots: count, classes: ["bird"])
    return try dataset.training.enumerated().map { index, example in
      let copy = folder.appending(path: "\(index).jpg")
      try FileManager.default.copyItem(at: dataset.url(of: example), to: copy)
      return copy
    }
  }

  private func files(_ folder: URL) -> [URL] {
    (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
  }

  /// The features from an extractor with a cache, and whether anything was encoded for them.
  private func features(_ photos: [URL], _ folder: URL, model: String = "m", limit: Int = 1 << 20) throws -> (
    bytes: [UInt8], wereComputed: Bool
  ) {
    var wereComputed = false
    let cache = FeatureCache(folder: folder, model: model, limit: limit)
    let tensor = try FeatureExtractor(TinyCLIP.clip, cache: cache).features(of: photos) { _ in wereComputed = true }
    return (try tensor.bytes(), wereComputed)
  }

  @Test("the second time nothing is encoded, and the bits are the same")
  func secondTime() throws {
    try withTemporaryFolder { folder in
      let (photos, cache) = (try photos(in: folder), folder.appending(path: "cache"))
      let plain = try FeatureExtractor(TinyCLIP.clip).features(of: photos).bytes()
      let first = try features(photos, cache)
      let second = try features(photos, cache)
      #expect(first.bytes == plain && first.wereComputed)
      #expect(second.bytes == plain && !second.wereComputed)
    }
  }

  @Test("another model, another list and a changed image are computed")
  func differences() throws {
    try withTemporaryFolder { folder in
      let (photos, cache) = (try photos(in: folder), folder.appending(path: "cache"))
      _ = try features(photos, cache)
      #expect(try features(photos, cache, model: "other").wereComputed)
      #expect(try features(photos.reversed(), cache).wereComputed)
      #expect(try features(Array(photos.prefix(2)), cache).wereComputed)
      try FileManager.default.removeItem(at: photos[0])
      try FileManager.default.copyItem(at: photos[1], to: photos[0])
      #expect(try features(photos, cache).wereComputed)
      #expect(try !features(photos, cache).wereComputed)
    }
  }

  @Test("equal weights in another tower are another model", arguments: ["another pooling", "another activation"])
  func configurations(difference: String) throws {
    /// A small vision transformer whose weights are the same whatever its configuration.
    func model(pooling: VisionTransformer.Pooling, activation: Activation) throws -> CLIPModel {
      let tower = VisionTransformer.Configuration(
        imageSize: 32, patchSize: 16, width: 32, layers: 2, heads: 2, pooling: pooling)
      return try CLIPModel(
        name: "small",
        configuration: CLIPConfiguration(
          embeddingWidth: 16, image: .visionTransformer(tower),
          text: CLIPConfiguration.TextTower(tokenLimit: 16, width: 16, heads: 2, layers: 1), activation: activation,
          preprocessing: Preprocessing(size: 32, mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.5, 0.5])),
        weights: GeneratedSource { _, shape in
          try Tensor((0..<shape.reduce(1, *)).map { Float($0 % 13 - 5) / 16 }, shape: shape)
        })
    }
    try withTemporaryFolder { folder in
      let photos = try photos(in: folder)
      let cache = FeatureCache(folder: folder.appending(path: "cache"), model: "m")
      let first = try model(pooling: .classToken, activation: .gelu)
      let second =
        try difference == "another pooling"
        ? model(pooling: .averageOfPatches, activation: .gelu) : model(pooling: .classToken, activation: .quickGELU)
      _ = try FeatureExtractor(first, cache: cache).features(of: photos)
      let plain = try FeatureExtractor(second).features(of: photos).bytes()
      #expect(try FeatureExtractor(second, cache: cache).features(of: photos).bytes() == plain)
    }
  }

  @Test("a damaged, shortened or empty file is computed anew and replaced")
  func damage() throws {
    try withTemporaryFolder { folder in
      let (photos, cache) = (try photos(in: folder), folder.appending(path: "cache"))
      let first = try features(photos, cache)
      let file = try #require(files(cache).first)
      let whole = try Data(contentsOf: file)
      var flipped = whole
      flipped[whole.count - 5] ^= 1
      for damaged in [flipped, whole.prefix(whole.count / 2), Data(), Data("not tensors".utf8)] {
        try damaged.write(to: file)
        let again = try features(photos, cache)
        #expect(again.wereComputed && again.bytes == first.bytes)
        #expect(try Data(contentsOf: file) == whole)
      }
    }
  }

  @Test("the folder stays within its limit; the least recently used go first")
  func limit() throws {
    try withTemporaryFolder { folder in
      let (photos, cache) = (try photos(in: folder), folder.appending(path: "cache"))
      _ = try features(Array(photos[..<1]), cache)
      let size = try #require(files(cache).first).resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
      let limit = size * 5 / 2
      for (age, photo) in photos.enumerated() {
        _ = try features([photo], cache, limit: limit)
        for file in files(cache) where age == 0 {
          try FileManager.default.setAttributes([.modificationDate: Date.distantPast], ofItemAtPath: file.path)
        }
      }
      #expect(files(cache).count == 2)
      #expect(try features([photos[0]], cache, limit: limit).wereComputed)
      #expect(try !features([photos[2]], cache, limit: limit).wereComputed)
      #expect(try features(photos, folder.appending(path: "none"), limit: 10).wereComputed)
      #expect(files(folder.appending(path: "none")).isEmpty)
    }
  }

  @Test("a folder that cannot be made is no failure; a photo that is not there is one")
  func unusable() throws {
    try withTemporaryFolder { folder in
      let photos = try photos(in: folder)
      #expect(try features(photos, photos[0].appending(path: "cache")).wereComputed)
      #expect(throws: (any Error).self) { try features([folder.appending(path: "none.jpg")], folder) }
    }
  }
}
