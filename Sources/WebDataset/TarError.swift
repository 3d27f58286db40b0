import Support

/// A tar, or a member of one, that cannot be read.
public struct TarError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  private init(_ problem: String, remedy: String) { (self.problem, self.remedy) = (problem, remedy) }
}

// MARK: Tars

extension TarError {
  static func compressed(_ path: String) -> Self {
    Self(
      "\(path) is compressed, and its images can only be read in their order, as 'predict' does",
      remedy: "Unpack it with gunzip: images hardly shrink")
  }

  package static func damaged(_ path: String, _ damage: TarStream.Damage) -> Self {
    Self("\(path) is damaged at byte \(damage.byte): \(damage.reason)", remedy: "Fetch it again")
  }

  /// A tar whose data end before it does.
  package static func cut(_ path: String, byte: Int, photos: Int) -> Self {
    Self(
      "\(path) ends too early, at byte \(byte), after \(photos) \(photos == 1 ? "photo" : "photos")",
      remedy: "Fetch it again")
  }

  package static func unreadable(_ path: String, reason: String) -> Self {
    Self("\(path) cannot be read: \(reason)", remedy: "Give yourself the right to read it")
  }

  package static func noImages(_ path: String, members: Int) -> Self {
    Self(
      "\(path) has no images: none of its \(members) members ends in .jpg, .png, .jpeg or .webp",
      remedy: "Give tars of images, as WebDataset packs them")
  }

  static func repeated(_ path: String, image: String) -> Self {
    Self("\(path) has two images called '\(image)'", remedy: "Pack the tar again with a name for each")
  }
}

// MARK: Members

extension TarError {
  /// - Parameter name: the path of the tar with the name of the member.
  package init(_ fault: TarImageFault, of name: String) {
    switch fault {
    case .leadsOut:
      self.init(
        "\(name) is not read: its name in the tar is absolute or has '..'", remedy: "Pack the tar again without")
    case .notAFile:
      self.init(
        "\(name) is a link or a device in the tar, where an image was expected", remedy: "Pack the files themselves")
    case .sparse:
      self.init(
        "\(name) is a sparse file in the tar, with gaps that are not packed", remedy: "Pack the tar without --sparse")
    case .broken:
      self.init("\(name) is not whole: its tar ends within it, or is damaged there", remedy: "Fetch the tar again")
    }
  }
}
