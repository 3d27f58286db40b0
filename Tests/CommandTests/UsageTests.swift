import Foundation
import Testing

@Suite("A wrong command line ends with 64 and says what is wrong")
struct UsageTests {
  @Test(
    "options that cannot be",
    arguments: [
      ("nonsense", "Unexpected argument 'nonsense'"),
      ("train", "Give the photos to learn from: 'cocoop train PHOTOS', or --data."),
      ("train a --data b", "Give the data once: as an argument ('a') or as --data ('b')."),
      ("evaluate a --data b --run c", "Give the data once: as an argument ('a') or as --data ('b')."),
      ("compare", "Missing expected argument '<photos>'"),
      ("compare a --methods cocoopp", "There is no method 'cocoopp'. Did you mean 'cocoop'?"),
      ("compare a --methods coop,coop", "--methods must name each method once, found 'coop' twice."),
      ("compare a --seeds 1,1", "--seeds must name each seed once, found 1,1."),
      ("compare a --shots 0", "--shots must be 1 or more, found 0."),
      ("train --data openclipart --colour red", "Unknown option '--colour'"),
      ("train --data openclipart --shots 0", "--shots must be 1 or more, found 0."),
      ("train --data openclipart --shots=-3", "--shots must be 1 or more, found -3."),
      ("train --data openclipart --resume --force", "--resume and --force exclude each other."),
      ("train --data openclipart --checkpoint-every 0", "--checkpoint-every must be 1 or more, found 0."),
      (
        "train --data openclipart --context dog --context-length 2",
        "--context and --context-length exclude each other: words decide the length."
      ),
      (
        "train --data openclipart --device gpu",
        "The value 'gpu' is invalid for '--device <auto|cpu|cuda|cuda:N|mps|xpu>'"
      ),
      ("export --run r --output o --device cuda", "export computes on the CPU: leave --device cuda:0 out."),
      ("predict --classes a,b x.jpg", "Give --run or --model."),
      ("predict --model tiny-clip x.jpg", "Without --run, give --classes or --classes-file."),
      ("predict --model tiny-clip --classes a,b --top 0 x.jpg", "--top must be 1 or more, found 0."),
      (
        "predict --model tiny-clip --classes a,b --classes-file c x.jpg",
        "--classes and --classes-file exclude each other."
      ),
      (
        "predict --model tiny-clip --classes a,b",
        "Give a photo, a folder of photos, a pattern, or - for paths on standard input."
      ),
      (
        "predict --model tiny-clip --classes a,b --stdin-image x.jpg",
        "--stdin-image reads one image and excludes others."
      ),
      ("predict --model tiny-clip --classes a,b --null x.jpg", "--null is for paths on standard input: give -."),
      ("predict --model tiny-clip --classes a,b - x.jpg -", "Give - once."),
      ("predict --model tiny-clip --classes a,b --batch-size 0 x.jpg", "--batch-size must be from 1 to 1024, found 0."),
      (
        "predict --model tiny-clip --classes a,b --json --format csv x.jpg",
        "--json and --format csv exclude each other."
      ),
      (
        "predict --run r --stream x.jpg",
        "--stream takes its images and gives its answers line by line: leave out images and formats."
      ),
      ("predict --run r --template {} x.jpg", "--template is for zero-shot CLIP: a run has its own prompts."),
      ("predict --model tiny-clip --classes a,b --no-photos x.jpg", "Unknown option '--no-photos'"),
      ("compat --no-cache -- --root d", "Unknown option '--no-cache'"),
      ("datasets few-shot openclipart --shots 0", "--shots must be 1 or more, found 0."),
      ("serve --run r --port 65536", "--port must be from 0 to 65535, found 65536."),
      (
        "serve --run r --allow-origin example.org",
        "--allow-origin: 'example.org' is no origin that can be allowed: it has no scheme. "
          + "Give what browsers send, such as https://example.org or http://localhost:3000, or * for any page."
      ),
      ("serve --run r --patience 0", "--patience must be from 0.1 to 600.0, found 0.0."),
      ("benchmark --classes 0", "--classes must be from 1 to 500, found 0."),
      ("check-device --classes 50,501", "--classes must be from 1 to 500, found 501."),
      ("benchmark --images 257", "--images must be from 1 to 256, found 257."),
    ])
  func usage(line: String, message: String) throws {
    try withWorkplace { place in
      let outcome = try place.cocoop(line)
      #expect(outcome.status == 64 && outcome.output.isEmpty)
      #expect(outcome.errors.split(separator: "\n").first.map(String.init) == "Error: \(message)")
      #expect(place.contents.isEmpty)
    }
  }

  @Test("a command that only groups others prints its help", arguments: ["", "models", "datasets"])
  func noCommand(line: String) throws {
    try withWorkplace { place in
      let outcome = try place.cocoop(line)
      #expect(outcome.status == 64 && outcome.output.isEmpty)
      #expect(outcome.errors.contains("SUBCOMMANDS:"))
    }
  }
}
