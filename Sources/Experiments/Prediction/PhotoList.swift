import Foundation
import Images

/// A photo that a person names.
public enum Photo: Sendable, Equatable {
  case file(String)
  /// The bytes of one image on standard input.
  case standardInput

  public var name: String {
    switch self {
    case .file(let path): path
    case .standardInput: "-"
    }
  }

  /// - Throws: `ImageError`, which names the file.
  func image(reading: PhotoReading, seenAs view: (_ width: Int, _ height: Int) throws -> ImageView) throws -> Image {
    switch self {
    case .file(let path):
      try reading.image(at: URL(filePath: path, directoryHint: .notDirectory), seenAs: view)
    case .standardInput:
      try reading.image(
        decoding: FileHandle.standardInput.readToEnd() ?? Data(), named: "standard input", seenAs: view)
    }
  }
}

/// Photos by files, globs, folders and a list on standard input, in the order given.
///
/// What the arguments name is looked up at once, so that a slip is told before the model is loaded; standard input is
/// read as the photos are needed.
public struct PhotoList: Sendable {
  private let parts: [Part]
  private let separator: UInt8

  fileprivate enum Part: Sendable {
    case photos([Photo])
    /// Paths on standard input.
    case listed
  }

  /// - Parameters:
  ///   - arguments: a file, a folder, a glob that the shell has left alone, or `-` for paths on standard input.
  ///   - isRecursive: whether photos in folders of a folder count too.
  ///   - separator: what ends a path on standard input.
  /// - Throws: ``ExperimentError/noPhotos(folder:isRecursive:)``, ``ExperimentError/noMatch(glob:)``,
  ///   ``ExperimentError/unreadableFolder(path:)``.
  public init(_ arguments: [String], isRecursive: Bool = false, separator: Character = "\n") throws {
    self.separator = separator.asciiValue ?? UInt8(ascii: "\n")
    parts = try arguments.map { argument in
      if argument == "-" { return .listed }
      switch FolderListing.kind(of: argument) {
      case .file?: return .photos([.file(argument)])
      case .folder?:
        let photos = try FolderListing.photos(in: argument, isRecursive: isRecursive)
        guard !photos.isEmpty else { throw ExperimentError.noPhotos(folder: argument, isRecursive: isRecursive) }
        return .photos(photos.map(Photo.file))
      case nil:
        guard Glob.isPattern(argument) else { return .photos([.file(argument)]) }
        let files = try Glob(argument).files()
        guard !files.isEmpty else { throw ExperimentError.noMatch(glob: argument) }
        return .photos(files.map(Photo.file))
      }
    }
  }

  /// One image whose bytes are on standard input.
  public static let imageOnStandardInput = PhotoList(parts: [.photos([.standardInput])])

  private init(parts: [Part]) {
    self.parts = parts
    separator = UInt8(ascii: "\n")
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

    /// - Throws: ``ExperimentError/notAPath(line:isSeparatedByNul:)`` where standard input holds something else.
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
        guard !bytes.contains(0), let path = String(validating: bytes, as: UTF8.self) else {
          throw ExperimentError.notAPath(line: line, isSeparatedByNul: separator == 0)
        }
        return path
      }
    }
  }
}
