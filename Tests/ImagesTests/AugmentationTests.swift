import Foundation
import Images
import Support
import Testing

@Suite("Random views are distributed as torchvision's")
struct AugmentationTests {
  /// Five standard errors of a mean or a quantile over 10⁵ draws on both sides, for values spread over about one unit.
  static let tolerance = 0.01
  /// Five standard errors of a difference of two correlations over 10⁵ draws each, at most 1/√N on each side.
  static let correlationTolerance = 0.0225
  /// The same as ``tolerance`` over the fifth of the draws with areas in one range.
  static let stratumTolerance = 0.025
  /// Positions are whole pixels, so that a quantile may be the next one: this number of pixels, relative to a picture's
  /// shorter side.
  static let pixels = 1.5

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

  @Test("ratio and place given the area, and how they go together, over 100,000 views of photos in training")
  func jointDistribution() throws {
    let recorded = try RandomViews.recorded.get()
    for expected in recorded.views {
      let views = try TrainingDraws(width: expected.from[0], height: expected.from[1], count: recorded.draws).views
      let mirrored = views.map(\.mirrored).mean
      #expect(abs(mirrored - expected.mirrored) < Self.tolerance, "share of mirrored views of \(expected.from)")
      let columns = [views.map(\.area), views.map(\.logRatio), views.map(\.x), views.map(\.y)]
      for (first, row) in zip(columns, expected.correlations) {
        for (second, correlation) in zip(columns, row) {
          #expect(abs(first.correlation(with: second) - correlation) < Self.correlationTolerance, "of \(expected.from)")
        }
      }
      let tolerance = Self.stratumTolerance + Self.pixels / Double(expected.from.min() ?? 1)
      for (stratum, quantiles) in expected.givenArea.enumerated() {
        let inside = views.filter { view in expected.areaEdges.count { $0 < view.area } == stratum }
        #expect(abs(Double(inside.count) / Double(views.count) - 0.2) < Self.tolerance)
        for (name, values) in [
          ("log ratio", inside.map(\.logRatio)), ("x", inside.map(\.x)), ("y", inside.map(\.y)),
        ] {
          let sorted = values.sorted()
          for (level, quantile) in zip(recorded.levels, try #require(quantiles[name])) {
            let ours = sorted[Int(level * Double(sorted.count - 1))]
            #expect(abs(ours - quantile) < tolerance, "\(level) quantile of \(name), fifth \(stratum + 1)")
          }
        }
      }
    }
  }

  @Test("the crop that a photo gets in one epoch tells nothing of the next")
  func independence() throws {
    let draws = try TrainingDraws(width: 500, height: 333, count: 100_000)
    func pairs(_ value: (TrainingDraws.View) -> Double) -> Double {
      let epochs = draws.epochs.map { $0.map(value) }
      return epochs.dropLast().flatMap(\.self).correlation(with: epochs.dropFirst().flatMap(\.self))
    }
    for (name, correlation) in [
      ("area", pairs(\.area)), ("ratio", pairs(\.logRatio)), ("x", pairs(\.x)), ("y", pairs(\.y)),
      ("mirrored", pairs(\.mirrored)),
    ] {
      #expect(abs(correlation) < Self.correlationTolerance, "\(name)")
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
    // A picture that is black on the left and white on the right, so that a mirror image shows.
    let image = try Image(width: 2, height: 1, pixels: [0, 0, 0, 255, 255, 255])
    let crop = try RandomResizedCrop(size: 2, scale: 1...1, ratio: 2...2)
    let augment = try TrainingAugmentation(crop: crop)
    var generator = SeededGenerator(seed: 5)
    let draws = 10_000
    let mirrored = try (0..<draws).count { _ in try augment(image, using: &generator).pixels[0] == 255 }
    // The bound is five standard deviations of a fair coin.
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

/// The recording of torchvision's random crops by Scripts/oracle/record_draws.py.
private struct RandomViews: Decodable {
  struct View: Decodable {
    let from: [Int]
    let areaEdges: [Double]
    let mirrored: Double
    let correlations: [[Double]]
    let givenArea: [[String: [Double]]]
  }
  let draws: Int
  let levels: [Double]
  let views: [View]

  static let recorded = Result {
    try JSONDecoder().decode(
      RandomViews.self, from: Data(contentsOf: Fixture.folder.appending(path: "random-views.json")))
  }
}

/// Views as in a training: a shuffled order in each epoch, and a separate generator for each view.
private struct TrainingDraws {
  struct View {
    let area, logRatio: Double
    /// The position as a share of the available room.
    let x, y: Double
    let mirrored: Double
  }

  private static let photos = 80

  /// The views by epoch and photo.
  let epochs: [[View]]

  var views: [View] { epochs.flatMap(\.self) }

  init(width: Int, height: Int, count: Int) throws {
    let crop = try RandomResizedCrop(size: 224)
    var generator = SeededGenerator(seed: 1 ^ 0x7472_6169_6E65_7200)
    epochs = (0..<count / Self.photos).map { _ in
      var views: [(photo: Int, view: View)] = []
      for photo in Array(0..<Self.photos).shuffled(using: &generator) {
        var own = SeededGenerator(seed: generator.next())
        let region = crop.region(width: width, height: height, using: &own)
        func share(_ place: Int, _ room: Int) -> Double { room == 0 ? 0.5 : Double(place) / Double(room) }
        let view = View(
          area: Double(region.width * region.height) / Double(width * height),
          logRatio: log(Double(region.width) / Double(region.height)), x: share(region.x, width - region.width),
          y: share(region.y, height - region.height), mirrored: Double.random(in: 0..<1, using: &own) < 0.5 ? 1 : 0)
        views.append((photo, view))
      }
      return views.sorted { $0.photo < $1.photo }.map(\.view)
    }
  }
}

extension [Double] {
  fileprivate var mean: Double { reduce(0, +) / Double(count) }

  /// Pearson's correlation.
  fileprivate func correlation(with other: [Double]) -> Double {
    let (own, others) = (mean, other.mean)
    let products = zip(self, other).reduce(0) { $0 + ($1.0 - own) * ($1.1 - others) }
    let squares = reduce(0) { $0 + ($1 - own) * ($1 - own) } * other.reduce(0) { $0 + ($1 - others) * ($1 - others) }
    return products / squares.squareRoot()
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
    // The bounds are five standard errors each.
    #expect(abs(uniform.reduce(0, +) / count - 0.5) < 5 / (12 * count).squareRoot())
    #expect(abs(normal.reduce(0, +) / count) < 5 / count.squareRoot())
    #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / count - 1) < 5 * (2 / count).squareRoot())
  }
}
