import Torch

/// A frozen network from pixels to the space that images and texts share.
public protocol ImageEncoder: Sendable {
  /// - Parameter pixels: `[B, 3, H, W]`, normalised as ``Preprocessing`` says.
  /// - Returns: `[B, E]`, not of unit length.
  func callAsFunction(_ pixels: Tensor) throws -> Tensor

  /// How many images at a time are encoded fastest on a CPU: enough for large products, few enough for its caches.
  var imagesPerPass: Int { get }
}
