import Embedded
import Foundation
import Testing

@Suite("Bad input costs one line and leaves nothing behind")
struct BadInputTests {
  /// Runs a command that must fail with one line and leave the folder as it was.
  private func expect(_ message: String, from arguments: [String], in place: Workplace) throws {
    let before = place.contents
    let outcome = try place.cocoop(arguments)
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    #expect(outcome.errors == "Error: \(message)\n")
    #expect(place.contents == before)
  }

  private func predicting(_ photo: String, classes: String = "bird,cat") -> [String] {
    ["predict", "--model", "tiny-clip", "--classes", classes, photo]
  }

  @Test("files that are no images")
  func images() throws {
    try withWorkplace { place in
      let photo = try Data(contentsOf: URL(filePath: Short.photo))
      try place.write("", to: "empty.jpg")
      try place.write("hello, this is a text", to: "text.jpg")
      try place.write(photo.prefix(photo.count / 2), to: "half.jpg")
      try place.write("", to: "folder/notes.txt")
      try expect("There is no file FOLDER/none.jpg. Check the path.", from: predicting("none.jpg"), in: place)
      try expect(
        "FOLDER/empty.jpg is empty, where an image was expected. Fetch or export it again.",
        from: predicting("empty.jpg"), in: place)
      try expect(
        "FOLDER/text.jpg is not a picture of a kind that is read: it looks like plain text."
          + " Convert it to JPEG, PNG or WebP, or remove it.", from: predicting("text.jpg"), in: place)
      try expect(
        "FOLDER/half.jpg is a truncated JPEG image: its data end too early. Fetch or export it again.",
        from: predicting("half.jpg"), in: place)
      try expect(
        "The folder folder has no photos directly in it. Left out: 1 file is no image this reads: 1 .txt."
          + " Give a folder of photos, or --recursive for those of its folders.",
        from: predicting("folder"), in: place)
      try expect(
        #"There is no file FOLDER/a\nb\u{1B}.jpg. Check the path."#, from: predicting("a\nb\u{1B}.jpg"),
        in: place)
    }
  }

