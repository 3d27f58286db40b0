import Support
import Torch

/// An error in building, training or restoring prompts.
public struct LearningError: UserFacingError, Equatable {
  public let problem: String
  public let remedy: String?

  package let kind: Kind

  /// The few errors that callers handle specially.
  package enum Kind: Sendable, Equatable {
    /// The requested classes are not supported by what was learned.
    case classes
    case diverged, notNumbers, codeWidth, version, otherModel
    case other
  }

  private init(_ problem: String, remedy: String? = nil, kind: Kind = .other) {
    (self.problem, self.remedy, self.kind) = (problem, remedy, kind)
  }
}

extension LearningError {
  public static var noClasses: Self {
    Self("There are no classes to tell apart", remedy: "Name at least one class", kind: .classes)
  }

  public static func emptyClassName(index: Int) -> Self {
    Self("Class \(index + 1) has an empty name", remedy: "Give every class a name", kind: .classes)
  }

  public static func emptyContext(words: String) -> Self {
    Self("The context '\(words)' has no tokens", remedy: "Give the context at least one word")
  }

  /// A class name that is too long for the model together with its context.
  public static func promptTooLong(className name: String, tokens: Int, limit: Int) -> Self {
    Self(
      "The prompt of class '\(name.prefix(60))\(name.count > 60 ? "…" : "")' has \(tokens) tokens, but the model reads \(limit)",
      remedy: "Shorten the class name or the context", kind: .classes)
  }

  /// Class-specific contexts were requested for classes that they were not learned for.
  public static func classSpecific(count: Int, learnedFor: Int) -> Self {
    Self(
      "These contexts were learned for \(learnedFor) classes, one set each, and cannot serve \(count) others",
      remedy: "Evaluate them on the classes they were learned for, or learn unified contexts", kind: .classes)
  }

  /// A class without learned class-specific contexts.
  public static func noContexts(className name: String, learnedFor: Int) -> Self {
    Self(
      "These contexts were learned for \(learnedFor) classes, one set each, and there is none for '\(name)'",
      remedy: "Evaluate them on the classes they were learned for, or learn unified contexts", kind: .classes)
  }

  /// A training that several processes cannot share.
  package static func undividable(_ reason: String) -> Self {
    Self(
      "\(reason), so that the training cannot be divided over processes",
      remedy: "Start it as one process, or with --processes off")
  }

  public static func setting(name: String, expected: String, found: String) -> Self {
    Self("\(name) must be \(expected), found \(found)")
  }

  public static var noTrainingImages: Self {
    Self("There are no training images", remedy: "Give a dataset with images for training")
  }

  public static var noValidationImages: Self {
    Self(
      "A linear probe chooses its penalty on validation images, but there are none",
      remedy: "Give a dataset with a validation part, or train another method")
  }

  /// Other classes were asked of a classifier that knows its own alone.
  public static func closedClasses(count: Int, noun: String = "A linear probe") -> Self {
    Self(
      "\(noun) knows the \(count) classes it was trained on and no others",
      remedy: "Ask it about those alone, train it on the others too, or take a method with prompts", kind: .classes)
  }

  /// The loss or a parameter stopped being a number.
  ///
  /// - Parameter precision: that of the products; float16 has no numbers above 65,504.
  public static func diverged(epoch: Int, step: Int, in precision: Precision = .float32) -> Self {
    let (what, remedy) =
      precision == .float16
      ? ("the loss or a gradient is not a number in float16", "Give --precision bfloat16 or float32, or lower")
      : ("the loss is not a number", "Lower")
    return Self(
      "Training diverged in epoch \(epoch), step \(step): \(what)", remedy: remedy + " the learning rate",
      kind: .diverged)
  }

  /// A training all of whose steps were skipped.
  static func nothingLearned(in precision: Precision) -> Self {
    Self(
      "Nothing was learned: the gradients of all steps were not finite in \(precision.rawValue)",
      remedy: "Give --precision bfloat16 or float32", kind: .diverged)
  }

  /// Answers that are not numbers: infinite, or none at all.
  ///
  /// - Parameters:
  ///   - answers: what is not a number, such as "The probabilities of a.jpg".
  ///   - precision: that of the products; float16 has no numbers above 65,504.
  package static func notNumbers(_ answers: String, in precision: Precision) -> Self {
    let remedy =
      switch precision {
      case .float16: "Give --precision bfloat16 or float32"
      case .bfloat16, .tf32: "Give --precision float32"
      case .float32: "Use another model or run"
      }
    return Self("\(answers) are not numbers in \(precision.rawValue)", remedy: remedy, kind: .notNumbers)
  }

