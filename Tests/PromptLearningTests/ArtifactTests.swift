import CLIP
import Datasets
import Foundation
import PromptLearning
import Testing
import TestSupport
import Torch

@Suite("Prompts in a file are restored whole")
struct ArtifactTests {
  let clip: CLIPModel
  let images: Tensor

  init() throws {
    clip = try TinyCLIP.clip
    images = try SavedTraining.images
  }

  private func roundTrip(_ checkpoint: Artifact) throws -> Artifact {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "prompts.safetensors")
      try checkpoint.write(to: file)
      return try Artifact(contentsOf: file)
    }
  }

  private func expectSameClassifier(_ restored: Artifact, _ learner: some PromptLearner) throws {
    let again = try restored.classifier(on: clip, identity: SavedTraining.identity, path: "file")
    #expect(again.classNames == learner.classNames)
    let expected = try Classifier(clip, learner).logits(ofEmbeddings: images, within: .automatic)
    #expect(try again.logits(ofEmbeddings: images, within: .automatic).bytes() == expected.bytes())
  }

  @Test("CoCoOp, with what its training needs")
  func cocoop() throws {
    let trainer = try SavedTraining.trained(ConditionalPrompts(for: SavedTraining.names, clip: clip))
    let restored = try roundTrip(Artifact(trainer, of: .cocoop, model: SavedTraining.identity, resumable: true))
    try expectSameClassifier(restored, trainer.classifier.learner)
    #expect(restored.description.method == .cocoop)
    #expect(restored.description.model == SavedTraining.identity)
    let training = try #require(restored.training)
    #expect(training.configuration == trainer.configuration)
    #expect((training.seed, training.state.completedEpochs) == (.max, 1))
    #expect(training.state.generator == trainer.state.generator)
    #expect(
      try training.state.optimizer.velocities.map { try $0.bytes() }
        == trainer.state.optimizer.velocities.map { try $0.bytes() })
  }

  @Test("CoOp in every form", arguments: ContextPosition.allCases, [false, true])
  func coop(position: ContextPosition, isClassSpecific: Bool) throws {
    let trainer = try SavedTraining.trained(
      ContextPrompts(for: SavedTraining.names, position: position, isClassSpecific: isClassSpecific, clip: clip))
    for isResumable in [false, true] {
      let restored = try roundTrip(
        Artifact(
          trainer, of: .coop, context: ContextSettings(position: position), model: SavedTraining.identity,
          resumable: isResumable))
      try expectSameClassifier(restored, trainer.classifier.learner)
      #expect(restored.description.position == position)
      #expect((restored.training != nil) == isResumable)
    }
  }

  @Test("an ensemble of templates")
  func zeroShot() throws {
    let learner = try ZeroShotPrompts(
      for: SavedTraining.names, templates: PromptTemplate.ensemble(for: "DTD"), clip: clip)
    let restored = try roundTrip(Artifact(learner, model: SavedTraining.identity))
    try expectSameClassifier(restored, learner)
    #expect(restored.parameters.isEmpty && restored.training == nil)
    #expect(restored.description.method == .zeroShotEnsemble)
  }

  @Test("learned prompts serve other classes")
  func otherClasses() throws {
    let learner = try ConditionalPrompts(for: SavedTraining.names, clip: clip)
    let restored = try roundTrip(
      Artifact(SavedTraining.trained(learner), of: .cocoop, model: SavedTraining.identity, resumable: false))
    let other = try restored.classifier(
      on: clip, identity: SavedTraining.identity, classNames: ["a", "b", "c"], path: "file")
    #expect(other.classNames == ["a", "b", "c"])
    #expect(
      message { try restored.classifier(on: clip, identity: SavedTraining.identity, classNames: [], path: "file") }
        == "There are no classes to tell apart. Name at least one class.")
  }

  @Test("equal prompts make equal files")
  func determinism() throws {
    let checkpoint = try Artifact(
      SavedTraining.trained(ConditionalPrompts(for: SavedTraining.names, clip: clip)), of: .cocoop,
      model: SavedTraining.identity, resumable: true)
    let files = try withTemporaryFolder { folder in
      try (0..<2).map { index in
        let file = folder.appending(path: "\(index).safetensors")
        try checkpoint.write(to: file)
        return try Data(contentsOf: file)
      }
    }
    #expect(files[0] == files[1])
  }
}
