import CLIP
import Foundation
import PromptLearning
import Testing
import TestSupport
import Tokenization
import Torch

@Suite("The nearest words of a vector agree with PyTorch")
struct NearestWordsTests {
  struct Recipe: Decodable, Sendable { let tokens: [[String]] }

  private let fixture: Fixture<Recipe>
  private let nearest: NearestWords
  private static let tolerance = 1e-6

  init() throws {
    fixture = try Fixture("nearest-words", in: .module)
    nearest = NearestWords(in: try TinyCLIP.clip)
  }

  @Test("the entries, their order, spellings and distances are the recorded ones")
  func recorded() throws {
    let count = fixture.recipe.tokens[0].count
    let matches = try nearest(to: fixture.tensor("vectors"), count: count)
    #expect(matches.map { $0.map(\.token) } == fixture.recipe.tokens)
    #expect(try matches.flatMap { $0.map(\.id) } == fixture.tensor("ids").integers())
    let distances = try fixture.tensor("distances").doubles()
    for (match, distance) in zip(matches.joined(), distances) {
      #expect(abs(match.distance - distance) < Self.tolerance, "\(match.word)")
    }
  }

  @Test("a word's own embedding is at no distance, and all entries can be asked for")
  func own() throws {
    let clip = try TinyCLIP.clip
    let ids = clip.tokenizer.encode("photo")
    let matches = try nearest(to: clip.textEncoder.embeddings(of: ids), count: 60_000)
    #expect(matches[0].count == 49_408 && Set(matches[0].map(\.id)).count == 49_408)
    #expect(matches[0][0].word == "photo" && matches[0][0].distance < Self.tolerance)
    #expect(zip(matches[0], matches[0].dropFirst()).allSatisfy { $0.distance <= $1.distance })
    #expect(try nearest(to: .zeros([0, clip.textEncoder.width]), count: 5).isEmpty)
  }

  @Test("vectors of another width are refused")
  func width() throws {
    #expect(throws: TorchError.self) { try nearest(to: .zeros([2, 3]), count: 1) }
  }
}
