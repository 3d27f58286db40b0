import Foundation
import Images
import Support
import Testing

@Suite("RandAugment has Dassl's pixels")
struct RandAugmentTests {
  /// What Scripts/oracle/record_randaugment.py recorded of Dassl's own functions and Pillow.
  struct Recorded: Decodable {
    struct Step: Decodable, CustomTestStringConvertible {
      let from: [Int]
      let operation: String?
      let operations: [String]?
      let magnitude: Int
      let isReversed: Bool
      let place: [Double]
      let digest: String

      var testDescription: String {
        "\((operations ?? [operation ?? ""]).joined(separator: ", ")) \(magnitude) of \(from)"
      }

      func draws() throws -> [RandAugment.Draw] {
        try (operations ?? [#require(operation)]).map { name in
          RandAugment.Draw(
            try #require(RandAugment.Operation(rawValue: name)), isReversed: isReversed,
            place: .init(x: place[0], y: place[1]))
        }
      }
    }
    let operations, views: [Step]
  }

  private static let recorded = Result {
    let url = Fixture.folder.appending(path: "randaugment.json")
    return try JSONDecoder().decode(Recorded.self, from: Data(contentsOf: url))
  }

  /// The recording's picture.
  private func picture(_ size: [Int]) throws -> Image {
    let (width, height) = (size[0], size[1])
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        for c in 0..<3 { pixels.append(UInt8((5 * x * x + 3 * y * y + 2 * x * y + 7 * x + 91 * c) % 211 + 20 * c)) }
      }
    }
    return try Image(width: width, height: height, pixels: pixels)
  }

  private func expectSame(_ step: Recorded.Step) throws {
    let augment = try RandAugment(count: 2, magnitude: step.magnitude)
    let found = try step.draws().reduce(picture(step.from)) { augment($1, on: $0) }
    #expect(found.record.digest == step.digest, "\(step.testDescription), \(step.isReversed) \(step.place)")
  }

  @Test("each operation, both ways, weak and strong, of pictures of four sizes")
  func operations() throws {
    let steps = try Self.recorded.get().operations
    #expect(Set(steps.compactMap(\.operation)) == Set(RandAugment.Operation.allCases.map(\.rawValue)))
    for step in steps { try expectSame(step) }
  }

  @Test("60 views of two operations")
  func views() throws {
    let views = try Self.recorded.get().views
    #expect(views.count == 60)
    for view in views { try expectSame(view) }
  }

  @Test("operations are drawn equally often, and go either way, over 32,000 draws")
  func frequencies() throws {
    let augment = try RandAugment()
    var generator = SeededGenerator(seed: 3)
    let draws = (0..<16_000).flatMap { _ in augment.draws(using: &generator) }
    #expect(draws.count == 32_000)
    for operation in RandAugment.Operation.allCases {
      // Five standard errors of a share of 1/16.
      let share = Double(draws.count { $0.operation == operation }) / 32_000
      #expect(abs(share - 1.0 / 16) < 0.007, "\(operation): \(share)")
    }
    #expect(abs(Double(draws.count(where: \.isReversed)) / 32_000 - 0.5) < 0.015)
    #expect(abs(draws.map(\.place.x).reduce(0, +) / 32_000 - 0.5) < 0.01)
  }

  @Test("a view is the squashed photo after the operations that its seed draws")
  func view() throws {
    let folder = URL.temporaryDirectory.appending(path: "randaugment-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "photo.png")
    try picture([61, 37]).png().write(to: file)
    let augment = try RandAugment()
    var (one, other) = (SeededGenerator(seed: 5), SeededGenerator(seed: 5))
    let memory = PhotoMemory(limit: 0)
    let view = try augment(file, size: 32, from: memory, using: &one)
    let draws = augment.draws(using: &other)
    #expect(try view == draws.reduce(picture([61, 37]).resized(squareOf: 32)) { augment($1, on: $0) })
    #expect(one == other)
  }

  @Test("settings out of their range are refused")
  func refusals() {
    #expect(throws: ImageError.self) { try RandAugment(count: -1) }
    #expect(throws: ImageError.self) { try RandAugment(magnitude: 31) }
  }
}
