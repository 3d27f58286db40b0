import Support
import Testing
import WebDataset

@Suite("A list of tars stands for names as a shell expands braces")
struct TarListTests {
  @Test(
    "ranges, lists, several braces and several sources",
    arguments: [
      ("a.tar", ["a.tar"]), ("{0..3}.tar", ["0.tar", "1.tar", "2.tar", "3.tar"]),
      ("s/{008..010}.tar", ["s/008.tar", "s/009.tar", "s/010.tar"]), ("{3..1}", ["3", "2", "1"]),
      ("{00..10..5}", ["00", "05", "10"]), ("{8..010}", ["008", "009", "010"]), ("{-1..1}", ["-1", "0", "1"]),
      ("{a,b}-{0..1}.tar", ["a-0.tar", "a-1.tar", "b-0.tar", "b-1.tar"]),
      ("{a,{1..2}x,}.t", ["a.t", "1x.t", "2x.t", ".t"]),
      ("{0..1}.tar::b/{7..7}.tar", ["0.tar", "1.tar", "b/7.tar"]), ("{only}.tar", ["{only}.tar"]),
      ("{x{1..2}}", ["{x1}", "{x2}"]),
    ])
  func names(pattern: String, names: [String]) throws {
    #expect(try TarList(pattern).names() == names)
  }

  @Test("a name with braces that say nothing is a name, and what a list is can be told")
  func recognition() {
    #expect(["{0..3}.tar", "a::b", "{a,b}"].allSatisfy(TarList.isList))
    #expect(!["a.jpg", "{only}.jpg", "a:b", "[0-3].tar", "{.jpg"].contains(where: TarList.isList))
    #expect(["a.tar", "b.TAR", "a.tar.gz", "x.tgz"].allSatisfy(TarList.isTar))
    #expect(!["a.tar.jpg", "tar", "a.gz", "a.tar.zst"].contains(where: TarList.isTar))
  }

  @Test(
    "what cannot be expanded is told, and a short pattern cannot fill the memory",
    arguments: [
      ("{0..3.tar::b", "a brace is not closed"), ("::b", "a source between '::' is empty"),
      ("{0..9..0}", "the step of {0..9..0} is 0"), ("{0..1000000}", "it stands for more than 1000000 files"),
      ("{0..999}{0..999}{0..1}", "it stands for more than 1000000 files"),
      ("{0..999999999999999999}", "it stands for more than 1000000 files"),
    ])
  func refusals(pattern: String, reason: String) {
    let error = #expect(throws: TarListError.self) { try TarList(pattern).names() }
    #expect(
      error?.explanation
        == "The list of files '\(pattern)' cannot be used: \(reason). Write it such as 'shards/{000..099}.tar', with '::' "
        + "between several.")
  }

  @Test("a gap is told with the first five names")
  func gap() {
    let names = (0..<101).map { "\($0).tar" }
    #expect(
      TarListError.missing(["42.tar"], of: names, pattern: "{0..100}.tar").explanation
        == "1 of the 101 files that '{0..100}.tar' names is missing: 42.tar. Fetch it, or name those that are there, with "
        + "'::' between two lists.")
    #expect(
      TarListError.missing(Array(names.prefix(6)), of: names, pattern: "p").problem
        == "6 of the 101 files that 'p' names are missing: 0.tar, 1.tar, 2.tar, 3.tar, 4.tar, …")
  }
}
