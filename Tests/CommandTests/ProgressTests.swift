import Foundation
import Testing

@Suite("Progress fits where standard error goes")
struct ProgressTests {
  /// A terminal with a number of columns, in memory.
  struct Terminal {
    let ours, theirs: FileHandle

    init(columns: UInt16) throws {
      let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
      var (unlocked, number): (CInt, CUnsignedInt) = (0, 0)
      // TIOCSPTLCK and TIOCGPTN of <asm-generic/ioctls.h>, which Swift does not import.
      try #require(master >= 0 && ioctl(master, 0x4004_5431, &unlocked) == 0)
      try #require(ioctl(master, 0x8004_5430, &number) == 0)
      let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
      var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
      try #require(slave >= 0 && ioctl(slave, UInt(TIOCSWINSZ), &size) == 0)
      (ours, theirs) = (FileHandle(fileDescriptor: master, closeOnDealloc: true), FileHandle(fileDescriptor: slave))
    }

    /// The text shown until the process at the other end has gone.
    func text() -> String {
      close(theirs.fileDescriptor)
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(ours.fileDescriptor, &buffer, buffer.count)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer[..<count]
      }
    }
  }

  /// A training that is short enough for a test, and long enough for several updates.
  static let training =
    "train --data openclipart --classes base --method coop --shots 4 --epochs 12 --batch-size 4 --image-views 1 --threads 1 --no-test --output run"

  /// Whether a line is a note or the advice at the end of a training, and not progress.
  private func isAdvice(_ line: some StringProtocol) -> Bool {
    ["next: ", "the linear probe ", "tiny-clip is small: ", "note: "].contains { line.hasPrefix($0) }
  }

  @Test(
    "a terminal's line is drawn over, never longer than the terminal and at most ten times a second",
    .enabled(if: access("/dev/ptmx", W_OK) == 0), arguments: [30, 60, 80])
  func terminal(columns: Int) throws {
    try withWorkplace { place in
      let terminal = try Terminal(columns: UInt16(columns))
      let start = ContinuousClock.now
      let call = try place.start(Self.training.split(separator: " ").map(String.init), errors: terminal.theirs)
      let text = terminal.text()
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      #expect(try call.outcome().status == 0)
      let lines = text.replacing("\r\n", with: "\n").split(whereSeparator: { $0 == "\r" || $0 == "\n" })
        .map { $0.replacing("\u{1B}[K", with: "") }.filter { !$0.isEmpty && !isAdvice($0) }
      let steps = lines.filter { $0.contains(" steps") || $0.contains("CoOp:") }
      #expect(lines.allSatisfy { $0.count < columns })
      #expect(steps.count > 1 && Double(lines.count) <= 10 * seconds + 6)
      #expect(steps.last?.contains("/168 step") == true || columns < 40)
      #expect(columns < 60 || steps.allSatisfy { $0.contains("█") || $0.contains("░") || $0.count > columns - 8 })
    }
  }

  @Test("a file gets the last line of what was quick, and nothing with --quiet")
  func file() throws {
    try withWorkplace { place in
      let loud = try place.cocoop(Self.training)
      let lines = loud.errors.split(separator: "\n").filter { !isAdvice($0) }
      #expect(lines.count <= 3 && !loud.errors.contains("\r") && !loud.errors.contains("\u{1B}"))
      #expect(lines.last?.hasPrefix("CoOp: 168/168 steps, ") == true)
      #expect(lines.last?.contains(" left") == false)
      #expect(try place.cocoop(Self.training + " --force --quiet").errors.isEmpty)
    }
  }
}
