// Says what a picture shows, the likeliest class first: Classify PICTURE CLASS…
import CLIP
import Embedded
import Foundation
import Images
import PromptLearning

let image = try Image(contentsOf: URL(filePath: CommandLine.arguments[1]))
let classNames = Array(CommandLine.arguments.dropFirst(2))
let clip = try CLIPModel(weights: Embedded.tinyCLIP)
let prompts = try ZeroShotPrompts(for: classNames, template: "a photo of a {}.", clip: clip)
let probabilities = try Classifier(clip, prompts).probabilities(of: [image])[0]
for (name, probability) in zip(classNames, probabilities).sorted(by: { $0.1 > $1.1 }) {
  print(name, String(format: "%.1f %%", 100 * probability))
}