  /// Code statistics of a meta-network with another bottleneck.
  public static func codeWidth(expected: Int, means: Int, deviations: Int) -> Self {
    Self(
      "The typical codes have \(means) means and \(deviations) deviations, but a code of these prompts has \(expected) numbers",
      remedy: "Measure the codes with these prompts", kind: .codeWidth)
  }

  /// A file without the expected learned content; `noun` is what was expected.
  public static func notAnArtifact(path: String, noun: String, reason: String) -> Self {
    Self("\(path) holds no \(noun) of this package: \(reason)", remedy: "Train again, or restore the file from a copy")
  }

  /// A method that this version of the program does not know.
  public static func unknownMethod(id: String) -> Self {
    Self("There is no method '\(id)'", remedy: "Use a version of this program that has it")
  }

  /// An option that the method does not have.
  public static func noOption(name: String, method: String, known: [String]) -> Self {
    Self(
      "\(method) has no option '\(name)'",
      remedy: known.isEmpty ? "It has none" : "Its options are \(known.joined(separator: ", "))")
  }

  public static func version(path: String, found: Int, readable: Int) -> Self {
    Self(
      "\(path) has format version \(found), but this program reads version \(readable)",
      remedy: "Use the version of this program that wrote it", kind: .version)
  }

  public static func otherModel(path: String, expected: String, found: String) -> Self {
    Self(
      "\(path) was learned on the model \(expected), but the model given is \(found)",
      remedy: "Name the model that it was learned on with --model", kind: .otherModel)
  }

  public static func parameterShape(path: String, name: String, expected: [Int], found: [Int]?) -> Self {
    Self(
      found.map { "Tensor '\(name)' of \(path) has shape \($0), expected \(expected)" }
        ?? "\(path) has no tensor '\(name)'",
      remedy: "Train again, or restore the file from a copy")
  }

  public static func unexpectedTensors(path: String, names: [String]) -> Self {
    Self(
      "\(path) has unexpected tensors: \(names.prefix(5).joined(separator: ", "))",
      remedy: "Train again, or restore the file from a copy")
  }

  /// A folder or file without prompts of the reference.
  public static func notReferencePrompts(path: String, reason: String) -> Self {
    Self(
      "\(path) holds no prompts of CoOp or CoCoOp: \(reason)",
      remedy: "Give a model.pth.tar-N or model-best.pth.tar, or the output folder that holds it")
  }

  /// A file that does not give each class as many sentences.
  public static func sentences(path: String, reason: String) -> Self {
    Self(
      "\(path) does not give sentences about the classes: \(reason)",
      remedy: "Give a file of JSON with a list of sentences by the name of each class, all of one length")
  }

  /// Files that are no cache of Tip-Adapter's.
  public static func noCache(path: String, reason: String) -> Self {
    Self(
      "\(path) holds no cache of Tip-Adapter's: \(reason)",
      remedy: "Give the folder with keys_Kshots.pt and values_Kshots.pt, or with best_F_Kshots.pt for tip-adapter-f")
  }

  /// A cache whose classes have no names.
  public static func unnamedCache(path: String, classes: Int) -> Self {
    Self(
      "\(path) holds votes for \(classes) classes, but not their names",
      remedy: "Name them with --data or --classes-file, in the order that the cache was made with")
  }

  /// Prompts of another method, by its paper's name.
  public static func otherPrompts(path: String, method: String) -> Self {
    Self(
      "\(path) holds prompts of \(method), which this version does not read",
      remedy: "Give prompts of CoOp or CoCoOp, or train one of this program's methods on the same photos")
  }

  /// Prompts of another backbone: a tensor's axis for one of the model's widths has another length.
  public static func otherBackbone(path: String, tensor: String, axis: String, found: Int, model: String, expected: Int)
    -> Self
  {
    Self(
      "\(path) was learned on another backbone than \(model): its '\(tensor)' is for \(axis) \(found) wide, but \(model) has \(expected)",
      remedy: "Name the model that it was learned on with --model")
  }

  /// A file of learned prompts was requested for prompts that nothing was learned for.
  public static func nothingLearned(path: String) -> Self {
    Self("\(path) would hold no prompts: zero-shot CLIP learns none", remedy: "Give a run of coop or cocoop")
  }

  /// A number of class names that differs from the number of classes that prompts were learned on.
  public static func classCount(path: String, learnedFor: Int, named: Int) -> Self {
    Self(
      "\(path) was learned for \(learnedFor) classes, but \(named) are named",
      remedy: "Name the classes that it was learned on, in their order")
  }
}
