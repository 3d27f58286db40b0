import Support

/// What can go wrong in building, training or restoring prompts.
public enum LearningError: UserFacingError, Equatable {
  case noClasses
  case emptyClassName(index: Int)
  case emptyContext(words: String)
  /// A class name with its context that the model cannot read whole.
  case promptTooLong(className: String, tokens: Int, limit: Int)
  /// Class-specific contexts were asked for classes that they were not learned for.
  case classSpecific(count: Int, learnedFor: Int)
  /// A class is none of those that class-specific contexts were learned for.
  case noContexts(className: String, learnedFor: Int)
  case setting(name: String, expected: String, found: String)
  case noTrainingImages
  case noValidationImages
  /// Other classes were asked of a classifier that knows its own alone.
  case closedClasses(count: Int)
  /// The loss or a parameter stopped being a number.
  case diverged(epoch: Int, step: Int)
  /// Typical codes of a meta-network with another bottleneck.
  case codeWidth(expected: Int, means: Int, deviations: Int)
  /// A file that does not hold what a method has learned; `noun` is what was expected.
  case notAnArtifact(path: String, noun: String, reason: String)
  /// A method of another version of this program.
  case unknownMethod(id: String)
  /// An option that the method does not have.
  case noOption(name: String, method: String, known: [String])
  case version(path: String, found: Int, readable: Int)
  case otherModel(path: String, expected: String, found: String)
  case parameterShape(path: String, name: String, expected: [Int], found: [Int]?)
  case unexpectedTensors(path: String, names: [String])
  /// A folder or file that holds no prompts of the reference.
  case notReferencePrompts(path: String, reason: String)
  /// Prompts of another method, by its paper's name.
  case otherPrompts(path: String, method: String)
  /// Prompts of another backbone: a tensor's axis that stands for one of the model's widths has another length.
  case otherBackbone(path: String, tensor: String, axis: String, found: Int, model: String, expected: Int)
  /// A file of learned prompts cannot be made of prompts that nothing was learned for.
  case nothingLearned(path: String)
  /// Class names whose number is not that of the classes that prompts were learned on.
  case classCount(path: String, learnedFor: Int, named: Int)

  public var problem: String {
    switch self {
    case .noClasses: "There are no classes to tell apart"
    case .emptyClassName(let index): "Class \(index + 1) has an empty name"
    case .emptyContext(let words): "The context '\(words)' has no tokens"
    case .promptTooLong(let name, let tokens, let limit):
      "The prompt of class '\(name.prefix(60))\(name.count > 60 ? "…" : "")' has \(tokens) tokens, but the model reads \(limit)"
    case .classSpecific(let count, let learnedFor):
      "These contexts were learned for \(learnedFor) classes, one set each, and cannot serve \(count) others"
    case .noContexts(let name, let learnedFor):
      "These contexts were learned for \(learnedFor) classes, one set each, and there is none for '\(name)'"
    case .setting(let name, let expected, let found): "\(name) must be \(expected), found \(found)"
    case .noTrainingImages: "There are no training images"
    case .noValidationImages: "A linear probe chooses its penalty on validation images, but there are none"
    case .closedClasses(let count): "A linear probe knows the \(count) classes it was trained on and no others"
    case .diverged(let epoch, let step): "Training diverged in epoch \(epoch), step \(step): the loss is not a number"
    case .codeWidth(let expected, let means, let deviations):
      "The typical codes have \(means) means and \(deviations) deviations, but a code of these prompts has \(expected) numbers"
    case .notAnArtifact(let path, let noun, let reason): "\(path) holds no \(noun) of this package: \(reason)"
    case .unknownMethod(let id): "There is no method '\(id)'"
    case .noOption(let name, let method, _): "\(method) has no option '\(name)'"
    case .version(let path, let found, let readable):
      "\(path) has format version \(found), but this program reads version \(readable)"
    case .otherModel(let path, let expected, let found):
      "\(path) was learned on the model \(expected), but the model given is \(found)"
    case .parameterShape(let path, let name, let expected, let found?):
      "Tensor '\(name)' of \(path) has shape \(found), expected \(expected)"
    case .parameterShape(let path, let name, _, nil): "\(path) has no tensor '\(name)'"
    case .unexpectedTensors(let path, let names):
      "\(path) has unexpected tensors: \(names.prefix(5).joined(separator: ", "))"
    case .notReferencePrompts(let path, let reason): "\(path) holds no prompts of CoOp or CoCoOp: \(reason)"
    case .otherPrompts(let path, let method): "\(path) holds prompts of \(method), which this version does not read"
    case .otherBackbone(let path, let tensor, let axis, let found, let model, let expected):
      "\(path) was learned on another backbone than \(model): its '\(tensor)' is for \(axis) \(found) wide, but \(model) has \(expected)"
    case .nothingLearned(let path): "\(path) would hold no prompts: zero-shot CLIP learns none"
    case .classCount(let path, let learnedFor, let named):
      "\(path) was learned for \(learnedFor) classes, but \(named) are named"
    }
  }

  public var remedy: String? {
    switch self {
    case .noClasses: "Name at least one class"
    case .emptyClassName: "Give every class a name"
    case .emptyContext: "Give the context at least one word"
    case .promptTooLong: "Shorten the class name or the context"
    case .classSpecific, .noContexts: "Evaluate them on the classes they were learned for, or learn unified contexts"
    case .setting: nil
    case .noTrainingImages: "Give a dataset with images for training"
    case .noValidationImages: "Give a dataset with a validation part, or train another method"
    case .closedClasses: "Ask it about those alone, train it on the others too, or take a method with prompts"
    case .diverged: "Lower the learning rate"
    case .codeWidth: "Measure the codes with these prompts"
    case .notAnArtifact, .parameterShape, .unexpectedTensors: "Train again, or restore the file from a copy"
    case .unknownMethod: "Use a version of this program that has it"
    case .noOption(_, _, let known): known.isEmpty ? "It has none" : "Its options are \(known.joined(separator: ", "))"
    case .version: "Use the version of this program that wrote it"
    case .otherModel, .otherBackbone: "Name the model that it was learned on with --model"
    case .notReferencePrompts: "Give a model.pth.tar-N or model-best.pth.tar, or the output folder that holds it"
    case .otherPrompts: "Give prompts of CoOp or CoCoOp, or train one of this program's methods on the same photos"
    case .nothingLearned: "Give a run of coop or cocoop"
    case .classCount: "Name the classes that it was learned on, in their order"
    }
  }
}
