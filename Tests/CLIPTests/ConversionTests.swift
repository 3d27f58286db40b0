import CLIP
import Foundation
import Images
import Testing
import TestSupport
import Torch

@Suite("A conversion changes the form and nothing else")
struct ConversionTests {
  @Test("there and back again, every tensor is the same to the last bit")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let hf = try SmallCheckpoint.writeHuggingFace(to: folder.appending(path: "hf"))
      let back = folder.appending(path: "back")
      try Checkpoint(at: hf).convert(to: back, for: .openCLIP, precision: .float32, replacing: false)
      let file = try SafetensorsFile(contentsOf: back.appending(path: "open_clip_model.safetensors"))
      let original = try SmallCheckpoint.tensors
      #expect(file.names == original.keys.sorted())
      for name in file.names {
        #expect(try file.tensor(name).shape == original[name]?.shape, "\(name)")
        #expect(try file.tensor(name).bytes() == original[name]?.bytes(), "\(name)")
      }
      var configuration = SmallCheckpoint.configuration
      for form in [hf, back] { #expect(try Checkpoint(at: form).configuration() == configuration) }
      configuration.activation = .gelu
      #expect(try Checkpoint(at: back).configuration() != configuration)
    }
  }

  @Test("16 bits", arguments: [Tensor.Kind.float16, .bfloat16])
  func precision(kind: Tensor.Kind) throws {
    try withTemporaryFolder { folder in
      let source = try SmallCheckpoint.writeOpenCLIP(to: folder.appending(path: "source"))
      for target in Checkpoint.Target.allCases {
        let converted = folder.appending(path: target.rawValue)
        try Checkpoint(at: source).convert(to: converted, for: target, precision: kind, replacing: false)
        let tensors = try Checkpoint(at: converted).tensors
        #expect(tensors.names.allSatisfy { tensors.kind(of: $0) == kind })
        #expect(
          try SmallCheckpoint.features(of: CLIPModel(weights: converted)) == SmallCheckpoint.expectedFeatures())
      }
    }
  }

  /// A case with a name, so that a test run prints one line for each.
  struct Named: CustomTestStringConvertible, Sendable {
    let configuration: CLIPConfiguration
    var testDescription: String { "\(configuration.image), E \(configuration.embeddingWidth)" }
  }

  static let configurations: [CLIPConfiguration] =
    OpenAIModel.allCases.map { .openAI($0) } + [
      CLIPConfiguration(
        embeddingWidth: 1280,
        image: .visionTransformer(
          .init(
            imageSize: 224, patchSize: 14, width: 1664, layers: 48, heads: 16, mlpWidth: 8192, normEpsilon: 1e-6)
        ), text: .init(width: 1280, heads: 20, layers: 32, mlpWidth: 5119), activation: .gelu,
        preprocessing: Preprocessing(
          size: 224, mean: [0.1, 0.2, 0.3], standardDeviation: [1, 0.7, 1.0 / 3], interpolation: .bilinear,
          resizeMode: .squash)),
      CLIPConfiguration(
        embeddingWidth: 512,
        image: .visionTransformer(
          .init(
            imageSize: 240, patchSize: 16, width: 512, layers: 3, heads: 8, hasLayerScale: true, hasInputNorm: false,
            pooling: .averageOfPatches, normalizesAfterPooling: true)),
        text: .init(tokenLimit: 20, vocabularySize: 49500, hasLayerScale: true, projection: .biased),
        activation: .gelu, preprocessing: .openAI(size: 240)),
      CLIPConfiguration(
        embeddingWidth: 512, image: .efficientNetLite(.init(variant: .lite3, projection: .linear(hasBias: true))),
        text: .init(projection: .none), activation: .quickGELU, preprocessing: .openAI(size: 300)),
    ]

  @Test("a configuration is read as it was written, in both forms", arguments: configurations.map(Named.init))
  func configuration(named: Named) throws {
    let configuration = named.configuration
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "open_clip_config.json")
      try configuration.openCLIPFile().write(to: file)
      #expect(try CLIPConfiguration(openCLIP: file) == configuration)
      guard let (model, preprocessing) = try? configuration.huggingFaceFiles() else { return }
      try model.write(to: folder.appending(path: "config.json"))
      try preprocessing.write(to: folder.appending(path: "preprocessor_config.json"))
      #expect(try CLIPConfiguration(huggingFace: folder) == configuration)
    }
  }

  @Test("what a form cannot say is refused by name")
  func noCounterpart() throws {
    func writing(_ change: (inout CLIPConfiguration) -> Void) -> String {
      var configuration = CLIPConfiguration.openAI(.viTB16)
      change(&configuration)
      return message { try configuration.huggingFaceFiles() }
    }
    #expect(
      writing { $0 = .openAI(.rn50) }
        == "RN50 has no form as Hugging Face's CLIPModel: there is none for its image tower, which is no transformer. "
        + "Choose another form.")
    #expect(writing { $0.text.projection = .biased }.contains("there is none for its projection of texts."))
    #expect(
      writing { $0.preprocessing.resizeMode = .longest }.contains("there is none for resizing by the longest edge."))
    #expect(writing { $0.text.hasLayerScale = true }.contains("there is none for layer scale."))
    #expect(writing { _ in } == "no error")
  }

  @Test("a folder is replaced where an earlier conversion wrote it, and on request")
  func replacing() throws {
    try withTemporaryFolder { folder in
      let checkpoint = try Checkpoint(at: SmallCheckpoint.writeOpenCLIP(to: folder.appending(path: "source")))
      let target = folder.appending(path: "target")
      func convert(_ form: Checkpoint.Target, replacing: Bool) -> String {
        message(in: folder) {
          try checkpoint.convert(to: target, for: form, precision: .float16, replacing: replacing)
        }
      }
      func contents(_ url: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
      }
      #expect(convert(.openCLIP, replacing: false) == "no error")
      #expect(try contents(target) == ["open_clip_config.json", "open_clip_model.safetensors"])
      #expect(
        convert(.huggingFace, replacing: false)
          == "There is something at FOLDER/target already. Choose another folder, or replace it with --force.")
      #expect(convert(.huggingFace, replacing: true) == "no error")
      #expect(
        try contents(target) == [
          "config.json", "merges.txt", "model.safetensors", "preprocessor_config.json", "special_tokens_map.json",
          "tokenizer_config.json", "vocab.json",
        ])
      try Data().write(to: target.appending(path: "notes.txt"))
      #expect(
        convert(.openCLIP, replacing: true)
          == "FOLDER/target holds more than a converted checkpoint, and is not replaced. Choose another folder.")
      #expect(try contents(folder) == ["source", "target"])
    }
  }

  @Test("what would not load is not converted, and leaves nothing")
  func damaged() throws {
    try withTemporaryFolder { folder in
      var tensors = try SmallCheckpoint.tensors
      tensors["ln_final.bias"] = try Tensor([Float](repeating: .nan, count: 64), shape: [64])
      let source = try SmallCheckpoint.writeOpenCLIP(to: folder.appending(path: "source"), tensors)
      let target = folder.appending(path: "target")
      let text = message {
        try Checkpoint(at: source).convert(
          to: target, for: .openCLIP, precision: .float32, replacing: false)
      }
      #expect(
        text.hasPrefix("Tensor 'ln_final.bias' of open_clip_model.safetensors holds a number that is not finite."))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["source"])
      let lost = folder.appending(path: "no/where")
      let sound = try SmallCheckpoint.writeOpenCLIP(to: folder.appending(path: "source"))
      #expect(
        message(in: folder) {
          try Checkpoint(at: sound).convert(to: lost, for: .openCLIP, precision: .float32, replacing: false)
        } == "Cannot write FOLDER/no/where: No such file or directory. "
          + "Choose a folder that exists, is writable and has room.")
    }
  }
}
