import CLIP
import Datasets
import Images
import PromptLearning
import Support

/// The training's views of its images: a grid of random views, for people to look at.
enum ViewGrid {
  /// The side of each view in pixels: enough to see crops and mirror images, without filling the disk.
  private static let side = 112

  /// A grid of up to four times four small views, each of another image, at equal distances among all training images.
  ///
  /// They are drawn by a separate generator, so that the grid does not change the training.
  ///
  /// - Parameter randAugment: what makes the training's views instead of a crop and a mirror image.
  /// - Returns: `nil` where the dataset has no training images.
  static func image(
    of dataset: Dataset, preprocessing: Preprocessing, seed: UInt64, reading: PhotoReading, randAugment: RandAugment?
  ) throws -> Image? {
    let examples = dataset.training
    guard !examples.isEmpty else { return nil }
    let interpolation = preprocessing.interpolation
    let augmentation = try TrainingAugmentation(crop: RandomResizedCrop(size: side, interpolation: interpolation))
    let memory = PhotoMemory(limit: 0, reading: reading)
    var generator = SeededGenerator(seed: seed)
    let count = min(16, examples.count)
    let views = try (0..<count).map { index in
      let photo = dataset.url(of: examples[index * examples.count / count])
      return try randAugment.map {
        try $0(photo, size: side, interpolation: interpolation, from: memory, using: &generator)
      } ?? augmentation(photo, from: memory, using: &generator)
    }
    return try joined(views)
  }

  /// Squares in rows of four; the rest of the last row is black.
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
