import CLIP
import Datasets
import Images
import PromptLearning
import Support

/// What a training sees of its images: random views beside each other, for people to look at.
enum ViewGrid {
  /// Of each view, in pixels: enough to see what is cropped and mirrored, without filling the disk.
  private static let side = 112

  /// Up to four times four views of as many images, taken evenly from all training images, in small.
  ///
  /// They are drawn by a generator of their own, so that looking changes nothing of what is learned.
  ///
  /// - Returns: `nil` where the dataset has no training images.
  static func image(of dataset: Dataset, preprocessing: Preprocessing, seed: UInt64, reading: PhotoReading) throws
    -> Image?
  {
    let examples = dataset.training
    guard !examples.isEmpty else { return nil }
    let augmentation = try TrainingAugmentation(
      crop: RandomResizedCrop(size: side, interpolation: preprocessing.interpolation))
    var generator = SeededGenerator(seed: seed)
    let count = min(16, examples.count)
    let views = try (0..<count).map { index in
      try augmentation(
        dataset.url(of: examples[index * examples.count / count]), reading: reading, using: &generator)
    }
    return try joined(views)
  }

  /// Squares in rows of four; what is left of the last row is black.
  private static func joined(_ squares: [Image]) throws -> Image {
    let columns = min(4, squares.count)
    let rows = (squares.count + columns - 1) / columns
    let width = columns * side
    var pixels = [UInt8](repeating: 0, count: 3 * width * rows * side)
    for (index, square) in squares.enumerated() {
      for line in 0..<side {
        let start = 3 * ((index / columns * side + line) * width + index % columns * side)
        pixels.replaceSubrange(start..<start + 3 * side, with: square.pixels[3 * line * side..<3 * (line + 1) * side])
      }
    }
    return try Image(width: width, height: rows * side, pixels: pixels)
  }
}
