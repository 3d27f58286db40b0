import cocoop
import Testing

@Suite("A line of progress fits where it is shown")
struct ProgressTextTests {
  static let text = ProgressText("CoCoOp, seed 1", unit: "steps", from: 0)
  static let note = "epoch 2/10, loss 1.234"

  @Test("without a terminal it says everything, with the time that is left")
  func plain() {
    let line = Self.text.line(300, of: 1_500, after: 100, note: Self.note)
    #expect(line == "CoCoOp, seed 1: 300/1500 steps, 6:40 left, epoch 2/10, loss 1.234, 3.0 steps/s")
    #expect(Self.text.line(1_500, of: 1_500, after: 4_000) == "CoCoOp, seed 1: 1500/1500 steps, 1:06:40, 0.4 steps/s")
    // A continued training knows nothing of the time of the steps before.
    let continued = ProgressText("CoOp", unit: "steps", from: 900)
    #expect(continued.line(1_000, of: 1_100, after: 10) == "CoOp: 1000/1100 steps, 10 s left, 10 steps/s")
    #expect(continued.line(900, of: 1_100, after: 10) == "CoOp: 900/1100 steps, time left unknown")
  }

  @Test("in 79 columns there is a bar before it")
  func bar() {
    #expect(
      Self.text.line(300, of: 1_500, after: 100, columns: 79)
        == "████░░░░░░░░░░░░░░░░ CoCoOp, seed 1: 300/1500 steps, 6:40 left, 3.0 steps/s")
  }

  @Test("it is never longer than the terminal, whose least important parts go first", arguments: 0...140)
  func fits(columns: Int) {
    let line = Self.text.line(300, of: 1_500, after: 100, note: Self.note, columns: columns)
    #expect(line.count <= columns)
    #expect(columns < 30 || line.contains("CoCoOp, seed 1: 300/1500 steps"))
    #expect(columns < 41 || line.contains("6:40 left"))
    #expect(columns < 65 || line.contains(Self.note))
  }

  @Test("no total, no time and more than all are no failures")
  func edges() {
    #expect(Self.text.line(0, of: 0, after: 0, columns: 60) == "████████████████████ CoCoOp, seed 1: 0/0 steps, 0 s")
    #expect(Self.text.line(9, of: 3, after: 1, columns: 60).count <= 60)
    #expect(Self.text.line(1, of: .max, after: 1e9).contains("years left"))
  }
}
