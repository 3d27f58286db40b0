import Foundation
import Images
import Runs
import Support

/// A photo from the user's arguments.
public enum Photo: Sendable, Equatable {
  case file(String)
  /// The bytes of one image on standard input.
  case standardInput
  /// The bytes of one image, and its name in results.
  case encoded(Data, name: String)

  public var name: String {
    switch self {
    case .file(let path): path
    case .standardInput: "-"
    case .encoded(_, let name): name
    }
  }

  /// The path of a file whose name has another Unicode form than was requested; `nil` for all others.
  var otherSpelling: String? {
    guard case .file(let path) = self, !FileSystem.exists(path), !path.utf8.allSatisfy({ $0 < 0x80 }) else {
      return nil
    }
    var search = SpellingSearch()
    return search.find(path, in: "")?.path
  }

  /// The file, `nil` for bytes.
  ///
  /// - Parameter otherSpelling: what ``otherSpelling`` says of it.
  func file(_ otherSpelling: String?) -> URL? {
    guard case .file(let path) = self else { return nil }
    return URL(filePath: otherSpelling ?? path, directoryHint: .notDirectory)
  }

  /// - Parameter otherSpelling: what ``otherSpelling`` says of it.
  /// - Throws: `ImageError`, which names the file.
  func image(
    at otherSpelling: String?, reading: PhotoReading,
    seenAs view: (_ width: Int, _ height: Int) throws -> ImageView
  ) throws -> Image {
    switch self {
    case .file(let path):
      try reading.image(
        at: URL(filePath: otherSpelling ?? path, directoryHint: .notDirectory), seenAs: view)
    case .standardInput:
      try reading.image(
        decoding: FileHandle.standardInput.readToEnd() ?? Data(), named: "standard input", seenAs: view)
    case .encoded(let data, let name): try reading.image(decoding: data, named: name, seenAs: view)
    }
  }
}

/// Photos from files, globs, folders and a list on standard input, in the order given.
///
/// Arguments are looked up at once, so that a mistake is reported before the model is loaded; standard input is read as
/// the photos are needed.
public struct PhotoList: Sendable {
  private let parts: [Part]
  private let separator: UInt8
  /// The contents of folders and patterns besides the photos that are used.
  public let leftOut: LeftOutFiles

  fileprivate enum Part: Sendable {
    case photos([Photo])
    /// Paths on standard input.
    case listed
  }

  /// - Parameters:
  ///   - arguments: files, folders, globs that the shell has not expanded, or `-` for paths on standard input.
  ///   - isRecursive: whether photos in a folder's sub-folders count too.
  ///   - separator: the character that ends a path on standard input.
  /// - Throws: ``PredictionError/noPhotos(folder:isRecursive:leftOut:)``, ``PredictionError/noMatch(glob:)``,
  ///   ``RunError/unreadableFolder(path:)``.
  public init(_ arguments: [String], isRecursive: Bool = false, separator: Character = "\n") throws {
    self.separator = separator.asciiValue ?? UInt8(ascii: "\n")
    var leftOut = LeftOutFiles()
    parts = try arguments.map { argument in
      if argument == "-" { return .listed }
      switch try? FileSystem.kind(of: argument) {
      case .file?, .other?: return .photos([.file(argument)])
      case .folder?: return .photos(try Self.photos(in: argument, isRecursive: isRecursive, &leftOut))
      case nil:
        guard Glob.isPattern(argument) else { return .photos([.file(argument)]) }
        let (files, others) = try Glob(argument).files()
        leftOut += others
        guard !files.isEmpty else { throw PredictionError.noMatch(glob: argument) }
        return .photos(files.map(Photo.file))
      }
    }
    self.leftOut = leftOut
  }

  /// The photos of a folder by name, then those of its sub-folders; links to folders inside it are not followed.
  private static func photos(
    in folder: String, isRecursive: Bool, _ leftOut: inout LeftOutFiles
  ) throws -> [Photo] {
    let listing: PhotoListing
    do {
      listing = try PhotoListing(folder, isRecursive: isRecursive, followsLinks: false)
    } catch {
      throw RunError.unreadableFolder(path: error.path)
    }
    guard !listing.photos.isEmpty else {
      throw PredictionError.noPhotos(folder: folder, isRecursive: isRecursive, leftOut: listing.leftOut)
    }
    leftOut += listing.leftOut
    return listing.photos.map { .file(folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)") }
  }

  /// How many photos there are; `nil` where standard input lists some.
  public var count: Int? {
    parts.reduce(0) { count, part in
      guard let count, case .photos(let photos) = part else { return nil }
      return count + photos.count
    }
  }

  /// One image whose bytes are on standard input.
  public static let imageOnStandardInput = PhotoList(parts: [.photos([.standardInput])])

  /// Photos that are known already.
  public init(_ photos: [Photo]) { self.init(parts: [.photos(photos)]) }

  private init(parts: [Part]) {
    self.parts = parts
    separator = UInt8(ascii: "\n")
    leftOut = LeftOutFiles()
  }

  func makeIterator() -> Iterator { Iterator(parts: parts[...], separator: separator) }

  struct Iterator {
    private var parts: ArraySlice<Part>
    private let separator: UInt8
    private let input = fdopen(STDIN_FILENO, "r")
    private var position = 0
    private var line = 0

    fileprivate init(parts: ArraySlice<Part>, separator: UInt8) {
      self.parts = parts
      self.separator = separator
    }

    /// - Throws: ``PredictionError/notAPath(line:isSeparatedByNul:)`` where standard input does not hold paths.
    mutating func next() throws -> Photo? {
      while let part = parts.first {
        switch part {
        case .photos(let photos) where position < photos.count:
          position += 1
          return photos[position - 1]
        case .listed: if let path = try listedPath() { return .file(path) }
        case .photos: break
        }
        parts.removeFirst()
        position = 0
      }
      return nil
    }

    /// The next path on standard input that is not empty.
    private mutating func listedPath() throws -> String? {
      var buffer: UnsafeMutablePointer<CChar>?
      var capacity = 0
      defer { free(buffer) }
      guard let input else { return nil }
      while true {
        let count = getdelim(&buffer, &capacity, Int32(separator), input)
        guard count > 0, let buffer else { return nil }
        line += 1
        var bytes = UnsafeRawBufferPointer(start: buffer, count: count)[...]
        if bytes.last == separator { bytes = bytes.dropLast() }
        if bytes.isEmpty { continue }
        guard !bytes.contains(0), line > 1 || !Self.isImage(bytes) else {
          throw PredictionError.notAPath(line: line, isSeparatedByNul: separator == 0)
        }
        let path = FileName.spelling(given: bytes)
        // Lists written on Windows have CR LF.
        if separator != 0, bytes.last == UInt8(ascii: "\r"), !FileSystem.exists(path) {
          return FileName.spelling(given: bytes.dropLast())
        }
        return path
      }
    }

    /// Whether the bytes begin as an image file does, sent instead of paths.
    private static func isImage(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
      [[0xFF, 0xD8, 0xFF], [0x89] + Array("PNG".utf8), Array("RIFF".utf8), Array("GIF8".utf8)]
        .contains { bytes.starts(with: $0) } && !FileSystem.exists(FileName.spelling(of: bytes))
    }
  }
}
