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
  private let samples: TarSamples<Photo>
  /// The number of photos so far, whole or not read for a reason of their own.
  private var photos = 0
  private var hasEnded = false
  /// Whether the tar itself was found damaged.
  private var isDamaged = false

  init(_ path: String, limits: DecodingLimits) {
    self.path = path
    samples = TarSamples(path) { member, stream throws(TarStream.Damage) in
      let name = "\(path)/\(FileName.spelling(of: member.path))"
      guard member.size <= limits.maximumBytes else {
        return .unreadable(
          name: name, ImageError.tooManyBytes(file: name, found: member.size, maximumBytes: limits.maximumBytes))
      }
      return .encoded(try stream.contents(of: member), name: name)
    }
  }

  /// The next photo; `nil` at the end.
  func next() -> Photo? {
    while !hasEnded {
      do {
        guard let sample = try samples.next() else {
          hasEnded = true
          return photos == 0 && !isDamaged ? unreadable(.noImages(path, members: samples.members)) : nil
        }
        if let image = sample.image { return photo(image) }
      } catch let damage as TarStream.Damage {
        isDamaged = true
        return unreadable(
          damage.isCut ? .cut(path, byte: damage.byte, photos: photos) : .damaged(path, damage))
      } catch {
        hasEnded = true
        return unreadable(.unreadable(path, reason: (error as? SystemReason)?.text ?? "\(error)"))
      }
    }
    return nil
  }

  private func photo(_ image: TarSamples<Photo>.Image) -> Photo {
    let name = "\(path)/\(image.name)"
    switch image.content {
    case .success(let photo):
      photos += 1
      return photo
    case .failure(let fault):
      if fault != .broken { photos += 1 }
      return .unreadable(name: name, TarError(fault, of: name))
    }
  }

  private func unreadable(_ error: TarError) -> Photo { .unreadable(name: path, error) }
}
