import CLIP
import Foundation
import Images

/// How pixels are made of a photo, for programs in any language: `preprocessing.json`.
///
/// The photo is turned, resized, cropped, scaled and normalised, in the order of the properties. The graph does none of
/// this: photos differ in size, and a graph with a resize inside would resize as its runtime does, where the model was
/// trained on Pillow's pixels.
public struct PreprocessingFile: Sendable, Encodable {
  /// The name of the graph's input, and the order of its axes.
  let input = "pixels"
  let layout = "NCHW"
  /// Whether the photo is turned upright, as its EXIF says.
  let orientation = "exif"
  let colours = "RGB"
  /// The edge of the square input, in pixels.
  let size: Int
  /// `shortest`: the shorter edge becomes `size`, the other is rounded down. `squash`: both do. `longest`: the longer
  /// edge becomes `size`, the other is rounded to the nearest even.
  let resize: String
  /// The filter, as Pillow computes it: over all pixels that a new one covers.
  let interpolation: String
  /// The square in the middle is cut out; where the picture is smaller, the rest is black.
  let crop = "center"
  /// The factor of each byte, and then the mean that is subtracted and the deviation that divides, channel by channel.
  let scale = 1.0 / 255
  let mean: [Float]
  let std: [Float]

  init(_ preprocessing: Preprocessing) {
    size = preprocessing.size
    resize = preprocessing.resizeMode.rawValue
    interpolation = preprocessing.interpolation.rawValue
    mean = preprocessing.mean
    std = preprocessing.standardDeviation
  }
}
