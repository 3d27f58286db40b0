import Foundation
import Images
import Testing

@Suite("Random views are distributed as torchvision's")
struct AugmentationTests {
  /// Five standard errors of a mean or a quantile over 10⁵ draws on both sides, for values spread over about one unit.
  static let tolerance = 0.01

  @Test("area, ratio and place of 100,000 crops: mean and quantiles")
  func cropDistribution() throws {
    let crop = try RandomResizedCrop(size: 224)
    for expected in try Fixture.recorded.get().randomCrops {
      let (width, height) = (expected.from[0], expected.from[1])
      var generator = SeededGenerator(seed: 11)
      let regions = (0..<expected.draws).map { _ in crop.region(width: width, height: height, using: &generator) }
      func compare(_ name: String, _ distribution: Fixture.Distribution, _ value: (RandomResizedCrop.Region) -> Double)
      {
        let sorted = regions.map(value).sorted()
        let mean = sorted.reduce(0, +) / Double(sorted.count)
        #expect(abs(mean - distribution.mean) < Self.tolerance, "mean \(name) of \(expected.from)")
        for (level, quantile) in zip(expected.levels, distribution.quantiles) {
          let ours = sorted[Int(level * Double(sorted.count - 1))]
          #expect(abs(ours - quantile) < Self.tolerance, "\(level) quantile of \(name) of \(expected.from)")
        }
      }
      compare("area", expected.area) { Double($0.width * $0.height) / Double(width * height) }
      compare("ratio", expected.ratio) { Double($0.width) / Double($0.height) }
      compare("x", expected.x) { Double($0.x) / Double(width) }
      compare("y", expected.y) { Double($0.y) / Double(height) }
    }
  }

  @Test("every region lies inside its picture, whatever the shape", arguments: [(1, 1), (1, 500), (500, 1), (3, 4000)])
  func regionsInside(width: Int, height: Int) throws {
    let crop = try RandomResizedCrop(size: 8)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<1000 {
      let region = crop.region(width: width, height: height, using: &generator)
      #expect(region.width >= 1 && region.height >= 1 && region.x >= 0 && region.y >= 0)
      #expect(region.x + region.width <= width && region.y + region.height <= height)
    }
  }

  @Test("half of the training views are mirrored")
  func flips() throws {
    // Black on the left and white on the right, so that a mirror image shows.
    let image = try Image(width: 2, height: 1, pixels: [0, 0, 0, 255, 255, 255])
    let crop = try RandomResizedCrop(size: 2, scale: 1...1, ratio: 2...2)
    let augment = try TrainingAugmentation(crop: crop)
    var generator = SeededGenerator(seed: 5)
    let draws = 10_000
    let mirrored = try (0..<draws).count { _ in try augment(image, using: &generator).pixels[0] == 255 }
    // Five standard deviations of a fair coin.
    #expect(abs(Double(mirrored) - Double(draws) / 2) < 5 * (Double(draws) / 4).squareRoot())
  }

  @Test("the same seed gives the same views, another seed others")
  func seeds() throws {
    let image = try Fixture.synthetic(width: 90, height: 60)
    let augment = try TrainingAugmentation(crop: RandomResizedCrop(size: 32))
    func views(seed: UInt64) throws -> [Image] {
      var generator = SeededGenerator(seed: seed)
      return try (0..<8).map { _ in try augment(image, using: &generator) }
    }
    #expect(try views(seed: 1) == views(seed: 1))
    #expect(try views(seed: 1) != views(seed: 2))
  }
}

@Suite("The seeded generator is reproducible and restores its state")
struct SeededGeneratorTests {
  @Test("its words are those of xoshiro256** over SplitMix64")
  func words() throws {
    // Seed 0 of SplitMix64 begins with this word, in the authors' reference code and in Java's SplittableRandom.
    #expect(SeededGenerator(seed: 0).state[0] == 0xE220_A839_7B1D_CDAF)
    // The first words from state 1, 2, 3, 4, as published with other implementations of the generator.
    var generator = try SeededGenerator(state: [1, 2, 3, 4])
    #expect((0..<4).map { _ in generator.next() } == [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240])
  }

  @Test("a restored generator continues where the saved one stood")
  func restoring() throws {
    var generator = SeededGenerator(seed: 42)
    for _ in 0..<100 { _ = generator.normal() }
    let saved = try JSONEncoder().encode(generator)
    var restored = try JSONDecoder().decode(SeededGenerator.self, from: saved)
    #expect(restored == generator)
    #expect((0..<100).map { _ in restored.next() } == (0..<100).map { _ in generator.next() })
  }

  @Test("uniform draws fill 0..<1 and normal draws have mean 0 and variance 1")
  func moments() {
    var generator = SeededGenerator(seed: 7)
    let count = 100_000.0
    let uniform = (0..<Int(count)).map { _ in generator.uniform() }
    let normal = (0..<Int(count)).map { _ in generator.normal() }
    #expect(uniform.allSatisfy { (0..<1).contains($0) })
    // Five standard errors each.
    #expect(abs(uniform.reduce(0, +) / count - 0.5) < 5 / (12 * count).squareRoot())
    #expect(abs(normal.reduce(0, +) / count) < 5 / count.squareRoot())
    #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / count - 1) < 5 * (2 / count).squareRoot())
  }
}
