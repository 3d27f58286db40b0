import Foundation
import Images
import Support
import Tokenization
import Torch

/// A frozen CLIP: maps pixels and prompts to one space, in which the cosine measures how well they match.
///
/// Source: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021.
public struct CLIPModel: Sendable {
  /// The checkpoint's name: the name of its folder.
  public let name: String
  public private(set) var configuration: CLIPConfiguration
  public private(set) var imageEncoder: any ImageEncoder
  public let textEncoder: TextEncoder
  public let tokenizer: Tokenizer
  /// The factor by which cosines are multiplied, already exponentiated.
  public let logitScale: Float
  /// The precision of the products in linear layers; anything but float32 is an approximation.
  public let precision: Precision
  /// Holds the process to this model's use of TF32 as long as the model lasts; `nil` on the CPU.
  private var tf32: TF32Use?
  /// The value of each byte of a photo, on an accelerator; `nil` on the CPU.
  private let pixelTable: Tensor?
  /// Tensors of the checkpoint outside the model that are not used, by the file's names.
  public private(set) var passedOver: [String] = []
  /// The name prefixes of further whole models in the checkpoint, whose tensors are among ``passedOver``.
  public private(set) var otherModels: [String] = []

  /// Loads a checkpoint: a folder in open_clip's or Hugging Face's format, or a file of weights that PyTorch,
  /// TorchScript or safetensors has written (``CheckpointFiles``). The format is recognized from the content.
  ///
  /// Loading is strict: every tensor of the model is found, every tensor of the file is used, all shapes agree.
  ///
  /// - Parameters:
  ///   - precision: the precision of the products in linear layers; anything but float32 is an approximation.
  ///   - device: where the model computes, from `DeviceChoice.resolved()`.
  /// - Throws: ``CLIPError``, `TorchError`.
  public init(weights url: URL, precision: Precision = .float32, on device: Device = .cpu) throws {
    let checkpoint = try Checkpoint(at: url)
    try self.init(checkpoint, checkpoint.configuration(), precision: precision, on: device)
  }

  init(
    _ checkpoint: Checkpoint, _ configuration: CLIPConfiguration, precision: Precision = .float32,
    on device: Device = .cpu
  ) throws {
    do {
      try self.init(
        name: checkpoint.files.name, configuration: configuration,
        weights: CheckpointSource(checkpoint.tensors, precision: precision), on: device)
      (passedOver, otherModels) = (checkpoint.tensors.passedOver, checkpoint.tensors.otherModels)
    } catch let error as CLIPError {
      throw checkpoint.explanation(of: error, in: configuration)
    }
  }

  /// Builds the model from tensors with open_clip's names, on a device.
  ///
  /// - Throws: ``CLIPError``; `TorchError`, also where the device does not support the source's precision.
  public init(
    name: String, configuration: CLIPConfiguration, weights: some WeightSource, on device: Device = .cpu
  ) throws {
    let tf32 = try weights.precision.use(on: device)
    var weights = PlacedSource(weights, on: device)
    try self.init(name: name, configuration: configuration, weights: &weights)
    self.tf32 = tf32
  }

  private init(name: String, configuration: CLIPConfiguration, weights: inout some WeightSource) throws {
    self.name = name
    self.configuration = configuration
    precision = weights.precision
    imageEncoder =
      switch configuration.image {
      case .visionTransformer(let tower):
        try VisionTransformer(
          &weights, tower, embeddingWidth: configuration.embeddingWidth, activation: configuration.activation)
      case .modifiedResNet(let tower):
        try ModifiedResNet(&weights, tower, embeddingWidth: configuration.embeddingWidth)
      case .efficientNetLite(let tower):
        try EfficientNetLite(&weights, tower, embeddingWidth: configuration.embeddingWidth)
      }
    textEncoder = try TextEncoder(
      &weights, configuration.text, embeddingWidth: configuration.embeddingWidth, activation: configuration.activation)
    pixelTable =
      try textEncoder.device.isAccelerator ? configuration.preprocessing.table(on: textEncoder.device) : nil
    logitScale = try exp(weights.take("logit_scale", []).scalar())
    try weights.finish()
    tokenizer = try Tokenizer()
  }

  /// Builds a model of `configuration` as far as its tensors allow, to diagnose them.
  ///
  /// - Returns: the diagnosis, with the error that ended the building early, if there was one.
  static func diagnosis(
    of checkpoint: Checkpoint, as configuration: CLIPConfiguration
  ) throws -> (CheckpointDiagnosis, failure: (any UserFacingError)?) {
    var weights = DiagnosingSource(CheckpointSource(checkpoint.tensors))
    do {
      _ = try CLIPModel(name: checkpoint.files.name, configuration: configuration, weights: &weights)
      return (weights.diagnosis, nil)
    } catch let error as any UserFacingError {
      return (weights.diagnosis, error)
    }
  }

