import Archives
import Foundation
import Support

/// The samples of a tar in one pass, by one rule for everybody who reads them.
///
/// A sample's image is the first of ``SampleContent/images`` that can be read. Where none can, it is the first of them,
/// with the fault. Folders, and what is no regular file and has another name than an image or a label, belong to no
/// sample.
package final class TarSamples<Content> {
  /// The files with one key.
  package struct Sample {
    package let key: String
    /// `nil` where the sample has no file with an image's name.
    package let image: Image?
    /// All its images that are whole regular files, also those that are not ``image``.
    package let places: [TarPlace]
    /// `nil` where the sample has none.
    package let label: TarLabel?
  }

  package struct Image {
    /// The name of the member.
    package let name: String
    package let content: Result<Content, TarImageFault>
  }

  private let path: String
  private let content: (TarStream.Member, TarStream) throws(TarStream.Damage) -> Content
  private var stream: TarStream?
  private var grouping = SampleGrouping()
  /// The sample that is being read.
  private var key: String?
  private var image: (image: Image, rank: Int)?
  private var places: [TarPlace] = []
  private var label: TarLabel?
  /// Samples that are found and not taken yet.
  private var found: ArraySlice<Sample> = []
  /// A damage behind them.
  private var damage: TarStream.Damage?
  private var hasEnded = false
  /// The number of members that were read.
  package private(set) var members = 0

  /// - Parameter content: takes what is needed of an image at which the stream stands. It is called for each that is
  ///   better than those of the sample before it.
  package init(
    _ path: String, content: @escaping (TarStream.Member, TarStream) throws(TarStream.Damage) -> Content
  ) {
    self.path = path
    self.content = content
  }

  /// Whether the tar is under gzip.
  ///
  /// - Throws: `TarStream.Damage` where the file is no tar; `SystemReason` where it cannot be opened.
  package var isCompressed: Bool {
    get throws { try opened().isCompressed }
  }

  /// The next sample; `nil` at the end.
  ///
  /// - Throws: `TarStream.Damage`, after which the next call goes on behind it; `SystemReason` where the file cannot be
  ///   opened.
  package func next() throws -> Sample? {
    try withArchiveNames {
      while found.isEmpty, damage == nil, !hasEnded { try advance() }
    }
    if let sample = found.popFirst() { return sample }
    guard let damage else { return nil }
    self.damage = nil
    throw damage
  }

  /// Reads one more member.
  private func advance() throws {
    do {
      let stream = try opened()
      guard let member = try stream.next() else {
        hasEnded = true
        return finish()
      }
      members += 1
      guard let name = SampleName(member.path), Self.belongs(member, name) else { return }
      if grouping.begins(name) {
        finish()
        key = FileName.spelling(of: name.key)
      }
      if name.fileExtension == SampleContent.label {
        label = try label(member, stream)
      } else if let rank = SampleContent.images.firstIndex(of: name.fileExtension) {
        try add(member, rank: rank, from: stream)
      }
    } catch let damage as TarStream.Damage {
      finish()
      grouping = SampleGrouping()
      self.damage = damage
    }
  }

  private func opened() throws -> TarStream {
    if let stream { return stream }
    do {
      let opened = try TarStream(path)
      stream = opened
      return opened
    } catch {
      hasEnded = true
      throw error
    }
  }

  private static func belongs(_ member: TarStream.Member, _ name: SampleName) -> Bool {
    switch member.kind {
    case .file: true
    case .folder: false
    case .link, .other: (SampleContent.images + [SampleContent.label]).contains(name.fileExtension)
    }
  }

  private func label(_ member: TarStream.Member, _ stream: TarStream) throws -> TarLabel {
    guard member.kind == .file else { return .notAFile }
    guard member.size <= TarLabel.most else { return .tooLong(bytes: member.size) }
    let text = String(decoding: try stream.contents(of: member), as: UTF8.self)
    return .text(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  private func add(_ member: TarStream.Member, rank: Int, from stream: TarStream) throws {
    let name = FileName.spelling(of: member.path)
    if let fault = TarImageFault(of: member) { return add(name, .failure(fault), rank: rank) }
    places.append(TarPlace(name: name, offset: member.offset, size: member.size))
    guard isBest(rank) else { return }
    do throws(TarStream.Damage) {
      add(name, .success(try content(member, stream)), rank: rank)
    } catch {
      add(name, .failure(.broken), rank: rank)
      throw error
    }
  }

  private func add(_ name: String, _ content: Result<Content, TarImageFault>, rank: Int) {
    let isReadable = if case .success = content { true } else { false }
    guard isReadable ? isBest(rank) : rank < image?.rank ?? .max && !hasReadable else { return }
    image = (Image(name: name, content: content), rank)
  }

  private var hasReadable: Bool { if case .success? = image?.image.content { true } else { false } }

  /// Whether a readable image of this rank would be the sample's.
  private func isBest(_ rank: Int) -> Bool { !hasReadable || rank < image?.rank ?? .max }

  private func finish() {
    if let key { found.append(Sample(key: key, image: image?.image, places: places, label: label)) }
    (key, image, places, label) = (nil, nil, [], nil)
  }
}

/// An image of a tar, and where it is.
package struct TarPlace: Sendable {
  package let name: String
  /// The offset of its contents in the unpacked tar, and their size, in bytes.
  package let offset, size: Int
}

/// The reason why a member with an image's name is not read.
package enum TarImageFault: Error {
  /// The name is absolute or has `..`.
  case leadsOut
  /// It is a link or a device.
  case notAFile
  case sparse
  /// The tar ends within it, or is damaged there.
  case broken

  fileprivate init?(of member: TarStream.Member) {
    if member.leadsOut {
      self = .leadsOut
    } else if member.kind != .file {
      self = .notAFile
    } else if member.isSparse {
      self = .sparse
    } else {
      return nil
    }
  }
}

/// The label of a sample: a text, or the reason why there is none.
package enum TarLabel: Sendable, Equatable {
  /// Without white space around it.
  case text(String)
  case tooLong(bytes: Int)
  case notAFile

  /// The longest label, in bytes: a whole number and a line break.
  static let most = 64
}
