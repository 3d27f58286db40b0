import CocoopServer
import Testing

@Suite("What the server keeps is bounded")
struct TableTests {
  @Test("The table forgets what was not asked for the longest")
  func leastRecentlyUsed() {
    var table = LeastRecentlyUsed<String, Int>(capacity: 2)
    table.insert(1, for: "a")
    table.insert(2, for: "b")
    #expect(table.value(for: "a") == 1)
    table.insert(3, for: "c")
    #expect(table.value(for: "b") == nil)
    #expect(table.value(for: "a") == 1)
    #expect(table.value(for: "c") == 3)
    table.insert(4, for: "a")
    #expect(table.count == 2)
    #expect(table.value(for: "a") == 4)
  }

  @Test("What has a weight makes room for itself among what has one, and is kept even where it is too heavy")
  func weights() {
    var table = LeastRecentlyUsed<String, Int>(capacity: 9, weightLimit: 10)
    table.insert(0, for: "light")
    table.insert(1, for: "a", weight: 6)
    table.insert(2, for: "b", weight: 4)
    #expect(table.weight == 10 && table.value(for: "a") == 1)
    table.insert(3, for: "c", weight: 1)
    #expect(table.value(for: "b") == nil && table.weight == 7)
    table.insert(4, for: "a", weight: 9)
    #expect(table.value(for: "a") == 4 && table.value(for: "c") == 3 && table.weight == 10)
    table.insert(5, for: "d", weight: 99)
    #expect(table.value(for: "light") == 0 && table.value(for: "d") == 5)
    #expect(table.count == 2 && table.weight == 99)
  }

  @Test("A table without room keeps nothing")
  func empty() {
    var table = LeastRecentlyUsed<Int, Int>(capacity: 0)
    table.insert(1, for: 1)
    #expect(table.count == 0)
  }

  @Test("A histogram's buckets count everything up to their bounds")
  func histogram() {
    var histogram = Histogram(bounds: [0.5, 2])
    for value in [0.5, 1, 7] { histogram.add(value) }
    #expect(
      histogram.lines(name: "x", labels: "r=\"/\"") == [
        "x_bucket{r=\"/\",le=\"0.5\"} 1", "x_bucket{r=\"/\",le=\"2.0\"} 2", "x_bucket{r=\"/\",le=\"+Inf\"} 3",
        "x_sum{r=\"/\"} 8.5", "x_count{r=\"/\"} 3",
      ])
  }
}