  @Test("one bad image among good ones: the others are named")
  func oneBadImage() throws {
    try withWorkplace { place in
      try place.write("", to: "empty.png")
      let outcome = try place.cocoop(
        [
          "predict", "--model", "tiny-clip", "--classes", "bird,cat", "--top", "1", Short.photo, "empty.png",
          Short.photo,
        ])
      #expect(outcome.status == 1)
      #expect(
        outcome.errors == "Error: FOLDER/empty.png is empty, where an image was expected. Fetch or export it again.\n"
          + "Error: 1 of 3 photos could not be read.\n")
      #expect(outcome.output.split(separator: "\n").count == 4)
    }
  }

  @Test("lists of classes that cannot be told apart or read")
  func classes() throws {
    try withWorkplace { place in
      let remedy = "Give each class one name, and each name once."
      func list(_ source: String, _ problem: String) -> String {
        "The list of classes in \(source) cannot be used: \(problem). \(remedy)"
      }
      try place.write(Data([0xFF, 0xFE, 0xC0]), to: "bytes.txt")
      let cases = [
        ("bird,sports_car,sports car", "'sports car' stands in it twice"), ("bird,,cat", "name 2 is empty"),
        ("", "name 1 is empty"), ("bird, _ ", "name 2 is empty"), ("a\u{7},a\u{7}", #"'a\u{07}' stands in it twice"#),
      ]
      for (classes, problem) in cases {
        try expect(list("--classes", problem), from: predicting(Short.photo, classes: classes), in: place)
      }
      try place.write("\n \n", to: "empty.txt")
      try place.write("class\n\"bird\n", to: "open.csv")
      try place.write("name\nbird\n", to: "names.csv")
      let files = [
        ("bytes.txt", "it is not UTF-8 text"), ("none.txt", "there is no such file"), (".", "it is a folder"),
        ("empty.txt", "it names no class"), ("open.csv", "a quote in it is never closed: line 2"),
        ("names.csv", "its first line names no column 'class'"),
      ]
      for (file, problem) in files {
        try expect(
          list(file, problem), from: ["predict", "--model", "tiny-clip", "--classes-file", file, Short.photo], in: place
        )
      }
      let long = Array(repeating: "long", count: 100).joined(separator: " ")
      let outcome = try place.cocoop(predicting(Short.photo, classes: "bird,\(long)"))
      #expect(outcome.status == 1)
      #expect(
        outcome.errors.hasSuffix("but the model reads 77. Shorten the class name or the context.\n"),
        "\(outcome.errors)")
      #expect(outcome.errors.count { $0 == "\n" } == 1)
      try expect(
        "The template 'a photo' has no place for the class name. Write {} where the name goes, as in 'a photo of a {}.'.",
        from: predicting(Short.photo) + ["--template", "a photo"], in: place)
    }
  }

  @Test("models and datasets that are not there, or not whole")
  func sources() throws {
    try withWorkplace { place in
      try place.write("{}", to: "model/open_clip_config.json")
      try place.write(
        #"{"train": [["a.jpg", 0, "a"]], "val": [], "test": [["b1", 0, "a"], ["b2", 0, "a"], ["b3", 0, "a"],"#
          + #"["b4", 0, "a"], ["b5", 0, "a"], ["b6", 0, "a"]]}"#, to: "split.json")
      func train(_ more: String...) -> [String] { ["train", "--quiet", "--output", "runs/a"] + more }
      let photo = Short.photo
      try expect(
        "There is no model 'tiny-clp': it is neither a known name nor a path. Did you mean 'tiny-clip'?",
        from: ["predict", "--model", "tiny-clp", "--classes", "a,b", photo], in: place)
      try expect(
        "FOLDER/model: the folder has no weights: neither open_clip_model.safetensors nor model.safetensors."
          + " Put the weights there, or give their file.", from: ["models", "inspect", "model"], in: place)
      try expect(
        "There is no dataset 'openclip-art': it is neither embedded nor a path. Did you mean 'openclipart'?",
        from: train("--data", "openclip-art"), in: place)
      try expect(
        "7 of 7 images are missing in FOLDER/model, such as a.jpg, b1, b2, b3, b4."
          + " Unpack the images there, or correct the list.", from: train("--data", "split.json"), in: place)
    }
  }

  @Test("settings that cannot be")
  func settings() throws {
    try withWorkplace { place in
      let cases = [
        (["--epochs", "0"], "The number of epochs must be from 1 to 100000, found 0."),
        (["--batch-size", "0"], "The batch size must be from 1 to 100000, found 0."),
        (["--learning-rate", "nan"], "The learning rate must be a positive number, found nan."),
        (["--learning-rate=-1"], "The learning rate must be a positive number, found -1.0."),
        (["--threads", "0"], "Cannot compute with 0 threads. Give a number from 1 to 1024."),
        (["--context", ""], "The context '' has no tokens. Give the context at least one word."),
        (["--context-length", "0"], "The number of context vectors must be from 1 to 76, found 0."),
        (["--context-length", "200"], "The number of context vectors must be from 1 to 76, found 200."),
      ]
      for (options, message) in cases {
        try expect(
          message, from: ["train", "--data", "openclipart", "--output", "runs/a", "--quiet"] + options, in: place)
      }
      let long = try place.cocoop([
        "train", "--data", "openclipart", "--quiet", "--output", "runs/a", "--context-length", "75",
      ])
      #expect(long.status == 1 && long.errors.hasSuffix("Shorten the class name or the context.\n"))
      #expect(place.contents.isEmpty)
    }
  }

  @Test("a photo that cannot be learned from is told before the training, and leaves no run")
  func damagedPhoto() throws {
    try withWorkplace { place in
      for name in ["cat", "dog"] {
        for part in ["train", "test"] {
          try place.write(Data(contentsOf: URL(filePath: Short.photo)), to: "data/\(part)/\(name)/0.jpg")
        }
      }
      try place.write("", to: "data/train/cat/0.jpg")
      try expect(
        "1 of 2 photos to learn from cannot be read: FOLDER/data/train/cat/0.jpg is empty, where an image was expected."
          + " Replace them, or leave them out with --skip-broken.",
        from: ["train", "--data", "data", "--classes", "all", "--epochs", "1", "--output", "runs/a", "--quiet"],
        in: place)
    }
  }
}
