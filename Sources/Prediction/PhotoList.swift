import Foundation
import Images
import Runs
import Support
import WebDataset

/// A photo from the user's arguments.
public enum Photo: Sendable {
  case file(String)
  /// The bytes of one image on standard input.
  case standardInput
  /// The bytes of one image, and its name in results.
  case encoded(Data, name: String)
  /// A photo that is known to be unreadable, such as one in a damaged tar.
  case unreadable(name: String, any UserFacingError)

  public var name: String {
    switch self {
    case .file(let path): path
    case .standardInput: "-"
    case .encoded(_, let name), .unreadable(let name, _): name
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
  /// - Throws: `ImageError` or `TarError`, which names the file.
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
    case .unreadable(_, let error): throw error
    }
  }
}

/// Photos from files, globs, folders, tars and a list on standard input, in the order given.
///
/// Arguments are looked up at once, so that a mistake is reported before the model is loaded; standard input and tars
/// are read as the photos are needed.
public struct PhotoList: Sendable {
  /// Photos that follow each other are one part: batches are made of those, and begin anew at each tar.
  private let parts: [Part]
  private let separator: UInt8
  /// The contents of folders and patterns besides the photos that are used.
  public let leftOut: LeftOutFiles

  fileprivate enum Part: Sendable {
    case photos([Photo])
    /// The photos of a tar, by its path.
    case tar(String)
    /// Paths on standard input.
    case listed

    /// What a path stands for.
    init(_ path: String) { self = TarList.isTar(path) ? .tar(path) : .photos([.file(path)]) }
  }

  /// - Parameters:
  ///   - arguments: files, folders, tars, globs that the shell has not expanded, lists such as `{000..099}.tar`, or `-`
  ///     for paths on standard input.
  ///   - isRecursive: whether photos in a folder's sub-folders count too.
  ///   - separator: the character that ends a path on standard input.
  /// - Throws: ``PredictionError/noPhotos(folder:isRecursive:leftOut:)``, ``PredictionError/noMatch(glob:)``,
  ///   ``RunError/unreadableFolder(path:)``, `TarListError` where a list names files that are not there.
  public init(_ arguments: [String], isRecursive: Bool = false, separator: Character = "\n") throws {
    self.separator = separator.asciiValue ?? UInt8(ascii: "\n")
    var leftOut = LeftOutFiles()
    let parts = try arguments.flatMap { argument -> [Part] in
      if argument == "-" { return [.listed] }
      switch try? FileSystem.kind(of: argument) {
      case .file?: return [Part(argument)]
      case .other?: return [.photos([.file(argument)])]
      case .folder?: return [.photos(try Self.photos(in: argument, isRecursive: isRecursive, &leftOut))]
      case nil:
        if TarList.isList(argument) { return try Self.files(of: TarList(argument)).map(Part.init) }
        guard Glob.isPattern(argument) else { return [.photos([.file(argument)])] }
        let (files, others) = try Glob(argument).files()
        leftOut += others
        guard !files.isEmpty else { throw PredictionError.noMatch(glob: argument) }
        return files.map(Part.init)
      }
    }
    self.parts = parts.joined
    self.leftOut = leftOut
  }

