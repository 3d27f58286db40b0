import Foundation
import Images
import Support
import Tokenization
import Torch

/// A frozen CLIP: pixels and prompts to one space, where the cosine says how well they go together.
///
/// Source: Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021.
public struct CLIPModel: Sendable {
  /// What the checkpoint is called: the name of its folder.
  public let name: String
  public private(set) var configuration: CLIPConfiguration
  public let imageEncoder: any ImageEncoder
  public let textEncoder: TextEncoder
  public let tokenizer: Tokenizer
  /// The factor that cosines are multiplied by, already exponentiated.
  public let logitScale: Float
  /// Of the products of linear layers; anything but float32 is an approximation.
  public let precision: Precision
  /// What lay beside the model in its checkpoint and is not used, by the file's names.
  public private(set) var passedOver: [String] = []
  /// What stands before further whole models of its checkpoint, which are among ``passedOver``.
  public private(set) var otherModels: [String] = []

  /// Loads a checkpoint: a folder in open_clip's or Hugging Face's form, or a file of weights that PyTorch, TorchScript
  /// or safetensors has written (``CheckpointFiles``). What it is, its content tells.
  ///
  /// Loading is strict: every tensor of the model is found, every tensor of the file is used, all shapes agree.
  ///
  /// - Parameter precision: of the products of linear layers; anything but float32 is an approximation.
  /// - Throws: ``CLIPError``, `TorchError`.
  public init(weights url: URL, precision: Precision = .float32) throws {
    let checkpoint = try Checkpoint(at: url)
    try self.init(checkpoint, checkpoint.configuration(), precision: precision)
  }

  init(_ checkpoint: Checkpoint, _ configuration: CLIPConfiguration, precision: Precision = .float32) throws {
    do {
      try self.init(
        name: checkpoint.files.name, configuration: configuration,
        weights: CheckpointSource(checkpoint.tensors, precision: precision))
      (passedOver, otherModels) = (checkpoint.tensors.passedOver, checkpoint.tensors.otherModels)
    } catch let error as CLIPError {
      throw checkpoint.explanation(of: error, in: configuration)
    }
  }

  /// Builds the model from tensors by open_clip's names.
  public init(name: String, configuration: CLIPConfiguration, weights: some WeightSource) throws {
    var weights = weights
    try self.init(name: name, configuration: configuration, weights: &weights)
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
    logitScale = try exp(weights.take("logit_scale", []).scalar())
    try weights.finish()
    tokenizer = try Tokenizer()
  }

  /// Builds a model of `configuration` as far as its tensors allow, to see what is odd about them.
  ///
  /// - Returns: also the error that ended the building early, if one did.
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

  /// A model with random weights, to measure speed on. It knows nothing.
  package init(
    randomlyInitialized configuration: CLIPConfiguration, name: String, seed: UInt64, precision: Precision = .float32
  ) throws {
    try self.init(
      name: name, configuration: configuration, weights: RandomSource(seed: seed, precision: precision))
  }

  /// The same model, resizing pictures in another way than its checkpoint states.
  public func interpolating(by interpolation: Interpolation) -> CLIPModel {
    var model = self
    model.configuration.preprocessing.interpolation = interpolation
    return model
  }

  /// E: the width of the shared space.
  public var embeddingWidth: Int { configuration.embeddingWidth }

  /// Unit features of square images, as ``Preprocessing/square(_:)`` or an augmentation makes them.
  ///
  /// - Returns: `[B, E]`, unit rows.
  public func imageFeatures(ofSquares squares: [Image]) throws -> Tensor {
    try imageEmbeddings(ofSquares: squares).unitRows()
  }

  /// What the image tower makes of square images: their features before they are brought to unit length.
  ///
  /// - Returns: `[B, E]`.
  public func imageEmbeddings(ofSquares squares: [Image]) throws -> Tensor {
    let passes = try squares.chunks(ofCount: imageEncoder.imagesPerMicrobatch).map { squares in
      try imageEncoder(configuration.preprocessing.normalized(squares))
    }
    return try passes.isEmpty ? .zeros([0, embeddingWidth]) : Tensor.concatenated(passes, axis: 0)
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
  /// - Parameter pixels: `[B, 3, H, W]`, normalised as ``Preprocessing`` says.
  /// - Returns: `[B, E]`, not of unit length.
  func callAsFunction(_ pixels: Tensor) throws -> Tensor

  /// How many images at a time are encoded fastest on a CPU: enough for large products, few enough for its caches.
  var imagesPerMicrobatch: Int { get }
}
