import Embedded
import Foundation
import Testing

@Suite("A person with her own photos gets all her classes, all her photos, and is told what not")
struct OwnPhotosTests {
  private static let classes = ["arrow", "bird", "clock", "fish"]

  /// Folders of drawings that stand for photos.
  private func fill(_ place: Workplace, _ folder: String = "photos", inside inner: String = "", count: Int = 6) throws {
    for name in Self.classes {
      for number in 0..<count {
        let path = "images/\(name)/\(String(format: "%03d", number)).jpg"
        try place.write(
          Data(contentsOf: Embedded.openclipart.appending(path: path)), to: "\(folder)/\(name)/\(inner)\(number).jpg")
      }
    }
  }

  private struct Trained: Decodable {
    let run: String
    let classes, images, skippedPhotos: Int
    let otherClasses: [String]
  }

  private struct Evaluated: Decodable {
    let images, classes: Int
  }

  @Test("train and evaluate take all classes, and no seed moves the test photos")
  func allClasses() throws {
    try withWorkplace { place in
      try fill(place)
      for seed in ["1", "2"] {
        let trained = try place.cocoop(
          "train --data photos --method linear-probe --shots 4 --seed \(seed) --no-cache --output runs/\(seed)")
        #expect(trained.status == 0, "\(trained.errors)")
        #expect(trained.output.hasPrefix("linear probe learned 4 classes from 16 images in "))
        #expect(
          trained.errors.contains(
            "note: No photos are set apart for testing, so each class was divided at random (seed 1): 4 of 6 photos a"
              + " class to learn from, 2 to test."))
        #expect(trained.errors.contains("by cross-validation, on 4 parts of the training photos in turn."))
        let measured: Evaluated = try place.cocoop("evaluate --run runs/\(seed) --json --quiet --no-cache").json()
        #expect(measured.images == 8 && measured.classes == 4)
      }
      let compared = try place.cocoop("runs compare runs/1 runs/2")
      #expect(compared.status == 0, "\(compared.errors)")
    }
  }

  @Test("runs that were tested on other photos are neither compared nor averaged")
  func otherPhotos() throws {
    try withWorkplace { place in
      try fill(place)
      for seed in ["1", "2"] {
        try place.cocoop(
          "train --data photos --method linear-probe --shots 4 --seed \(seed) --division-seed \(seed) --output runs/\(seed)"
            + " --quiet")
        try place.cocoop("evaluate --run runs/\(seed) --quiet")
      }
      let remedy =
        "Divide the photos once with 'cocoop datasets split', and train each run with --data and the file that it writes."
      let compared = try place.cocoop("runs compare runs/1 runs/2")
      #expect(compared.status == 1)
      #expect(compared.errors.contains("runs/1 and runs/2 were measured on other photos (photos-all-test): "))
      #expect(compared.errors.contains(remedy))
      let reported = try place.cocoop("report runs -o report.html --quiet")
      #expect(
        reported.status == 1 && reported.errors.contains("cannot be averaged") && reported.errors.contains(remedy))

      // The remedy.
      #expect(try place.cocoop("datasets split photos --shots 4 --output split_photos.json").status == 0)
      for seed in ["1", "2"] {
        let trained = try place.cocoop(
          "train --data split_photos.json --method linear-probe --shots 4 --seed \(seed) --output mended/\(seed) --quiet"
        )
        #expect(trained.status == 0, "\(trained.errors)")
      }
      let mended = try place.cocoop("report mended -o report.html --quiet")
      #expect(mended.status == 0, "\(mended.errors)")
    }
  }

  @Test("chosen classes are the run's own, and what is left out is said wherever the run answers")
  func chosen() throws {
    try withWorkplace { place in
      try fill(place)
      let command = "train --data photos --method linear-probe --shots 4 --no-cache --classes"
      let trained = try place.cocoop(command.split(separator: " ").map(String.init) + ["clock,Bird"])
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(trained.output.contains("learned 2 classes from 8 images in "))
      #expect(trained.output.contains(" (left out: arrow, fish)\nheld out: "))
      let run = try #require(place.contents.first { $0.hasPrefix("runs/photos-2classes-") })
      let record = try String(decoding: place.bytes("\(run)/run.json"), as: UTF8.self)
      #expect(record.contains("\"chosenClasses\" : ["))
      let shown = try place.cocoop("runs show \(run)")
      #expect(shown.output.contains("chosen, 2") && shown.output.contains("arrow, fish"))
      let measured = try place.cocoop("evaluate --run \(run) --no-cache")
      #expect(measured.output.contains("4 of 2 classes") && measured.errors.contains("left out: arrow, fish\n"))
      #expect(!measured.output.contains("top-5"))
      let named = try place.cocoop("predict --run \(run) photos/bird/0.jpg")
      #expect(named.status == 0 && named.errors.contains("left out: arrow, fish\n"))
      let again = try place.cocoop(
        command.split(separator: " ").map(String.init) + ["bird,fish", "--resume", "--output", run])
      #expect(
        again.errors.hasSuffix(
          "Error: The run in FOLDER/\(run) was started with the classes bird, clock, not bird, fish. Resume with"
            + " the settings it was started with, or choose another --output.\n"))
      let misspelt = try place.cocoop(command.split(separator: " ").map(String.init) + ["clok,bird"])
      #expect(misspelt.status == 1)
      #expect(misspelt.errors == "Error: photos has no class 'clok'. Did you mean 'clock'?\n")
      let part = try place.cocoop(command.split(separator: " ").map(String.init) + ["bsae"])
      #expect(part.errors == "Error: photos has no class 'bsae'. Did you mean 'base'?\n")
    }
  }

  @Test("all photos are learned from when nothing is to be tested, and evaluate says why it cannot")
  func nothingToTest() throws {
    try withWorkplace { place in
      try fill(place, count: 3)
      let trained = try place.cocoop("train --data photos --method linear-probe --test none --output run --no-cache")
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(trained.output.hasPrefix("linear probe learned 4 classes from 12 images in "))
      #expect(trained.errors.contains("note: All photos are for training: none is kept to measure an accuracy on."))
      let measured = try place.cocoop("evaluate --run run --quiet")
      #expect(measured.status == 1)
      #expect(measured.errors.contains("Give other images with --data, or train again without '--test none'."))
    }
  }

  @Test("photos that are cut off are told together before the training, and left out where that is asked for")
  func broken() throws {
    try withWorkplace { place in
      try fill(place)
      for name in ["bird", "fish"] {
        let path = "photos/\(name)/1.jpg"
        let whole = try place.bytes(path)
        try place.write(whole.prefix(whole.count / 2), to: path)
      }
      try place.cocoop("datasets split photos --shots 5 --output photos/split.json")
      let checked = try place.cocoop("datasets check photos")
      #expect(checked.status == 1 && checked.output.contains("✗ 2 images cannot be read"))
      let command = "train --data photos --method linear-probe --shots 5 --test none --output run --no-cache"
      let refused = try place.cocoop(command + " --shots 6")
      #expect(refused.status == 1 && !place.exists("run"))
      #expect(refused.errors.contains("2 of 24 photos to learn from cannot be read: "))
      #expect(refused.errors.contains("Replace them, or leave them out with --skip-broken."))
      let trained = try place.cocoop(command + " --shots 6 --skip-broken")
      #expect(trained.status == 0 && trained.output.contains("learned 4 classes from 22 images"), "\(trained.errors)")
      #expect(try String(decoding: place.bytes("run/run.json"), as: UTF8.self).contains("\"skippedPhotos\" : 2"))
      #expect(try place.cocoop("runs show run").output.contains("2 photos that cannot be read"))
    }
  }

  @Test("held-out photos that cannot be read are told together, and the others are measured")
  func brokenHeldOut() throws {
    try withWorkplace { place in
      for part in ["train", "test"] { try fill(place, "photos/\(part)", count: 3) }
      for name in ["bird", "fish"] {
        try place.write(Data("no picture".utf8), to: "photos/test/\(name)/1.jpg")
      }
      let trained = try place.cocoop("train photos --method linear-probe --shots 3 --output run --no-cache")
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(
        trained.errors.contains(
          "note: 2 of 12 held-out photos cannot be read. The accuracy is that of the others, and is not kept with the run: "
        ))
      #expect(trained.errors.contains("photos/test/bird/1.jpg") && trained.errors.contains("photos/test/fish/1.jpg"))
      #expect(trained.output.contains(" of 10 photos named rightly"))
      #expect(!place.exists("run/evaluations"))
    }
  }

  @Test("a folder with train/ alone is divided as one without parts")
  func trainAlone() throws {
    try withWorkplace { place in
      try fill(place, "photos/train")
      let trained = try place.cocoop("train photos --method linear-probe --shots 4 --output run --no-cache")
      #expect(trained.status == 0, "\(trained.errors)")
      #expect(
        trained.output.contains("learned 4 classes from 16 images") && trained.output.contains(" of 8 photos named"))
    }
  }

  @Test("--recursive takes the photos of sub-folders wherever a folder of photos is read")
  func subFolders() throws {
    try withWorkplace { place in
      try fill(place, inside: "inner/")
      let command = "reproduce base-to-new --datasets photos --methods zero-shot --output"
      let refused = try place.cocoop("\(command) runs/a")
      #expect(refused.status == 1 && refused.errors.contains("photos has no class folders with images in them"))
      let reproduced = try place.cocoop("\(command) runs/b --recursive --json --quiet")
      #expect(reproduced.status == 0, "\(reproduced.errors)")
      let compared = try place.cocoop(
        "compare photos --recursive --methods zero-shot,linear-probe --seeds 1 --shots 2 --output runs/c --quiet")
      #expect(compared.status == 0, "\(compared.errors)")

      let training = "train photos --recursive --method coop --shots 1 --epochs 1 --image-views 1 --no-test --quiet"
      #expect(try place.cocoop("\(training) --output runs/d").status == 0)
      #expect(try place.cocoop("prompts export --run runs/d out").status == 0)
      let imported = "prompts import out --model tiny-clip --data photos --classes all --output runs/e"
      #expect(try place.cocoop(imported).status == 1)
      #expect(try place.cocoop(imported + " --recursive").status == 0)
      #expect(try place.cocoop("evaluate --run runs/e --quiet").status == 0)
    }
  }

  @Test("zero-shot CLIP is prepared, and nothing of shots is said")
  func zeroShot() throws {
    try withWorkplace { place in
      try fill(place)
      let trained = try place.cocoop("train --data photos --method zero-shot --output run")
      #expect(trained.output.hasPrefix("zero-shot CLIP is prepared for 4 classes in "))
      #expect(!trained.errors.contains("shots") && !trained.errors.contains("learn"))
      let log = try String(decoding: place.bytes("run/log.txt"), as: UTF8.self)
      #expect(log.contains("prepared in ") && !log.contains("learned"))
      #expect(try !place.cocoop("runs show run").output.contains("shots"))
    }
  }

  @Test("one class is refused, whether the folder has no other or --classes names no other")
  func oneClass() throws {
    try withWorkplace { place in
      try fill(place)
      try place.write(Data(contentsOf: URL(filePath: Short.photo)), to: "one/bird/0.jpg")
      try place.write(Data(contentsOf: URL(filePath: Short.photo)), to: "one/bird/1.jpg")
      try place.write("", to: "one/fish/notes.txt")
      let alone = try place.cocoop("train one")
      #expect(alone.status == 1 && !place.exists("runs"))
      #expect(
        alone.errors
          == "Error: one has one class, 'bird', and there is nothing to tell it from."
          + " Put photos of at least one other class into a folder beside it.\n")
      let chosen = try place.cocoop("train photos --classes bird")
      #expect(chosen.status == 1 && !place.exists("runs"))
      #expect(
        chosen.errors
          == "Error: Of photos, one class is chosen, 'bird', and there is nothing to tell it from."
          + " Choose at least two with --classes.\n")
    }
  }
}
