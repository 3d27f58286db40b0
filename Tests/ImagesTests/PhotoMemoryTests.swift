import Support
import Foundation
import Images
import TestSupport
import Testing

@Suite("Photos in memory are seen as if they were decoded anew")
struct PhotoMemoryTests {
  @Test("random views of every format and orientation have the same bits", arguments: Orientation.allCases)
  func bits(orientation: Orientation) throws {
    let reading = PhotoReading(orientation: orientation)
    let names =
      ["samples/420.jpg", "samples/422-progressive.jpg", "samples/ycck-progressive.jpg", "samples/grey.jpg"]
      + ["samples/rgb-8-interlaced.png", "samples/palette-4.png", "samples/lossy.webp"]
      + (try FormatsFixture.recorded.get().oriented.keys.map { "formats/\($0)" })
    for name in names {
      let file = Fixture.folder.appending(path: name)
      let memory = PhotoMemory(limit: 1 << 20, reading: reading)
      for seed in 0..<12 {
        var (first, second) = (SeededGenerator(seed: UInt64(seed)), SeededGenerator(seed: UInt64(seed)))
        let augmentation = try TrainingAugmentation(crop: RandomResizedCrop(size: 4 + 3 * seed))
        #expect(
          try augmentation(file, from: memory, using: &first) == augmentation(file, reading: reading, using: &second),
          "\(name) \(seed)")
      }
      #expect(memory.bytes > 0, "\(name)")
    }
  }

  @Test("what there is no room for is decoded at each use, and nothing else changes")
  func limit() throws {
    let files = ["420.jpg", "444.jpg", "422.jpg"].map { Fixture.folder.appending(path: "samples/\($0)") }
    let sizes = try files.map { try Image(contentsOf: $0).pixels.count }
    for limit in [0, 1, sizes[0], sizes[0] + sizes[1], 1 << 20] {
      let memory = PhotoMemory(limit: limit)
      for _ in 0..<2 {
        for file in files {
          let seen = try memory.image(at: file) { try ImageView.shorterEdge(9, ofWidth: $0, height: $1) }
          #expect(try seen == Image(contentsOf: file).resized(shorterEdge: 9))
          #expect(memory.bytes <= limit)
        }
      }
      #expect(memory.bytes == sizes.reduce(0) { $0 + $1 <= limit ? $0 + $1 : $0 })
    }
  }

  @Test("a photo that was changed is read again: another size, or the same size at another time")
  func changes() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "photo.png")
      let first = try Fixture.synthetic(width: 30, height: 20)
      let second = first.flippedHorizontally()
      let memory = PhotoMemory(limit: 1 << 20)
      func seen() throws -> Image {
        try memory.image(at: file) { ImageView(of: .init(width: $0, height: $1), width: $0, height: $1) }
      }
      try first.png().write(to: file)
      #expect(try seen() == first)
      let other = try Fixture.synthetic(width: 31, height: 20)
      try other.png().write(to: file)
      #expect(try seen() == other)
      #expect(memory.bytes == other.pixels.count)

      let size = try first.png().count
      try (first.png() + Data(count: 1 << 12)).prefix(size + 100).write(to: file)
      #expect(try seen() == first)
      let changed = try (second.png() + Data(count: 1 << 12)).prefix(size + 100)
      try changed.write(to: file)
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: file.path)
      #expect(try seen() == second)

      try FileManager.default.removeItem(at: file)
      #expect(throws: ImageError.missing(file: file.path)) { try seen() }
    }
  }

  @Test("a photo that cannot be decoded takes no room, and says why each time")
  func damage() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "cut.jpg")
      try Fixture.sample("420.jpg").dropLast(200).write(to: file)
      let memory = PhotoMemory(limit: 1 << 20)
      for _ in 0..<2 {
        #expect(throws: ImageError.truncated(file: file.path, format: "JPEG")) {
          try memory.image(at: file) { try ImageView.shorterEdge(9, ofWidth: $0, height: $1) }
        }
        #expect(memory.bytes == 0)
      }
    }
  }

  @Test("many tasks see the same photos, and their memory is counted once")
  func concurrency() async throws {
    let files = ["420.jpg", "444.jpg", "420-progressive.jpg"].map { Fixture.folder.appending(path: "samples/\($0)") }
    let memory = PhotoMemory(limit: 1 << 20)
    let expected = try files.map { try Image(contentsOf: $0).resized(shorterEdge: 7) }
    try await withThrowingTaskGroup(of: [Image].self) { group in
      for _ in 0..<16 {
        group.addTask {
          try files.map { try memory.image(at: $0) { try ImageView.shorterEdge(7, ofWidth: $0, height: $1) } }
        }
      }
      for try await found in group { #expect(found == expected) }
    }
    #expect(try memory.bytes == files.reduce(0) { try $0 + Image(contentsOf: $1).pixels.count })
  }
}
