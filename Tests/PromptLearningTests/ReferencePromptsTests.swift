import CLIP
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("Prompts of the reference come in and go out unchanged")
struct ReferencePromptsTests {
  private static let output = Bundle.module.bundleURL.appending(path: "Fixtures/reference")
  private static let identity = ModelIdentity(name: "tiny-clip", sha256: "0")

  @Test("The newest file of an output folder, of its inner folder, and the file itself are the same prompts")
  func places() throws {
    for place in ["", "prompt_learner", "prompt_learner/model.pth.tar-2"] {
      let prompts = try ReferencePrompts(at: Self.output.appending(path: place))
      #expect(prompts.url.lastPathComponent == "model.pth.tar-2")
      #expect(prompts.method == .cocoop && prompts.precision == .float16)
      #expect(prompts.classCount == 2 && prompts.epoch == 2 && prompts.validationResult == nil)
      #expect(prompts.parameters["ctx"]?.shape == [4, 256])
      #expect(prompts.parameters.keys.sorted() == ConditionalPrompts.parameterNames.sorted())
    }
  }

  @Test("Export, import and export give equal bytes, in either precision", arguments: [Tensor.Kind.float16, .float32])
  func roundTrip(precision: Tensor.Kind) throws {
    let clip = try TinyCLIP.clip
    let imported = try ReferencePrompts(at: Self.output)
    let prompts = try imported.checkpoint(on: clip, identity: Self.identity, classNames: ["cat", "hot dog"])
    let training = ReferencePrompts.Training(epoch: 2, learningRate: 0.002, validationResult: 81.5)
    try withTemporaryFolder { folder in
      try ReferencePrompts.write(prompts, on: clip, training, precision: precision, toFolder: folder)
      let again = try ReferencePrompts(at: folder)
      #expect(again.precision == precision && again.epoch == 2 && again.validationResult == 81.5)
      for (name, tensor) in imported.parameters {
        #expect(try again.parameters[name]?.bytes() == tensor.bytes(), "\(name)")
      }
      let second = folder.appending(path: "again.pth.tar")
      try ReferencePrompts.write(
        again.checkpoint(on: clip, identity: Self.identity, classNames: ["cat", "hot dog"]), on: clip, training,
        precision: precision, to: second)
      #expect(try Data(contentsOf: second) == Data(contentsOf: ReferencePrompts.file(ofEpoch: 2, in: folder)))
      let archive = try TorchArchive(contentsOf: second)
      #expect(archive.shape(of: "state_dict.token_prefix") == [2, 1, 256])
      #expect(archive.shape(of: "state_dict.token_suffix") == [2, 72, 256])
    }
  }

  // MARK: Refusals

  /// The message about a file with these tensors, with its path as FILE.
  private func refusal(_ tensors: [(String, [Int])], classNames: [String] = []) throws -> String {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.pth.tar-1")
      let state = try tensors.map { (key: $0.0, value: SavedValue.tensor(try .zeros($0.1))) }
      try TorchArchive.write(.dictionary([("state_dict", .dictionary(state)), ("epoch", .integer(1))]), to: url)
      let text = message {
        try ReferencePrompts(at: url).checkpoint(on: TinyCLIP.clip, identity: Self.identity, classNames: classNames)
      }
      return text.replacing(url.path, with: "FILE")
    }
  }

  private static let metaNetwork = [
    ("meta_net.linear1.weight", [32, 512]), ("meta_net.linear1.bias", [32]), ("meta_net.linear2.weight", [256, 32]),
    ("meta_net.linear2.bias", [256]),
  ]

  @Test("Prompts of another backbone are refused by name and number")
  func otherBackbone() throws {
    #expect(
      try refusal([("ctx", [4, 512])])
        == "FILE was learned on another backbone than tiny-clip: its 'ctx' is for a text tower 512 wide, but tiny-clip has "
        + "256. Name the model that it was learned on with --model.")
    var network = Self.metaNetwork
    network[0].1 = [64, 1024]
    #expect(
      try refusal([("ctx", [4, 256])] + network).contains(
        "'meta_net.linear1.weight' is for image features 1024 wide, but tiny-clip has 512"))
    network = Self.metaNetwork
    network[1].1 = [64]
    #expect(try refusal([("ctx", [4, 256])] + network).contains("has shape [64], expected [32]"))
  }

  @Test("What are no prompts of CoOp or CoCoOp is refused with a reason")
  func noPrompts() throws {
    #expect(
      try refusal([("visual.proj", [2, 2])]).contains("it has tensors such as 'state_dict.visual.proj', but no 'ctx'"))
    #expect(
      try refusal([("ctx", [4, 256]), ("vctx", [4, 256])]).contains("unexpected tensors: vctx"))
    #expect(try refusal([("ctx", [256])]).contains("Tensor 'ctx' of FILE has shape [256]"))
    #expect(
      try refusal([("ctx", [4, 256])] + Self.metaNetwork.dropLast()).contains("has no tensor 'meta_net.linear2.bias'"))
    #expect(
      try refusal([("ctx", [3, 4, 256]), ("token_prefix", [2, 1, 256])]).contains(
        "contexts for 3 classes, but token prefixes for 2"))
  }

  @Test("As many classes must be named as the prompts were learned for")
  func classCount() throws {
    #expect(
      try refusal([("ctx", [3, 4, 256])], classNames: ["a", "b"])
        == "FILE was learned for 3 classes, but 2 are named. Name the classes that it was learned on, in their order.")
    #expect(
      try refusal([("ctx", [4, 256]), ("token_prefix", [3, 1, 256])], classNames: ["a", "b"]).contains(
        "learned for 3 classes"))
    #expect(try refusal([("ctx", [3, 4, 256])], classNames: ["a", "b", "c"]) == "no error")
  }

  @Test("A folder without prompts, or whose text names none, is refused")
  func folders() throws {
    try withTemporaryFolder { folder in
      #expect(!ReferencePrompts.mayStand(at: folder))
      #expect(
        message(in: folder) { try ReferencePrompts(at: folder) }.contains(
          "neither model-best.pth.tar nor model.pth.tar-N"))
      try Data("../secret\n".utf8).write(to: folder.appending(path: "checkpoint"))
      #expect(
        message(in: folder) { try ReferencePrompts(at: folder) }.contains("names '../secret', which is not there"))
      #expect(
        message(in: folder) { try ReferencePrompts(at: folder.appending(path: "no")) }.contains("nothing at this path"))
    }
  }
}
