import Acquisition
import Datasets
import Foundation
import Support
import TestSupport
import Testing

@Suite("Each of the fifteen datasets comes by its name into the reference's layout")
struct DatasetDownloadTests {
  @Test(
    "what can be fetched is, the rest is taken from the folder, and the dataset reads",
    arguments: PublishedDataset.allCases)
  func download(dataset: PublishedDataset) async throws {
    try await withFolder { folder in
      try await FileServer.with { server, address in
        let small = try MiniatureSource(of: dataset, at: address, in: folder.appending(path: "made"))
        server.serve(small)
        let root = folder.appending(path: "root")
        for file in small.byHand {
          try root.write(try #require(small.files[file]), to: "\(dataset.folder)/\(file)")
        }

        let download = try await TestDownload(small.source, under: root)
        let result = try download.result.get()
        #expect(result.state == .downloaded && result.notes == [])
        #expect(result.check?.isIncomplete == false)
        #expect(try Dataset(dataset, root: root).located().test.isEmpty == false)
        #expect(!FileSystem.exists(root.appending(path: "\(dataset.folder)/.downloading").path))
        // A person's own files stay.
        for file in small.byHand {
          #expect(FileSystem.fileExists(root.appending(path: "\(dataset.folder)/\(file)").path))
        }

        let before = server.asked
        let again = try await TestDownload(small.source, under: root).result.get()
        #expect(again.state == .complete && server.asked == before)
      }
    }
  }

  @Test("ImageNet's validation images go to the folders that the development kit gives them")
  func imageNetValidation() async throws {
    try await withFolder { folder in
      let small = try MiniatureSource(of: .imageNet, at: "http://127.0.0.1:9", in: folder.appending(path: "made"))
      let root = folder.appending(path: "root")
      for (file, data) in small.files { try root.write(data, to: "imagenet/\(file)") }
      _ = try await TestDownload(small.source, under: root).result.get()
      #expect(
        contents(of: root.appending(path: "imagenet/images/val")) == [
          "n01", "n01/ILSVRC2012_val_00000001.JPEG", "n01/ILSVRC2012_val_00000004.JPEG", "n02",
          "n02/ILSVRC2012_val_00000002.JPEG", "n02/ILSVRC2012_val_00000003.JPEG",
        ])
    }
  }

  @Test("whoever has the images and lacks the split file gets that alone, without a network")
  func splitAlone() async throws {
    try await withFolder { root in
      let dataset = PublishedDataset.dtd
      let real = DatasetSource(of: dataset)
      let data = try #require(try PublishedSplits.contents(of: real.lists[0]))
      let split = try SplitFile(data, of: "split")
      for entry in split.train + split.val + split.test { try root.write("", to: "dtd/images/\(entry.path)") }

      let download = try await TestDownload(real, under: root, isOffline: true)
      let result = try download.result.get()
      #expect(result.state == .downloaded && result.files.isEmpty && result.check?.differences == [])
      #expect(try Data(contentsOf: root.appending(path: "dtd/split_zhou_DescribableTextures.json")) == data)
      #expect(try await TestDownload(real, under: root, isOffline: true).result.get().state == .complete)
    }
  }

