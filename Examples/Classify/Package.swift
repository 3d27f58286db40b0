// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "Classify",
  platforms: [.macOS(.v15)],
  dependencies: [
    // Put the address of the repository that you use here.
    .package(url: "https://example.org/cocoop.git", from: "0.1.0")
  ],
  targets: [
    .executableTarget(
      name: "Classify",
      dependencies: [
        .product(name: "CLIP", package: "cocoop"),
        .product(name: "Embedded", package: "cocoop"),
        .product(name: "Images", package: "cocoop"),
        .product(name: "PromptLearning", package: "cocoop"),
      ])
  ]
)