  /// The files of a list, all of which are there: a gap is told now, and not when the others are done.
  private static func files(of list: TarList) throws -> [String] {
    let names = try list.names()
    let missing = names.filter { !FileSystem.fileExists($0) }
    guard missing.isEmpty else { throw TarListError.missing(missing, of: names, pattern: list.pattern) }
    return names
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

  /// How many photos there are; `nil` where standard input or tars hold some.
  public var count: Int? {
    parts.reduce(0) { count, part in
      guard let count, case .photos(let photos) = part else { return nil }
      return count + photos.count
    }
  }

  /// The names of all photos and tars, in order: what the list is, for telling it from another.
  public var names: [String] {
    parts.flatMap { part in
      switch part {
      case .photos(let photos): photos.map(\.name)
      case .tar(let path): [path]
      case .listed: ["-"]
      }
    }
  }

  /// A shard of the list: consecutive whole tars and whole batches of other photos, so that each photo is computed with
  /// the same others, and to the same bits, however many shards there are.
  ///
  /// A list on standard input is read to its end first.
  ///
  /// - Returns: also the names of the whole list.
  public func shard(_ shard: Shard, batchSize: Int) throws -> (list: PhotoList, names: [String]) {
    let whole = try listed()
    let pieces = whole.parts.flatMap { part -> [Part] in
      guard case .photos(let photos) = part else { return [part] }
      return photos.chunks(ofCount: batchSize).map(Part.photos)
    }
    let own = Array(pieces[shard.range(of: pieces.count)])
    return (PhotoList(parts: own), whole.names)
  }

  /// The same list with the paths on standard input in it.
  private func listed() throws -> PhotoList {
    var iterator = makeIterator(limits: .standard)
    let parts = try parts.map { part in
      guard case .listed = part else { return part }
      var photos: [Photo] = []
      while let path = try iterator.listedPath() { photos.append(.file(path)) }
      return .photos(photos)
    }
    return PhotoList(parts: parts)
  }

  /// One image whose bytes are on standard input.
  public static let imageOnStandardInput = PhotoList(parts: [.photos([.standardInput])])

  /// Photos that are known already.
  public init(_ photos: [Photo]) { self.init(parts: [.photos(photos)]) }

  private init(parts: [Part]) {
    self.parts = parts.joined
    separator = UInt8(ascii: "\n")
    leftOut = LeftOutFiles()
  }

  /// - Parameter limits: of photos in tars.
  func makeIterator(limits: DecodingLimits) -> Iterator {
    Iterator(parts: parts[...], separator: separator, limits: limits)
  }

  struct Iterator {
    private var parts: ArraySlice<Part>
    private let separator: UInt8
    private let limits: DecodingLimits
    private let input = fdopen(STDIN_FILENO, "r")
    private var position = 0
    private var line = 0
    /// The tar that is being read.
    private var tar: TarPhotos?
    /// Whether the next photo is the first of a tar, or the first after one.
    private var beginsBatch = false

    fileprivate init(parts: ArraySlice<Part>, separator: UInt8, limits: DecodingLimits) {
      self.parts = parts
      self.separator = separator
      self.limits = limits
    }

    /// - Returns: also whether the photo begins a batch, as the first of a tar does, and the first after one.
    /// - Throws: ``PredictionError/notAPath(line:isSeparatedByNul:)`` where standard input does not hold paths.
    mutating func next() throws -> (photo: Photo, beginsBatch: Bool)? {
      while let part = parts.first {
        if let photo = try next(of: part) {
          defer { beginsBatch = false }
          return (photo, beginsBatch)
        }
        parts.removeFirst()
        position = 0
      }
      return nil
    }

    private mutating func next(of part: Part) throws -> Photo? {
      switch part {
      case .photos(let photos):
        guard position < photos.count else { return nil }
        position += 1
        return photos[position - 1]
      case .listed: return try listedPath().map(Photo.file)
      case .tar(let path):
        if tar == nil { beginsBatch = true }
        let tar = self.tar ?? TarPhotos(path, limits: limits)
        self.tar = tar
        if let photo = tar.next() { return photo }
        self.tar = nil
        beginsBatch = true
        return nil
      }
    }

    /// The next path on standard input that is not empty.
    mutating func listedPath() throws -> String? {
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

extension [PhotoList.Part] {
  /// The same with photos that follow each other in one part.
  ///
  /// - Complexity: linear in the number of photos.
  fileprivate var joined: Self {
    var (joined, photos): (Self, [Photo]) = ([], [])
    func flush() {
      if !photos.isEmpty { joined.append(.photos(photos)) }
      photos = []
    }
    for part in self {
      if case .photos(let more) = part {
        photos += more
      } else {
        flush()
        joined.append(part)
      }
    }
    flush()
    return joined
  }
}
