import Acquisition
import Datasets
import Foundation
import Support
import TestSupport
import Testing

@Suite("A bad archive is refused in one line, and leaves nothing")
struct HostileArchiveTests {
  /// An archive that somebody has made with another intention.
  struct Hostile: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let entries: [TestArchive.Entry]
    var form = TestArchive.Form.tar
    let message: String
  }

  private static let prefix = "ROOT/dtd/dtd-r1.0.1.tar.gz is not unpacked: "
  private static let remedy = ". It is not the published archive: remove it, then get that one."

  static let all = [
    Hostile(
      testDescription: "dots", entries: [.file("dtd/images/../../../evil", "x")],
      message: prefix + "its entry 'dtd/images/../../../evil' leads out of the folder" + remedy),
    Hostile(
      testDescription: "dots among what is dropped", entries: [.file("other/../../evil", "x")],
      message: prefix + "its entry 'other/../../evil' leads out of the folder" + remedy),
    Hostile(
      testDescription: "dots in a zip", entries: [.file("dtd/images/../../evil", "x")], form: .zip,
      message: prefix + "its entry 'dtd/images/../../evil' leads out of the folder" + remedy),
    Hostile(
      testDescription: "absolute path", entries: [.file("/tmp/evil", "x")],
      message: prefix + "its entry '/tmp/evil' has an absolute path" + remedy),
    Hostile(
      testDescription: "symbolic link, and a file through it",
      entries: [.init("dtd/images/link", .symbolicLink(to: "/tmp")), .file("dtd/images/link/evil", "x")],
      message: prefix + "its entry 'dtd/images/link' is a link" + remedy),
    Hostile(
      testDescription: "hard link", entries: [.init("dtd/images/link.jpg", .hardLink(to: "/etc/passwd"))],
      message: prefix + "its entry 'dtd/images/link.jpg' is a link" + remedy),
    Hostile(
      testDescription: "too many bytes",
      entries: [.init("dtd/images/zeros.jpg", .file(Data(count: 300 << 20)))], form: .tarGzip,
      message: "more than"),
    Hostile(
      testDescription: "too many entries", entries: (0...21_700).map { .file("a/\($0)") }, form: .tarGzip,
      message: prefix + "it has more than 21600 entries" + remedy),
    Hostile(
      testDescription: "another dataset's archive", entries: [.file("2750/Forest/1.jpg", "x")],
      message:
        "ROOT/dtd/dtd-r1.0.1.tar.gz has no images in it, so it is not dtd-r1.0.1.tar.gz of DTD. Get the archive of this"
        + " dataset, and put it in the place of this file."),
    Hostile(
      testDescription: "images that are not the published ones", entries: [.file("dtd/images/banded/other.jpg", "x")],
      message:
        "What was unpacked for dtd is not the published dataset: 20 of its images are missing, such as banded/0.jpg."
        + " Look at the archives in ROOT/dtd and remove ROOT/dtd/.downloading, then run the same command again."),
  ]

  @Test("one line, and nothing under its final name", arguments: all)
  func refused(hostile: Hostile) async throws {
    try await withFolder { folder in
      let archive = folder.appending(path: "hostile")
      try TestArchive.write(hostile.entries, as: hostile.form, to: archive)
      let small = try MiniatureSource(of: .dtd, at: "http://127.0.0.1:9", in: folder.appending(path: "made"))
      let bad = MiniatureSource(small, replacing: "dtd-r1.0.1.tar.gz", by: try Data(contentsOf: archive))
      let root = folder.appending(path: "root")
      for (file, data) in bad.files { try root.write(data, to: "dtd/\(file)") }

      let message = try #require(try await TestDownload(bad.source, under: root).message(in: root))
      #expect(hostile.message == "more than" ? message.contains("it unpacks to more than") : message == hostile.message)
      #expect(!FileSystem.exists(root.appending(path: "dtd/images").path))
      #expect(!FileSystem.exists(folder.appending(path: "evil").path) && !FileSystem.exists("/tmp/evil"))
    }
  }

  @Test("a damaged archive is one line, at whatever byte it is cut", arguments: ["tar", "tar.gz", "zip"])
  func truncated(form: String) async throws {
    try await withFolder { folder in
      let small = try MiniatureSource(of: .dtd, at: "http://127.0.0.1:9", in: folder.appending(path: "made"))
      let archive = folder.appending(path: "whole")
      // Random bytes, so that each cut is inside of something.
      var generator = SplitMix64(state: 1)
      let entries = (0..<20).map { number in
        TestArchive.Entry(
          "dtd/images/banded/\(number).jpg",
          .file(Data((0..<2000).map { _ in UInt8.random(in: .min ... .max, using: &generator) })))
      }
      try TestArchive.write(
        entries, as: form == "zip" ? .zip : form == "tar" ? .tar : .tarGzip, to: archive)
      let whole = try Data(contentsOf: archive)
      for share in [0.02, 0.3, 0.7, 0.9] {
        let cut = whole.prefix(Int(Double(whole.count) * share))
        let bad = MiniatureSource(small, replacing: "dtd-r1.0.1.tar.gz", by: Data(cut))
        let root = folder.appending(path: "root-\(share)")
        for (file, data) in bad.files { try root.write(data, to: "dtd/\(file)") }
        let message = try #require(try await TestDownload(bad.source, under: root).message(in: root))
        #expect(!message.contains("\n") && message.contains("dtd"))
        #expect(!FileSystem.exists(root.appending(path: "dtd/images").path))
      }
    }
  }

  @Test("a file by hand with another hash, length or kind is named, with what to do")
  func wrongFile() async throws {
    try await withFolder { root in
      let file = "eurosat/EuroSAT.zip"
      func message(_ content: Data) async throws -> String? {
        try root.write(content, to: file)
        return try await TestDownload(DatasetSource(of: .euroSAT), under: root, isOffline: true).message(in: root)
      }
      #expect(
        try await message(Data("<!DOCTYPE html><html>".utf8))
          == "ROOT/\(file) is not used: it is a web page, such as an error or a login, saved under this name."
          + " Open it in a browser to read what it says, then fetch the file itself.")
      #expect(
        try await message(Data("PK\u{3}\u{4}".utf8))
          == "ROOT/\(file) is incomplete: it has 4 bytes, where 94280567 are expected."
          + " Get it again, or give --sha256 with the hash of this one if you trust it.")
      let small = try MiniatureSource(of: .euroSAT, at: "http://127.0.0.1:9", in: root.appending(path: "made"))
      let good = try #require(small.files["EuroSAT.zip"])
      var other = good
      other[other.count / 2] ^= 1
      try root.write(other, to: file)
      let text = try await TestDownload(small.source, under: root, isOffline: true).message(in: root)
      let (found, expected) = (FileDigest.sha256("").hash(of: other), FileDigest.sha256("").hash(of: good))
      #expect(
        text == "ROOT/\(file) has the SHA-256 \(found), where \(expected) is published."
          + " Get it again, or give --sha256 with the hash of this one if you trust it.")
      #expect(contents(of: root.appending(path: "eurosat")) == ["EuroSAT.zip"])
    }
  }
}
