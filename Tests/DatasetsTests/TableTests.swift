import Datasets
import Foundation
import Testing
import TestSupport

@Suite("A table of paths and classes becomes a dataset")
struct TableTests {
  func read(_ text: String) throws -> Dataset {
    try withTemporaryFolder { try Dataset(at: $0.write(text, to: "pets.csv")) }
  }

  @Test("columns in any order, byte-order mark, CR LF, quotes, empty lines")
  func reads() throws {
    let dataset = try read(
      "\u{FEFF}Split,class,note,path\r\ntrain,\"tabby, \"\"cat\"\"\",x,b.jpg\r\n\r\ntest,\"tabby, \"\"cat\"\"\",,c.jpg\r\n"
        + "valid,\"tabby, \"\"cat\"\"\",\"two\nlines\",d.jpg")
    #expect(dataset.classNames == ["tabby, \"cat\""])
    #expect(dataset.training == [Example(path: "b.jpg", label: 0)])
    #expect(dataset.validation == [Example(path: "d.jpg", label: 0)])
    #expect(dataset.test == [Example(path: "c.jpg", label: 0)])
  }

  @Test("the same table in any order of lines gives the same labels")
  func labelsAreSorted() throws {
    let lines = ["1.jpg,dog,train", "2.jpg,cat,train", "3.jpg,dog,test", "4.jpg,cat,test"]
    for order in [lines, lines.reversed()] {
      let dataset = try read("path,class,split\n" + order.joined(separator: "\n"))
      #expect(dataset.classNames == ["cat", "dog"])
      #expect(Set(dataset.training) == [Example(path: "1.jpg", label: 1), Example(path: "2.jpg", label: 0)])
    }
  }

  @Test("without a split column each class is divided at random")
  func divided() throws {
    let dataset = try read("path,class\n" + (0..<10).map { "\($0).jpg,cat\n" }.joined())
    #expect(dataset.sizes == [5, 2, 3])
    #expect(dataset.notices == [.randomDivision(seed: 1)])
  }

  @Test("line numbers count every kind of line end, also within quotes")
  func lines() throws {
    var parser = CSVParser(text: "a\rb\r\n\n\"c\nd\",\ne")
    let records = try parser.records()
    #expect(records.map(\.fields) == [["a"], ["b"], ["c\nd", ""], ["e"]])
    #expect(records.map(\.line) == [1, 2, 4, 6])
  }

  @Test(
    "each fault is named with its line",
    arguments: [
      (
        "path,label\na.jpg,cat",
        "FOLDER/pets.csv has no column 'class': its first line names 'path', 'label'."
          + " The first line must be path,class or path,class,split."
      ),
      (
        "path,class\na.jpg,cat\nb.jpg",
        "FOLDER/pets.csv, line 3: the class is missing. Write it, or remove the row."
      ),
      (
        "path,class\n\"a.jpg,cat\nb.jpg,cat\n",
        "FOLDER/pets.csv, line 2: a quoted field is never closed. Close it, and write a quote inside it twice."
      ),
      (
        "path,class\ntabby, a.jpg,cat",
        "FOLDER/pets.csv, line 2: expected 2 fields as in the first line, found 3."
          + " Put fields that contain commas between double quotes."
      ),
      (
        "path,class,split\na.jpg,cat,train\nb.jpg,cat,dev",
        "FOLDER/pets.csv, line 3: expected train, val or test as split, found 'dev'. Correct the line."
      ),
      (
        "path,class,split\na.jpg,,train\nb.jpg,cat,test\n,,\nc.jpg,,test\nd.jpg,  ,test\n,cat,train",
        "FOLDER/pets.csv, line 2: the class is missing; likewise in lines 5, 6. Write it, or remove the row."
      ),
      (
        "path,class,class\na.jpg,cat,dog",
        "FOLDER/pets.csv, line 1: two columns are called 'class'. Rename one of them."
      ),
      (
        "path,class,split\n../a.jpg,cat,train",
        "FOLDER/pets.csv, line 2: the path '../a.jpg' leaves the image folder."
          + " Write paths relative to the image folder, without '..'."
      ),
      (
        "path,class,split\n",
        "FOLDER/pets.csv has no training images. Every class needs at least one training and one test image."
      ),
    ].excerptPairs())
  func messages(text: Excerpt, expected: String) throws {
    try withTemporaryFolder { folder in
      let file = try folder.write(text.text, to: "pets.csv")
      #expect(explanation(in: folder) { try Dataset(csv: file) } == expected)
    }
  }

  @Test(
    "tables are read as spreadsheets export them",
    arguments: [
      "sep=;\r\npath;class;split\r\na.jpg;cat;train\r\nb.jpg;cat;test\r\n",
      "\"sep=|\"\npath|class|split\na.jpg|cat|train\nb.jpg|cat|test\n",
      "PATH;Class ;SPLIT;;\r\na.jpg;cat;Training;;\r\n;;;;\r\n \r\nb.jpg;cat;TEST;;\r\n;;;;\r\n",
      "\r\n,,,\r\n,path,class,split\r\n,a.jpg,cat,train\r\n,b.jpg,cat,test\r\n",
      "path\tnote\tclass\tsplit\na.jpg\t1,5; x\tcat\ttrain\nb.jpg\t\t cat \ttesting\n",
      "\u{FEFF}\"path\",\"class\",\"split\"\n\"a.jpg\",\"cat\",\"train\"\n\"b.jpg\",\"cat\",\"test\",,\n",
    ].excerpts)
  func spreadsheets(text: Excerpt) throws {
    let dataset = try read(text.text)
    #expect(dataset.classNames == ["cat"])
    #expect(dataset.training.map(\.path) == ["a.jpg"] && dataset.test.map(\.path) == ["b.jpg"])
    #expect(dataset.notices.isEmpty)
  }

  @Test("an empty column of parts is none, and rows that say the same count once")
  func repeatedRows() throws {
    let rows = (0..<10).map { "\($0).jpg,cat,\n" }.joined()
    let dataset = try read("path,class,split\n" + rows + rows)
    #expect(dataset.sizes == [5, 2, 3])
    #expect(
      dataset.notices.last?.description
        == "10 photos stand in several rows and count once, such as 0.jpg (lines 2, 12)")
  }

  @Test("a picture of two classes gets a notice")
  func severalClasses() throws {
    let dataset = try read(
      "path,class,split\na.jpg,cat,train\nb.jpg,dog,train\na.jpg,dog,train\nc.jpg,dog,test\nd.jpg,cat,test")
    #expect(
      dataset.notices.map(\.description) == [
        "1 photo has more than one class, such as a.jpg ('cat', 'dog'): at most one of them is right"
      ])
  }
}
