/// The visible names in a folder, each kind in the order of its code units; a link counts as what it leads to.
///
/// Names that begin with a dot are hidden, and so are the files that systems create in folders by themselves.
public struct FolderListing: Sendable, Equatable {
  public private(set) var files: [String] = []
  public private(set) var folders: [String] = []
  /// The folders that are links.
  public private(set) var linkedFolders: Set<String> = []
  /// Links that lead nowhere, or in a circle.
  public private(set) var lost: [String] = []
  /// Devices, pipes and sockets.
  public private(set) var others: [String] = []

  /// - Parameter path: "" is the current folder.
  public init(_ path: String, includingHidden: Bool = false) throws(SystemReason) {
    for entry in try FileSystem.entries(of: path) where includingHidden || !Self.isHidden(entry.name) {
      switch entry.kind {
      case .file: files.append(entry.name)
      case .folder:
        folders.append(entry.name)
        if entry.isLink { linkedFolders.insert(entry.name) }
      case .other: others.append(entry.name)
      case nil: if entry.isLink { lost.append(entry.name) }
      }
    }
  }

  /// The files whose names have an image's extension.
  public var images: [String] { files.filter(Self.isImage) }

  /// Whether a name has an image's extension, in either case; only the decoder finds out whether the file is an image.
  public static func isImage(_ name: String) -> Bool {
    imageExtensions.contains(fileExtension(of: name)?.lowercased() ?? "")
  }

  public static func isHidden(_ name: String) -> Bool {
    name.utf8.first == UInt8(ascii: ".") || leftBySystems.contains(name.lowercased())
  }

  /// The part after the last dot of a name; `nil` where it has none.
  public static func fileExtension(of name: String) -> String? {
    guard let point = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
    return String(name[name.utf8.index(after: point)...])
  }

  private static let imageExtensions: Set = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "tif", "tiff", "gif", "heic", "heif", "avif",
  ]

  private static let leftBySystems: Set = [
    "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin", "system volume information",
    "lost+found",
  ]
}

/// A folder that cannot be listed.
public struct UnreadableFolder: Error {
  public let path: String
  public let reason: SystemReason
}

/// The photos in a folder, and what else it holds, so that nothing is left out in silence.
public struct PhotoListing: Sendable {
  /// Paths below the folder: its own photos, then those of its sub-folders, each in the order of code units.
  public private(set) var photos: [String] = []
  public private(set) var leftOut = LeftOutFiles()
  /// Links with a photo's name that lead nowhere, and links to folders that lead in a circle.
  public private(set) var lost: [String] = []

  private let folder: String
  private let isRecursive: Bool
  private let followsLinks: Bool

  /// - Parameters:
  ///   - isRecursive: whether the photos in sub-folders are used, or only counted.
  ///   - followsLinks: whether links to sub-folders count as sub-folders, as for `ImageFolder` of torchvision.
  ///   - ancestors: folders above, to which a link would lead in a circle.
  public init(
    _ folder: String, isRecursive: Bool, followsLinks: Bool, below ancestors: [String] = []
  ) throws(UnreadableFolder) {
    self.folder = folder.isEmpty || folder.hasSuffix("/") ? folder : folder + "/"
    self.isRecursive = isRecursive
    self.followsLinks = followsLinks
    try read("", isTaken: true, below: Set(ancestors.compactMap(FileSystem.identity)))
  }

  /// - Parameter isTaken: whether photos are used, or only counted.
  private mutating func read(
    _ prefix: String, isTaken: Bool, below ancestors: Set<FileIdentity>
  ) throws(UnreadableFolder) {
    let listing: FolderListing
    do {
      listing = try FolderListing(folder + prefix)
    } catch {
      guard isTaken else {
        leftOut.unreadableFolders += 1
        return
      }
      throw UnreadableFolder(path: folder + prefix, reason: error)
    }
    let ancestors = ancestors.union([FileSystem.identity(of: folder + prefix)].compactMap { $0 })
    let images = listing.images
    if isTaken {
      photos += images.map { prefix + $0 }
      for name in listing.files where !FolderListing.isImage(name) { leftOut.count(noImage: name) }
      leftOut.devices += listing.others.count
      lost += listing.lost.filter(FolderListing.isImage).map { prefix + $0 }
    } else {
      if !images.isEmpty { leftOut.nested[String(prefix.dropLast()), default: 0] += images.count }
    }
    for name in listing.folders where followsLinks || !listing.linkedFolders.contains(name) {
      let path = prefix + name
      if let identity = FileSystem.identity(of: folder + path), ancestors.contains(identity) {
        if isRecursive { lost.append(path) }
        continue
      }
      try read(path + "/", isTaken: isTaken && isRecursive, below: ancestors)
    }
  }
}

