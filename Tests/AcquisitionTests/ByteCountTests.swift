import Support
import Testing

@Suite("Sizes are read as people write them")
struct ByteCountTests {
  @Test(
    "a size has one decimal and a decimal unit",
    arguments: [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (350_837_078, "350.8 MB"), (999_999_999, "1.0 GB")])
  func text(bytes: Int, expected: String) { #expect(ByteCount(bytes).description == expected) }
}
