// Says what a picture shows, the likeliest class first: Classify PICTURE CLASS…
import CLIP
import Embedded
import Foundation
import Images
import PromptLearning

let image = try Image(contentsOf: URL(filePath: CommandLine.arguments[1]))
let classNames = Array(CommandLine.arguments.dropFirst(2))
let clip = try CLIPModel(weights: Embedded.tinyCLIP)
let classifier = try Classifier(clip, ZeroShotPrompts(for: classNames, clip: clip))
let probabilities = try classifier.probabilities(for: clip.imageFeatures(of: [image])).floats()
for (name, probability) in zip(classNames, probabilities).sorted(by: { $0.1 > $1.1 }) {
  print(name, String(format: "%.1f %%", 100 * probability))
}