/// Files in a folder that are not used, counted by reason.
public struct LeftOutFiles: Sendable, Hashable {
  /// The number of files that are not images by their names, by their extension; "" where they have none.
  public internal(set) var noImages: [String: Int] = [:]
  /// Photos in sub-folders, by the sub-folder's path below the folder.
  public internal(set) var nested: [String: Int] = [:]
  /// Devices, pipes and sockets.
  public internal(set) var devices = 0
  /// Sub-folders whose photos could not be counted.
  public internal(set) var unreadableFolders = 0
  /// Photos next to the class folders: their class is not known.
  public var loose = 0
  /// Photos in other folders than those of the splits.
  public var besideParts: [String: Int] = [:]
  /// Photos in folders that the published benchmark of this name leaves out.
  public var clutter: [String: Int] = [:]
  /// Folders that match a pattern of files.
  public var matchingFolders = 0

  public init() {}

  public var isEmpty: Bool { self == LeftOutFiles() }

  public mutating func count(noImage name: String) {
    let ending = FolderListing.fileExtension(of: name) ?? ""
    let isUsual = ending.utf8.count <= 8 && ending.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    noImages[isUsual ? ending : "", default: 0] += 1
  }

  public static func += (left: inout LeftOutFiles, right: LeftOutFiles) {
    left.noImages.merge(right.noImages, uniquingKeysWith: +)
    left.nested.merge(right.nested, uniquingKeysWith: +)
    left.devices += right.devices
    left.unreadableFolders += right.unreadableFolders
    left.loose += right.loose
    left.besideParts.merge(right.besideParts, uniquingKeysWith: +)
    left.clutter.merge(right.clutter, uniquingKeysWith: +)
    left.matchingFolders += right.matchingFolders
  }

  /// The same of a folder below which this one lies, so that sub-folders are called by their paths from there.
  public func nested(in folder: String) -> LeftOutFiles {
    var result = self
    result.nested = Dictionary(uniqueKeysWithValues: nested.map { ("\(folder)/\($0.key)", $0.value) })
    return result
  }

  /// What is left out and why, in one line without a full stop.
  ///
  /// - Parameter folder: a phrase for the folder whose sub-folders are meant, such as "a class folder"; `nil` for the
  ///   folder that was given.
  public func sentence(of folder: String? = nil) -> String {
    var reasons: [String] = []
    let files = noImages.values.reduce(0, +)
    if files > 0 {
      let kinds = noImages.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        .map { "\($0.value) \($0.key.isEmpty ? "of no usual ending" : ".\($0.key)")" }
      reasons.append(
        "\(files) \(files == 1 ? "file is no image" : "files are no images") this reads: "
          + kinds.prefix(6).joined(separator: ", ") + (kinds.count > 6 ? ", …" : ""))
    }
    let inside = nested.values.reduce(0, +)
    if inside > 0 {
      let names = nested.keys.sorted().prefix(3).joined(separator: ", ") + (nested.count > 3 ? ", …" : "")
      let place = folder.map { " of \($0) (\(names))" } ?? ""
      reasons.append(
        "\(inside.photosLie) in sub-folders\(place): --recursive takes \(inside == 1 ? "it" : "them")"
          + (folder == nil ? "" : " into that class; a class of its own belongs beside the others"))
    }
    if loose > 0 { reasons.append("\(loose.photosLie) in no class folder") }
    for (folders, meaning) in [
      (besideParts, "folders that are neither train, val nor test"),
      (clutter, "folders that are no class of the published benchmark"),
    ] {
      let count = folders.values.reduce(0, +)
      guard count > 0 else { continue }
      let names = folders.keys.sorted().prefix(5).joined(separator: ", ")
      reasons.append("\(count.photosLie) in \(meaning): \(names)" + (folders.count > 5 ? ", …" : ""))
    }
    if matchingFolders > 0 {
      reasons.append(
        "\(matchingFolders == 1 ? "1 folder matches" : "\(matchingFolders) folders match") the pattern:"
          + " a pattern takes files, and a folder's own name its photos")
    }
    if devices > 0 { reasons.append("\(devices) \(devices == 1 ? "is a device or a pipe" : "are devices or pipes")") }
    if unreadableFolders > 0 {
      reasons.append("\(unreadableFolders) \(unreadableFolders == 1 ? "sub-folder" : "sub-folders") cannot be read")
    }
    return "Left out: " + reasons.joined(separator: "; ")
  }
}

extension Int {
  fileprivate var photosLie: String { self == 1 ? "1 photo lies" : "\(self) photos lie" }
}
