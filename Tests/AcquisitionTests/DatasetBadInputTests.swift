import Acquisition
import Datasets
import Foundation
import HTTPTypes
import Support
import TestSupport
import Testing

@Suite("What goes wrong on the way to a dataset is told in one line or in steps")
struct DatasetBadInputTests {
  @Test("an interrupted download goes on from where it was, at every stage")
  func interrupted() async throws {
    try await withFolder { folder in
      try await FileServer.with { server, address in
        let small = try MiniatureSource(of: .fgvcAircraft, at: address, in: folder.appending(path: "made"))
        server.serve(small)
        let root = folder.appending(path: "root")
        let stopped = try await TestDownload(small.source, under: root) { progress in
          if progress.stage == .unpacking { throw CancellationError() }
        }
        #expect(throws: CancellationError.self) { try stopped.result.get() }
        #expect(!FileSystem.exists(root.appending(path: "fgvc_aircraft/images").path))

        let result = try await TestDownload(small.source, under: root).result.get()
        #expect(result.state == .downloaded)
        #expect(server.asked == ["/fgvc-aircraft-2013b.tar.gz"])  // once: the second call used the archive
        #expect(contents(of: root.appending(path: "fgvc_aircraft")).allSatisfy { !$0.hasPrefix(".") })
      }
    }
  }

  @Test("ImageNet's training images go on with the class at which the unpacking was interrupted")
  func interruptedClasses() async throws {
    try await withFolder { folder in
      let small = try MiniatureSource(of: .imageNet, at: "http://127.0.0.1:9", in: folder.appending(path: "made"))
      let root = folder.appending(path: "root")
      for (file, data) in small.files { try root.write(data, to: "imagenet/\(file)") }
      let images = contents(of: folder.appending(path: "made/imagenet/images/train/n02")).count
      let stopped = try await TestDownload(small.source, under: root) { progress in
        // The first class is there, and the second almost.
        guard progress.stage == .unpacking, progress.file == "ILSVRC2012_img_train.tar" else { return }
        if progress.done > images { throw CancellationError() }
      }
      #expect(throws: CancellationError.self) { try stopped.result.get() }
      let work = root.appending(path: "imagenet/.downloading")
      let kept = try #require(names(in: work).first { $0.hasPrefix("unpacking-") })
      let classes = work.appending(path: "\(kept)/images/train")
      #expect(names(in: classes) == ["n01.unfinished", "n02"])
      // The second call unpacks no whole class again: what it finds in one is what it takes.
      try Data("found".utf8).write(to: classes.appending(path: "n02/0.JPEG"))
      try Data("half".utf8).write(to: classes.appending(path: "n01.unfinished/0.JPEG"))

      let result = try await TestDownload(small.source, under: root).result.get()
      #expect(result.state == .downloaded && result.check?.isIncomplete == false)
      let train = root.appending(path: "imagenet/images/train")
      #expect(names(in: train) == ["n01", "n02"] && !FileSystem.exists(work.path))
      #expect(try Data(contentsOf: train.appending(path: "n02/0.JPEG")) == Data("found".utf8))
      for file in contents(of: folder.appending(path: "made/imagenet/images/train/n01")) {
        let original = try Data(contentsOf: folder.appending(path: "made/imagenet/images/train/n01/\(file)"))
        #expect(try Data(contentsOf: train.appending(path: "n01/\(file)")) == original)
      }
    }
  }

  @Test("half of an earlier unpacking, and half of the moves into place, are completed")
  func halfDone() async throws {
    try await withFolder { folder in
      let small = try MiniatureSource(of: .stanfordCars, at: "http://127.0.0.1:9", in: folder.appending(path: "made"))
      let (tree, root) = (folder.appending(path: "made/stanford_cars"), folder.appending(path: "root"))
      let work = root.appending(path: "stanford_cars/.downloading")
      try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
      try root.write("half", to: "stanford_cars/.downloading/unpacking/cars_train/1.jpg")
      let staged = work.appending(path: "staged/stanford_cars")
      try FileManager.default.createDirectory(at: staged, withIntermediateDirectories: true)
      // One folder is in place, the other was about to be.
      try FileManager.default.copyItem(
        at: tree.appending(path: "cars_train"), to: root.appending(path: "stanford_cars/cars_train"))
      try FileManager.default.copyItem(at: tree.appending(path: "cars_test"), to: staged.appending(path: "cars_test"))
      try staged.write(try #require(small.files["split_zhou_StanfordCars.json"]), to: "split_zhou_StanfordCars.json")

      let result = try await TestDownload(small.source, under: root, isOffline: true).result.get()
      #expect(result.state == .downloaded && result.check?.isIncomplete == false && result.notes == [])
      #expect(!FileSystem.exists(work.path))
    }
  }

  @Test("what has no address is told in steps, and nothing is left behind")
  func steps() async throws {
    try await withFolder { root in
      let result = try await TestDownload(DatasetSource(of: .imageNet), under: root).result.get()
      #expect(result.state == .byHand)
      #expect(
        result.steps?.text.replacing(root.path, with: "ROOT") == """
          ImageNet asks for an account (choose ILSVRC2012 there) and for non-commercial use.
          Terms: ImageNet's terms of access: non-commercial research and education, with an account.
          1. Open https://image-net.org/download-images
          2. Put into ROOT/imagenet:
             · ILSVRC2012_img_train.tar (147.9 GB, 147897477120 bytes, SHA-256 \
          b08200a27a8e34218a0e58fde36b0fe8f73bc377f4acea2d91602057c3ca45bb)
             · ILSVRC2012_devkit_t12.tar.gz (MD5 fa75699e90414af021442c21a62c3abf)
             · ILSVRC2012_img_val.tar (6.7 GB, 6744924160 bytes, SHA-256 \
          c7e06a6c0baccf06d8dbeb6577d71efff84673a5dbdd50633ab44f8ea0456ae0)
             An unpacked copy will do, where its folders have these names.
          3. Run: cocoop datasets download NAME --root ROOT
          """)
      #expect(contents(of: root) == [])
    }
  }