  /// A model with random weights, for measuring speed.
  package init(
    randomlyInitialized configuration: CLIPConfiguration, name: String, seed: UInt64, precision: Precision = .float32,
    on device: Device = .cpu
  ) throws {
    try self.init(
      name: name, configuration: configuration, weights: RandomSource(seed: seed, precision: precision), on: device)
  }

  /// The same model, resizing pictures with another filter than its checkpoint specifies.
  public func interpolating(by interpolation: Interpolation) -> CLIPModel {
    var model = self
    model.configuration.preprocessing.interpolation = interpolation
    return model
  }

  /// The same model with another image tower.
  package func encodingImages(by encoder: any ImageEncoder) -> CLIPModel {
    var model = self
    model.imageEncoder = encoder
    return model
  }

  /// Where the model computes.
  public var device: Device { textEncoder.device }

  /// How many images go through the image tower together on an accelerator, whose kernels are idle with few.
  package static let imagesPerAcceleratorPass = 256

  /// E: the width of the shared space.
  public var embeddingWidth: Int { configuration.embeddingWidth }
  /// How many numbers the image tower gives of an image: E, or twice as many where it gives two features.
  public var imageFeatureWidth: Int { embeddingWidth * imageEncoder.featuresPerImage }

  /// Unit features of square images, on the model's device, as ``Preprocessing/square(_:)`` or an augmentation makes them.
  ///
  /// - Returns: `[B, E]`, unit rows.
  public func imageFeatures(ofSquares squares: [Image]) throws -> Tensor {
    try imageEmbeddings(ofSquares: squares).unitRows()
  }

  /// The image tower's input for square images, on the model's device.
  ///
  /// - Returns: `[B, 3, size, size]`, the bits of ``Preprocessing/normalized(_:)``.
  package func pixels(ofSquares squares: [Image]) throws -> Tensor {
    try pixelTable.map { try configuration.preprocessing.normalized(squares, by: $0) }
      ?? configuration.preprocessing.normalized(squares)
  }

  /// The image tower's output for square images: their features before normalisation to unit length.
  ///
  /// - Returns: `[B, E]`, or ``imageFeatureWidth`` wide.
  public func imageEmbeddings(ofSquares squares: [Image]) throws -> Tensor {
    if device.isAccelerator {
      let passes = try squares.chunks(ofCount: Self.imagesPerAcceleratorPass).map {
        try imageEncoder(pixels(ofSquares: $0))
      }
      return try passes.isEmpty ? .zeros([0, imageFeatureWidth], on: device) : Tensor.concatenated(passes, axis: 0)
    }
    let groups = squares.chunks(ofCount: imageEncoder.imagesPerMicrobatch)
    @Sendable func encoded(_ squares: [Image]) throws -> Tensor {
      try imageEncoder(configuration.preprocessing.normalized(squares))
    }
    // Each thread takes whole groups, so that threads meet once and not in every operation: a core that another process
    // has slows one of them and stops none. What doesn't divide evenly goes through all threads together.
    let even = groups.count / Threads.count * Threads.count
    let passes = try Threads.map(Array(groups[..<even]), encoded) + groups[even...].map(encoded)
    return try passes.isEmpty ? .zeros([0, imageFeatureWidth]) : Tensor.concatenated(passes, axis: 0)
  }

  /// Unit features of pictures of any size.
  ///
  /// - Returns: `[B, E]`, unit rows.
  public func imageFeatures(of images: [Image]) throws -> Tensor {
    try imageFeatures(ofSquares: images.map(configuration.preprocessing.square))
  }
}

/// A frozen network from pixels to the space that images and texts share.
public protocol ImageEncoder: Sendable {
  /// - Parameter pixels: `[B, 3, H, W]`, normalised by ``Preprocessing``.
  /// - Returns: `[B, E]`, not of unit length; ``featuresPerImage`` of them one after another.
  func callAsFunction(_ pixels: Tensor) throws -> Tensor

  /// How many features of E numbers it gives of each image.
  var featuresPerImage: Int { get }

  /// The number of images at a time that a CPU encodes fastest: enough for large products, few enough for its caches.
  var imagesPerMicrobatch: Int { get }

  /// What distinguishes its features from those of the checkpoint's own tower, for caches; empty where nothing does.
  var detail: String { get }
}

extension ImageEncoder {
  public var detail: String { "" }
  public var featuresPerImage: Int { 1 }
}
