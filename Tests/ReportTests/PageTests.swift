import Datasets
import Foundation
import Report
import Testing
import TestSupport
import Torch

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite("A report shows what runs have kept, and nothing that they have not")
struct PageTests {
  /// The page of the runs that `prepare` writes into a folder.
  private func page(_ prepare: (SyntheticRuns) throws -> Void) throws -> Page {
    try withTemporaryFolder { folder in
      try prepare(SyntheticRuns(folder: folder))
      var builder = ReportBuilder()
      builder.computes = false
      return try Page(Report(of: [folder.appending(path: "runs")], by: builder).html)
    }
  }

  private static func three(_ runs: SyntheticRuns) throws {
    try runs.run("runs/zero", method: "zero-shot", accuracy: 0.5)
    for seed in 1...3 {
      try runs.run("runs/coop-\(seed)", method: "coop", seed: seed, accuracy: 0.6 + 0.05 * Double(seed))
      try runs.run("runs/cocoop-\(seed)", method: "cocoop", seed: seed, accuracy: 0.8)
    }
  }

  @Test("base-to-new runs give a comparison, curves and a closer look at each method")
  func sections() throws {
    let page = try page(Self.three)
    #expect(page.texts(of: "h1") == ["Prompt learning on drawings"])
    #expect(page.texts(of: "h2") == ["Results", "About these runs"])
    #expect(page.texts(of: "h3").prefix(3) == ["Methods compared", "Training", "A closer look"])
    #expect(page.texts(of: "h4").contains("CoCoOp on the new classes"))
    #expect(page.texts(of: "summary").contains("CoOp"))
    for id in ["d1-bars", "d1-loss", "d1-m3-base-confusion", "d1-m3-new-classes", "d1-m1-base-calibration"] {
      #expect(page.ids.contains(id), "\(id)")
    }
    #expect(page.images.count > 10 && page.images.allSatisfy { $0.hasPrefix("data:image/jpeg;base64,") })
  }

  @Test("the best of a column is bold, and each figure has its difference to zero-shot")
  func comparison() throws {
    let page = try page(Self.three)
    let table = try #require(page.tables.first)
    #expect(table.first == ["Method", "base", "new", "H"])
    #expect(table.map { $0[0] } == ["Method", "zero-shot CLIP", "CoOpseeds 1, 2, 3", "CoCoOpseeds 1, 2, 3"])
    #expect(table[1][1] == "50.0" && table[3][1] == "83.3 ± 0.0+33.3")
    #expect(page.texts(of: "strong").contains("83.3"))
  }

  @Test("runs that learned other parts of the classes have tables of their own, each with its differences to zero-shot")
  func parts() throws {
    let page = try page { runs in
      try runs.run("runs/zero", method: "zero-shot", accuracy: 0.5)
      try runs.run("runs/cocoop", method: "cocoop", accuracy: 0.8)
      try runs.run("runs/zero-all", method: "zero-shot", classes: [.all], learned: .all, accuracy: 0.25)
      try runs.run("runs/cocoop-all", method: "cocoop", classes: [.all], learned: .all, accuracy: 0.5)
    }
    #expect(page.texts(of: "h4").prefix(2) == ["Learned on the base classes", "Learned on all classes"])
    let tables = page.tables.filter { $0[0].first == "Method" && $0[0].count > 1 && $0[0][1] != "Classes" }
    #expect(tables.map { $0[0] } == [["Method", "base", "new", "H"], ["Method", "all"]])
    #expect(tables[0].map { $0[0] } == ["Method", "zero-shot CLIP", "CoCoOpseed 1"])
    #expect(tables[1].dropFirst() == [["zero-shot CLIP", "25.0"], ["CoCoOpseed 1", "50.0+25.0"]])
    #expect(page.texts(of: "summary").contains("CoCoOp, all classes"), "elsewhere the label tells them apart")
    #expect(page.ids.contains("d1-bars") && page.ids.contains("d1-all-bars"))
  }