  @Test("steps tick what is there")
  func tickedSteps() async throws {
    try await withFolder { root in
      try root.write("x", to: "stanford_cars/cars_test.tgz")
      let result = try await TestDownload(DatasetSource(of: .stanfordCars), under: root).result.get()
      #expect(result.steps?.files.map { "\($0.file) \($0.isThere)" } == ["cars_train.tgz false", "cars_test.tgz true"])
      #expect(result.steps?.reason == "Its home, ai.stanford.edu, has had no archives since April 2023")
      #expect(result.steps?.copies.count == 2)
      #expect(contents(of: root) == ["stanford_cars", "stanford_cars/cars_test.tgz"])
    }
  }

  @Test("offline names the file and the option")
  func offline() async throws {
    try await withFolder { root in
      let download = try await TestDownload(DatasetSource(of: .dtd), under: root, isOffline: true)
      #expect(
        download.message(in: root)
          == "dtd-r1.0.1.tar.gz is not in ROOT/dtd, and --offline forbids requests."
          + " Run the command without --offline, or put the file there.")
      #expect(contents(of: root) == [])
    }
  }

  @Test("a web page in the place of the archive never becomes a file")
  func pageInsteadOfArchive() async throws {
    try await withFolder { folder in
      try await FileServer.with { server, address in
        let small = try MiniatureSource(of: .euroSAT, at: address, in: folder.appending(path: "made"))
        server.serve(small)
        // A page of the very length, under the type of the archive: only its first bytes tell.
        let length = try #require(small.files["EuroSAT.zip"]).count
        let page = "<html><body>Log in</body></html>".padding(toLength: length, withPad: " ", startingAt: 0)
        server.serve(
          .init(fields: [("Content-Type", "application/zip")], body: Data(page.utf8)), as: "/EuroSAT.zip")
        let root = folder.appending(path: "root")
        let result = try await TestDownload(small.source, under: root).result.get()
        #expect(result.state == .byHand)
        #expect(
          result.steps?.reason.hasPrefix("127.0.0.1 sent a web page (status 200) where EuroSAT.zip was expected")
            == true)
        #expect(!contents(of: root).contains { $0.hasSuffix("EuroSAT.zip") })
      }
    }
  }

  @Test("a missing split file that nobody has is a note, and the images are in place")
  func splitRefused() async throws {
    try await withFolder { folder in
      try await FileServer.with { server, address in
        let small = try MiniatureSource(of: .food101, at: address, in: folder.appending(path: "made"))
        server.serve(small)
        server.serve(.init(status: .notFound), as: "/split_zhou_Food101.json")
        let root = folder.appending(path: "root")
        let result = try await TestDownload(small.source, under: root).result.get()
        #expect(result.state == .downloaded && result.notes.count == 1)
        #expect(
          result.notes.first?.hasPrefix("split_zhou_Food101.json could not be had (127.0.0.1 no longer has") == true)
        #expect(FileSystem.folderExists(root.appending(path: "food-101/images").path))
      }
    }
  }

  @Test("a folder that cannot be written is one line", .enabled(if: geteuid() != 0, "root may write anywhere"))
  func readOnlyFolder() async throws {
    try await withFolder { root in
      try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: root.path)
      defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root.path) }
      let download = try await TestDownload(DatasetSource(of: .dtd), under: root)
      #expect(
        download.message(in: root)
          == "Cannot write ROOT/dtd: Permission denied. Choose a folder that is yours and has room.")
    }
  }

  @Test("a root that is a file is one line")
  func rootIsFile() async throws {
    try await withFolder { folder in
      let root = try folder.write("x", to: "root")
      let message = try await TestDownload(DatasetSource(of: .dtd), under: root).message(in: root)
      #expect(message?.hasPrefix("ROOT is not a folder") == true)
    }
  }

  @Test("too small a disk is told before anything is fetched")
  func room() async throws {
    try await withFolder { folder in
      let real = DatasetSource(of: .dtd)
      let huge = DatasetSource(
        .dtd, terms: real.terms, page: real.page, needs: real.needs,
        archives: [
          .init(
            "dtd-r1.0.1.tar.gz", ["http://127.0.0.1:9/x"], bytes: 1 << 60, files: 1, real.archives[0].content,
            provides: ["images"])
        ], lists: [])
      let message = try #require(try await TestDownload(huge, under: folder).message(in: folder))
      #expect(message.hasPrefix("ROOT/dtd has ") && message.contains(" of room, and dtd needs "))
      #expect(contents(of: folder) == [])
    }
  }
}