  @Test(
    "an archive of all the real names brings the published split",
    arguments: [
      (PublishedDataset.caltech101, "101_ObjectCategories.tar.gz"), (.flowers102, "102flowers.tgz"),
    ])
  func realNames(dataset: PublishedDataset, file: String) async throws {
    try await withFolder { folder in
      let real = DatasetSource(of: dataset)
      let split = try SplitFile(try #require(try PublishedSplits.contents(of: real.lists[0])), of: "split")
      let entries = (split.train + split.val + split.test)
        .map { TestArchive.Entry.file("\(dataset.images)/\($0.path)", "x") }
      let root = folder.appending(path: "root")
      let archive = try root.write("", to: "\(dataset.folder)/\(file)")
      try TestArchive.write(entries, as: .tarGzip, to: archive)
      let hash = FileDigest.sha256("").hash(of: try Data(contentsOf: archive))

      let download = try await TestDownload(DatasetSource(of: dataset), under: root, trusting: [hash], stop: { _ in })
      let result = try download.result.get()
      #expect(result.state == .downloaded && result.check?.differences == [])
      #expect(download.remarks.contains { $0.contains("SHA-256 is the given \(hash)") })
      #expect(result.files.first == .init(file: file, bytes: Int(try archive.size()), sha256: hash, address: nil))
    }
  }

  @Test("images that are not all there, without their split file, are replaced by the archive's")
  func someImages() async throws {
    try await withFolder { folder in
      let real = DatasetSource(of: .flowers102)
      let split = try SplitFile(try #require(try PublishedSplits.contents(of: real.lists[0])), of: "split")
      let entries = (split.train + split.val + split.test).map { TestArchive.Entry.file("jpg/\($0.path)", "x") }
      let root = folder.appending(path: "root")
      try root.write("", to: "oxford_flowers/jpg/image_00001.jpg")
      let archive = try root.write("", to: "oxford_flowers/102flowers.tgz")
      try TestArchive.write(entries, as: .tarGzip, to: archive)
      let hash = FileDigest.sha256("").hash(of: try Data(contentsOf: archive))

      let result = try await TestDownload(real, under: root, trusting: [hash], isOffline: true).result.get()
      #expect(result.state == .downloaded && result.check?.differences == [] && result.notes.count == 1)
      #expect(contents(of: root.appending(path: "oxford_flowers/jpg.incomplete")) == ["image_00001.jpg"])
    }
  }

  @Test("a copy that somebody has packed otherwise is unpacked too, however deep its folders are")
  func repackedCopy() async throws {
    try await withFolder { folder in
      let small = try MiniatureSource(of: .stanfordCars, at: "http://127.0.0.1:9", in: folder.appending(path: "made"))
      let real = DatasetSource(of: .stanfordCars)
      let source = DatasetSource(
        .stanfordCars, terms: real.terms, page: real.page, needs: real.needs, archives: real.archives, lists: [])
      let tree = folder.appending(path: "made/stanford_cars")
      let root = folder.appending(path: "root")
      let archive = try root.write("", to: "stanford_cars/archive.zip")
      let parts = try ["cars_train", "cars_test"].flatMap {
        try TestArchive.entries(of: tree.appending(path: $0), under: "\($0)/\($0)/")
      }
      try TestArchive.write(parts, as: .zip, to: archive)
      try root.write(
        try #require(small.files["split_zhou_StanfordCars.json"]), to: "stanford_cars/split_zhou_StanfordCars.json")

      let download = try await TestDownload(source, under: root)
      #expect(try download.result.get().check?.isIncomplete == false)
      #expect(download.remarks.contains("archive.zip has no published hash: its contents alone are checked"))
      #expect(contents(of: root.appending(path: "stanford_cars")).contains("cars_test/7.jpg"))
    }
  }

  @Test("an incomplete folder is kept beside the whole one")
  func incompleteFolder() async throws {
    try await withFolder { folder in
      try await FileServer.with { server, address in
        let small = try MiniatureSource(of: .dtd, at: address, in: folder.appending(path: "made"))
        server.serve(small)
        let root = folder.appending(path: "root")
        try root.write("mine", to: "dtd/images/banded/0.jpg")
        try root.write(try #require(small.files[small.source.lists[0].file]), to: "dtd/\(small.source.lists[0].file)")

        let result = try await TestDownload(small.source, under: root).result.get()
        let folder = root.appending(path: "dtd").path
        #expect(result.notes == ["\(folder)/images was incomplete, and is kept as \(folder)/images.incomplete"])
        #expect(try String(contentsOfFile: "\(folder)/images.incomplete/banded/0.jpg", encoding: .utf8) == "mine")
      }
    }
  }

  @Test(
    "names that are not UTF-8 stay as they are, in tar and in zip, and so do those that are",
    arguments: [
      TestArchive.Form.tar, .tarGzip, .zip,
    ])
  func names(form: TestArchive.Form) async throws {
    try await withFolder { folder in
      let small = try MiniatureSource(of: .dtd, at: "http://127.0.0.1:9", in: folder.appending(path: "made"))
      let tree = folder.appending(path: "made/dtd/images")
      let odd = [TestArchive.Entry(Array("dtd/images/".utf8) + [0x63, 0xE9, 0x2F, 0x31], .file(Data("1".utf8)))]
      let accented = [TestArchive.Entry.file("dtd/images/café/größe.jpg", "2")]
      let entries = try TestArchive.entries(of: tree, under: "dtd/images/") + accented + (form == .zip ? [] : odd)
      let archive = folder.appending(path: "odd")
      try TestArchive.write(entries, as: form, to: archive)
      let changed = MiniatureSource(small, replacing: "dtd-r1.0.1.tar.gz", by: try Data(contentsOf: archive))
      let root = folder.appending(path: "root")
      for (file, data) in changed.files { try root.write(data, to: "dtd/\(file)") }

      #expect(try await TestDownload(changed.source, under: root).result.get().state == .downloaded)
      let images = root.appending(path: "dtd/images").path
      #expect(FileSystem.fileExists("\(images)/café/größe.jpg"))
      #expect(form == .zip || FileSystem.fileExists("\(images)/c\\xe9/1"))
    }
  }
}

extension URL {
  fileprivate func size() throws -> Int64 {
    (try FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value ?? 0
  }
}
