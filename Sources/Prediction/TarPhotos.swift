import Foundation
import Images
import Support
import WebDataset

/// The photos of a tar as WebDataset packs them, one for each sample, in the order and the memory of one pass.
///
/// What cannot be read is a photo with an error, under its own name or, where the tar itself is damaged, under the
/// tar's: the others are read all the same.
final class TarPhotos {
  private let path: String
  private let limits: DecodingLimits
  private var stream: TarStream?
  /// What is found and not taken yet.
  private var found: ArraySlice<Photo> = []
  private var grouping = SampleGrouping()
  /// The best image of the sample so far, and its place in ``SampleContent/images``.
  private var image: (photo: Photo, rank: Int)?
  private var (photos, members) = (0, 0)
  private var hasEnded = false
  /// Whether the tar itself was found damaged.
  private var isDamaged = false

  init(_ path: String, limits: DecodingLimits) {
    self.path = path
    self.limits = limits
  }

  /// The next photo; `nil` at the end.
  func next() -> Photo? {
    withTarNames {
      while found.isEmpty, !hasEnded { advance() }
    }
    return found.popFirst()
  }

  /// Reads one more member.
  private func advance() {
    do {
      let stream = try opened()
      guard let member = try stream.next() else { return end() }
      members += 1
      guard member.kind != .folder, let name = SampleName(member.path) else { return }
      try add(member, name, from: stream)
    } catch let damage as TarStream.Damage {
      finishSample()
      tell(damage)
    } catch {
      let reason = (error as? SystemReason)?.text ?? "\(error)"
      found.append(.unreadable(name: path, .unreadable(file: path, reason: reason)))
      hasEnded = true
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

  private func add(_ member: TarStream.Member, _ name: SampleName, from stream: TarStream) throws {
    guard member.kind == .file || SampleContent.images.contains(name.fileExtension) else { return }
    if grouping.begins(name) { finishSample() }
    guard let rank = SampleContent.images.firstIndex(of: name.fileExtension), rank < image?.rank ?? .max else {
      return
    }
    image = (try photo(of: member, from: stream), rank)
  }

  private func photo(of member: TarStream.Member, from stream: TarStream) throws -> Photo {
    let name = "\(path)/\(FileName.spelling(of: member.path))"
    if let error = refusal(of: member, named: name) { return .unreadable(name: name, error) }
    do {
      return .encoded(try stream.contents(of: member), name: name)
    } catch {
      finishSample()
      found.append(.unreadable(name: name, .truncatedInTar(file: name)))
      throw error
    }
  }

  /// The reason why a member is not read.
  private func refusal(of member: TarStream.Member, named name: String) -> ImageError? {
    if member.leadsOut { return .leadsOut(file: name) }
    if member.kind != .file { return .linkInTar(file: name) }
    guard member.size <= limits.maximumBytes, !member.isSparse else {
      return .tooManyBytes(file: name, found: member.size, maximumBytes: limits.maximumBytes)
    }
    return nil
  }

  private func finishSample() {
    guard let image else { return }
    found.append(image.photo)
    photos += 1
    self.image = nil
  }

  private func end() {
    finishSample()
    hasEnded = true
    if photos == 0, !isDamaged { found.append(.unreadable(name: path, .noImages(file: path, members: members))) }
  }

  private func tell(_ damage: TarStream.Damage) {
    let error: ImageError =
      damage.isCut
      ? .cut(file: path, byte: damage.byte, photos: photos)
      : .damagedTar(file: path, byte: damage.byte, reason: damage.reason)
    found.append(.unreadable(name: path, error))
    isDamaged = true
  }
}