  @Test("differences on the same images have an interval and McNemar's p, for each seed")
  func differences() throws {
    let page = try page(Self.three)
    let table = try #require(page.tables.first { $0[0].first == "Comparison" })
    #expect(table[0] == ["Comparison", "Classes", "Difference", "p"])
    #expect(
      table.map { $0[0] + " " + $0[1] } == [
        "Comparison Classes", "CoOpagainst zero-shot CLIP base", "CoCoOpagainst zero-shot CLIP base",
        "CoOpagainst zero-shot CLIP new", "CoCoOpagainst zero-shot CLIP new", "CoCoOpagainst CoOp base",
        "CoCoOpagainst CoOp new",
      ])
    // Zero-shot CLIP predicts 6 of 12 images correctly and CoCoOp those and 4 more: p = 2 · ½⁴, with each of three
    // seeds.
    #expect(table[2][2...] == ["+33.3+8.3 to +58.3", "0.125, 0.125, 0.125"])
    #expect(page.text.contains("both cover the choice of the test images and not that of the seed"))
    let alone = try self.page { try $0.run("runs/a", method: "cocoop") }
    #expect(!alone.tables.contains { $0[0].first == "Comparison" }, "nothing to compare")
  }

  @Test("runs that were tested on other images are not compared image by image")
  func otherImages() throws {
    let page = try page { runs in
      try runs.run("runs/zero", method: "zero-shot", imagesPerClass: 3)
      try FileManager.default.removeItem(at: runs.folder.appending(path: "data-drawings"))
      try runs.run("runs/coop", method: "coop", imagesPerClass: 4)
    }
    #expect(page.tables[0].map { $0[0] } == ["Method", "zero-shot CLIP", "CoOpseed 1"])
    #expect(!page.tables.contains { $0[0].first == "Comparison" })
  }

  @Test("trainings of different lengths have charts of their own")
  func lengths() throws {
    let page = try page { runs in
      try runs.run("runs/coop", method: "coop", epochs: 20)
      try runs.run("runs/cocoop", method: "cocoop", epochs: 3)
    }
    for id in ["d1-loss", "d1-rate", "d1-epochs20-loss", "d1-epochs20-rate"] {
      #expect(page.ids.contains(id), "\(id)")
    }
    #expect(page.text.contains("Training loss, 3 epochs.") && page.text.contains("Training loss, 20 epochs."))
    let shortest = try #require(page.tables.first { $0[0].first == "epoch" })
    #expect(shortest.map { $0[0] } == ["epoch", "1", "2", "3"])
    #expect(shortest[0].count == 2, "CoCoOp alone")
    #expect(try self.page(Self.three).text.contains(">Training loss.<"), "one length needs no name")
  }

  @Test("the best method stands first among the closer looks, and is open")
  func bestFirst() throws {
    let page = try page { runs in
      try runs.run("runs/zero", method: "zero-shot", accuracy: 0.9)
      try runs.run("runs/coop", method: "coop", accuracy: 0.7)
      try runs.run("runs/cocoop", method: "cocoop", accuracy: 0.8)
    }
    let looks = page.text.matches(of: /<details class="look" id="d1-m(\d)"( open="")?>/)
    #expect(looks.map { String($0.1) } == ["1", "3", "2"])
    #expect(looks.map { $0.2 != nil } == [true, false, false])
    #expect(page.text.contains("the best method first. Open another to see it."))
  }

  @Test("all classes are not called the half that was learned from")
  func words() throws {
    let page = try page { try $0.run("runs/a", method: "cocoop", classes: [.all], learned: .all) }
    #expect(
      page.text.contains("what was learned of the dataset, its base half, its new half, all of it or so many chosen"))
    #expect(!page.text.contains("the half that was learned"))
  }

  @Test("a run on chosen classes says so, is compared with no run on others, and says what is left out")
  func chosen() throws {
    let names = ["bird", "clock", "fish", "hat"]
    let page = try page { runs in
      try runs.run("runs/whole", method: "zero-shot", classNames: names, classes: [.all], learned: .all, accuracy: 0.5)
      for (method, accuracy) in [("zero-shot", 0.6), ("cocoop", 0.8)] {
        try runs.run(
          "runs/\(method)", method: method, classNames: names, classes: [.all], learned: .all, accuracy: accuracy,
          chosen: ["bird", "hat"])
      }
    }
    #expect(page.text.contains("Learned on chosen classes") && page.text.contains("Learned on all classes"))
    #expect(page.text.contains("Learned and told apart are 2 classes, bird, hat; left out: clock, fish."))
    #expect(page.text.contains("CoCoOp on the chosen classes") && !page.text.contains("CoCoOp on all classes"))
    #expect(page.text.contains("<td>2 chosen</td>"))
    #expect(page.text.matches(of: /against zero-shot CLIP/).count == 1)
  }

  @Test("the paper's figures stand beside those of its datasets, where shots are its own")
  func published() throws {
    let page = try page { runs in
      for (method, shots) in [("zero-shot", 16), ("coop", 16), ("cocoop", 16), ("cocoop", 4)] {
        try runs.run("runs/\(method)-\(shots)", method: method, dataset: "caltech101", shots: shots)
      }
    }
    let figures = try #require(page.tables.first { $0[0] == ["Method", "Classes", "Here", "Paper"] })
    #expect(figures.filter { $0[1] == "H" }.map { $0[3] } == ["95.4", "93.7", "–", "95.8"])
    #expect(page.text.contains("A diamond marks what the paper reports for ViT-B/16"))
    #expect(!(try self.page(Self.three)).text.contains("A diamond marks"))
  }

  @Test("few-shot curves stand where a method has several numbers of shots, and not elsewhere")
  func shots() throws {
    let curves = try page { runs in
      for shots in [1, 2, 4] {
        try runs.run("runs/s\(shots)", method: "cocoop", shots: shots, accuracy: 0.5 + 0.1 * Double(shots))
      }
    }
    #expect(curves.texts(of: "h3").contains("Few-shot curves") && curves.ids.contains("d1-shots-H"))
    #expect(
      curves.tables[0].map { $0[0] } == ["Method"] + ["1 shot", "2 shots", "4 shots"].map { "CoCoOp, \($0)seed 1" })
    #expect(!(try page(Self.three)).texts(of: "h3").contains("Few-shot curves"))
  }

  @Test("runs on different datasets stand apart, with a table over both")
  func datasets() throws {
    let page = try page { runs in
      try runs.run("runs/a", method: "cocoop", dataset: "drawings")
      try runs.run("runs/b", method: "cocoop", dataset: "photos", accuracy: 0.4)
    }
    #expect(page.texts(of: "h2") == ["All datasets", "drawings", "photos", "About these runs"])
    #expect(page.tables[0][0] == ["Method", "drawings", "photos", "average"])
  }

  @Test("equal settings have one name on every dataset, and what is usual is not named")
  func names() throws {
    let page = try page { runs in
      try runs.run("runs/a", method: "coop", dataset: "drawings", context: ["length": 16])
      try runs.run("runs/b", method: "coop", dataset: "drawings", context: ["length": 4])
      try runs.run("runs/c", method: "coop", dataset: "drawings")
      try runs.run("runs/d", method: "coop", dataset: "photos", accuracy: 0.4)
      try runs.run("runs/e", method: "cocoop", dataset: "photos", epochs: 2)
      try runs.run("runs/f", method: "coop", dataset: "stills", context: ["length": 4])
    }
    let labels = page.tables[0].map { $0[0] }
    #expect(labels == ["Method", "CoOp", "CoOp, 4 random vectors", "CoOp, 16 random vectors", "CoCoOp"])
    #expect(page.tables[0][2].dropFirst().map { $0 == "–" } == [false, true, false, true])
    let alone = try self.page { runs in
      try runs.run(
        "runs/a", method: "coop", classes: [.base], shots: 4,
        context: ["words": "a photo of a", "isClassSpecific": true])
    }
    #expect(alone.tables[0].map { $0[0] } == ["Method", "CoOp, class-specificseed 1"], "what is learned, not how")
  }

  @Test("what was learned on one dataset stands beside zero-shot CLIP on the others and the paper's figures")
  func transfers() throws {
    let page = try page { runs in
      for (method, accuracy) in [("coop", 0.25), ("cocoop", 0.75)] {
        let run = try runs.run(
          "runs/\(method)", method: method, dataset: "caltech101", classes: [.all], learned: .all)
        try runs.transfer(run, to: "oxford_flowers", accuracy: accuracy)
        try runs.transfer(run, to: "drawings", accuracy: accuracy)
      }
      for dataset in ["caltech101", "oxford_flowers"] {
        try runs.run(
          "runs/zero-\(dataset)", method: "zero-shot", dataset: dataset, classes: [.all], learned: .all, accuracy: 0.5)
      }
      // A killed training has no evaluation yet, and its folder has another name.
      try runs.run("runs/begun", method: "coop", dataset: "caltech-101", classes: [], learned: .all, isFinished: false)
    }
    #expect(page.texts(of: "h2") == ["All datasets", "Caltech101", "Flowers102", "About these runs"])
    let table = try #require(page.tables.first { $0[0] == ["Method", "Flowers102", "drawings", "average"] })
    #expect(
      table.dropFirst() == [
        ["zero-shot CLIP", "50.0", "–", "–"], ["CoOp", "25.0", "25.0", "25.0"], ["CoCoOp", "75.0", "75.0", "75.0"],
      ])
    let figures = try #require(page.tables.first { $0[0] == ["Method", "Dataset", "Here", "Paper"] })
    #expect(figures.dropFirst().map { $0[3] } == ["–", "68.7", "–", "71.9", "–"])
    #expect(page.text.contains("learned on ImageNet with 16 shots and three seeds. These runs used tiny-clip"))
  }

  @Test("class names are text, whatever they look like, and the page asks for nothing from outside")
  func escaping() throws {
    let page = try page(Self.three)
    #expect(!page.text.contains("<script") && page.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    for reference in ["http://", "https://", "url(", "@import", "//cdn", "<link", "<iframe", "src=\"file"] {
      #expect(!page.text.contains(reference), "\(reference)")
    }
    #expect(page.text.contains("default-src 'none'; img-src data:; style-src 'unsafe-inline'"))
  }

  @Test("every drawing has a title, a description and its numbers in a table; every id stands once")
  func accessibility() throws {
    let page = try page(Self.three)
    #expect(page.count(of: "svg") >= 10 && page.count(of: "svg") == page.count(of: "desc"))
    #expect(page.count(of: "figure") == page.count(of: "svg") && page.count(of: "caption") > page.count(of: "svg"))
    #expect(Set(page.ids).count == page.ids.count)
    #expect(page.references.allSatisfy(page.ids.contains), "links lead to parts of the page")
  }

  @Test("equal runs give equal pages")
  func determinism() throws {
    try withTemporaryFolder { folder in
      try Self.three(SyntheticRuns(folder: folder))
      var builder = ReportBuilder()
      builder.computes = false
      let pages = try (0..<2).map { _ in try Report(of: [folder.appending(path: "runs")], by: builder).html }
      #expect(pages[0] == pages[1])
    }
  }

  @Test("a thousand classes and fifty thousand images give a page of a few megabytes")
  func size() throws {
    let page = try page { runs in
      let names = (0..<1000).map { "class number \($0)" }
      try runs.run(
        "runs/large", method: "cocoop", classNames: names, classes: [.all], learned: .all, imagesPerClass: 50)
    }
    #expect(page.text.utf8.count < 5_000_000)
    #expect(page.text.contains("of 1,000 classes that are in the most mistakes"))
  }

  @Test("figures of an approximation are told")
  func precision() throws {
    let page = try page { runs in
      try runs.run("runs/a", method: "cocoop")
      try runs.run("runs/b", method: "cocoop", classes: [.base], seed: 2, precision: .bfloat16)
    }
    let remarks = page.texts(of: "li").filter { $0.contains("approximates") }
    let expected = "/runs/b: The evaluation drawings-base-test is one in bfloat16, which approximates float32."
    #expect(remarks.count == 1 && remarks[0].hasSuffix(expected), "\(remarks)")
  }

  @Test("what is missing is said in a line, and the rest goes on")
  func missing() throws {
    try withTemporaryFolder { folder in
      let runs = SyntheticRuns(folder: folder)
      try runs.run("runs/a", method: "cocoop")
      try runs.run("runs/b", method: "coop", classes: [], isFinished: false)
      try runs.run("runs/c", method: "coop", classes: [.base], seed: 2)
      try runs.run("runs/d", method: "coop", seed: 3, version: 7)
      try FileManager.default.removeItem(at: folder.appending(path: "data-drawings"))
      var builder = ReportBuilder()
      builder.computes = false
      let page = try Page(Report(of: [folder.appending(path: "runs")], by: builder).html)
      let remarks = page.texts(of: "li").joined(separator: "\n").replacing(folder.path, with: "FOLDER")
      #expect(remarks.contains("runs/b: The training is not finished; its curve is shown as far as it goes."))
      #expect(remarks.contains("runs/c: There is no evaluation on new classes."))
      #expect(remarks.contains("format version 7, but this program reads version 1."))
      #expect(page.text.contains("Some of the images are no longer where they were measured, and are left out."))
      #expect(page.images.isEmpty && page.ids.contains("d1-loss"))
    }
  }
}
