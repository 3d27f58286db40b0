// swift-tools-version: 6.1
import PackageDescription

// The order of the targets is the reading order, and each may depend only on those above it:
// Torch has never heard of CLIP, CLIP has never heard of prompts that learn, and only `cocoop`
// touches the outside world. docs/architecture.md draws the arrows.
//
// A target names everything that it imports, not only what is nearest: SwiftPM builds a target anew when one that it
// names has changed, and links stale code where it was not told.

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "cocoop",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "PromptLearning", targets: ["PromptLearning"]),
    .library(name: "CLIP", targets: ["CLIP"]),
    .library(name: "Tokenization", targets: ["Tokenization"]),
    .library(name: "Datasets", targets: ["Datasets"]),
    .library(name: "Images", targets: ["Images"]),
    .library(name: "ClassificationMetrics", targets: ["ClassificationMetrics"]),
    .library(name: "Embedded", targets: ["Embedded"]),
    .library(name: "Torch", targets: ["Torch"]),
    .library(name: "Support", targets: ["Support"]),
    .executable(name: "cocoop", targets: ["cocoop"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: ["FullFoundation"]),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.1"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.36.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    // SHA-256; Apple's systems bring their own.
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    // Errors that say what is wrong and what to do, files that are written whole or not at all, hashes and seeded draws.
    .target(
      name: "Support", dependencies: [.target(name: "CCrypto", condition: .when(platforms: [.linux]))],
      swiftSettings: swiftSettings),

    // Python's pickles and the archives of torch.save, as data: nothing of a file is ever run.
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .target(name: "Pickle", dependencies: ["CZlib", "Support"], swiftSettings: swiftSettings),

    // Tensors: a C shim over libtorch, and Swift values over the shim.
    .systemLibrary(name: "CLibtorch", pkgConfig: "libtorch"),
    .target(
      name: "CTorch", dependencies: ["CLibtorch"],
      // Each file includes the operators that it calls: all of them take twice as long to compile as the files.
      cxxSettings: [.define("AT_PER_OPERATOR_HEADERS"), .headerSearchPath("Declarations")]),
    .target(name: "Torch", dependencies: ["CTorch", "Support", "Pickle"], swiftSettings: swiftSettings),

    // Archives: tar, gzip and zip, entry by entry.
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"]), .brew(["libarchive"])]),
    .target(name: "Archives", dependencies: ["CArchive", "Support"], swiftSettings: swiftSettings),

    // Tars of labelled images as the field packs them: lists of names, members, samples.
    .target(name: "WebDataset", dependencies: ["Archives", "CZlib", "Support"], swiftSettings: swiftSettings),

    // Pixels: the decoders that Pillow uses, and Pillow's resampling.
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"]), .brew(["webp"])]),
    .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"]), .brew(["libtiff"])]),
    .systemLibrary(name: "CGIF", providers: [.apt(["libgif-dev"]), .brew(["giflib"])]),
    .target(
      name: "CImageCodecs", dependencies: ["CJPEG", "CPNG", "CWebP", "CTIFF", "CGIF"],
      linkerSettings: [.linkedLibrary("gif")]),  // it has no file for pkg-config
    .target(name: "Images", dependencies: ["CImageCodecs", "WebDataset", "Support"], swiftSettings: swiftSettings),

    // MATLAB files, as the annotations of two benchmarks are.
    .target(name: "MatFiles", dependencies: ["CZlib", "Support"], swiftSettings: swiftSettings),

    // Paths, labels, few-shot samples: no pixels.
    .target(
      name: "Datasets", dependencies: ["Support", "MatFiles", "Pickle", "WebDataset"], swiftSettings: swiftSettings),

    // Models by name on this machine, in the caches where other tools look for them: no requests.
    .target(
      name: "NamedModels", dependencies: ["Support"], resources: [.copy("Resources/models.json")],
      swiftSettings: swiftSettings),

    // Models and datasets from the network, into those caches and into folders in the reference's layout.
    .target(
      name: "Acquisition",
      dependencies: [
        "CArchive", "Archives", "Support", "MatFiles", "Datasets", "NamedModels",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      resources: [.copy("Resources/splits")],
      swiftSettings: swiftSettings),

    // Text to token ids, without libtorch.
    .target(
      name: "Tokenization", dependencies: ["Support"],
      resources: ["merges", "characters", "entities"].map { .copy("Resources/\($0).txt") },
      swiftSettings: swiftSettings),

    // What right and wrong answers say of a classifier: numbers alone.
    .target(name: "ClassificationMetrics", dependencies: ["Support"], swiftSettings: swiftSettings),

    // The frozen model, the learners on top of it, and what a run leaves behind.
    .target(
      name: "CLIP",
      dependencies: ["Support", "Torch", "Images", "Tokenization"],
      swiftSettings: swiftSettings),
    .target(
      name: "PromptLearning",
      dependencies: ["Support", "Torch", "Images", "Tokenization", "Datasets", "ClassificationMetrics", "CLIP"],
      swiftSettings: swiftSettings),
    .target(
      name: "Embedded", resources: [.copy("Resources/tiny-clip"), .copy("Resources/openclipart")],
      swiftSettings: swiftSettings),

    // What a run leaves behind and how it is made: folders, locks, records, the training session, loaded runs.
    .target(
      name: "Runs",
      dependencies: [
        "Support", "NamedModels", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning",
        "Embedded",
      ],
      swiftSettings: swiftSettings),

    // What `predict` and the server need, and no more.
    .target(
      name: "Prediction",
      dependencies: ["WebDataset", "Support", "Torch", "Images", "Datasets", "CLIP", "PromptLearning", "Runs"],
      swiftSettings: swiftSettings),

    // A classifier as a graph that other runtimes compute: ONNX's format, written without a library.
    .target(
      name: "Export",
      dependencies: ["Support", "Torch", "Images", "Datasets", "CLIP", "PromptLearning", "Runs"],
      swiftSettings: swiftSettings),

    // The paper's comparisons, as trials.
    .target(
      name: "Reproduction",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning", "Embedded", "Runs",
      ],
      resources: [.copy("Resources/paper-results.json")],
      swiftSettings: swiftSettings),

    // Runs as a page for people.
    .target(
      name: "Report",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning", "Runs",
        "Reproduction",
      ],
      resources: [.copy("Resources/report.css")], swiftSettings: swiftSettings),

    // The reference's configuration files, command line and output folders.
    .target(
      name: "Compatibility",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning", "Runs",
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: swiftSettings),
    // A trained prompt as a service: HTTP, batching, a page to try it.
    .target(
      name: "CocoopServer",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "CLIP", "PromptLearning", "Runs",
        "Prediction",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
      ],
      resources: [.copy("Resources/page")],
      swiftSettings: swiftSettings),
    .target(name: "CStartup"),
    .executableTarget(
      name: "cocoop",
      dependencies: [
        "CStartup", "Support", "NamedModels", "Acquisition", "Torch", "Images", "Datasets", "ClassificationMetrics",
        "CLIP",
        "PromptLearning", "Embedded", "Runs", "Prediction", "Export", "Reproduction", "Report", "Compatibility",
        "CocoopServer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings),

    // Models, fixtures and damage that several test targets share.
    .target(name: "CAllocations", path: "Tests/CAllocations"),
    .target(
      name: "TestSupport",
      dependencies: ["CAllocations", "Support", "Torch", "Images", "Datasets", "CLIP", "Embedded"],
      path: "Tests/TestSupport",
      swiftSettings: swiftSettings),
    // A device whose memory the CPU cannot touch, on which CI proves what runs on accelerators.
    .target(
      name: "CTestDevice", dependencies: ["CLibtorch"], path: "Tests/CTestDevice"),
    // A server that behaves as the Hugging Face Hub does, and fails in every way.
    .target(
      name: "TestHub",
      dependencies: [
        "Support",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ],
      path: "Tests/TestHub", swiftSettings: swiftSettings),
    .testTarget(
      name: "PickleTests", dependencies: ["Support", "Pickle", "TestSupport"], resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "TorchTests", dependencies: ["Support", "Pickle", "Torch", "TestSupport"], resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "DeviceTests",
      dependencies: [
        "CTestDevice", "Support", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning",
        "Embedded", "Runs", "Prediction", "CocoopServer", "TestSupport", "cocoop",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ImagesTests", dependencies: ["Support", "Images", "Embedded", "TestSupport"],
      resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "MatFilesTests", dependencies: ["Support", "CZlib", "MatFiles", "TestSupport"],
      resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "DatasetsTests", dependencies: ["Support", "Datasets", "Embedded", "TestSupport"],
      resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "AcquisitionTests",
      dependencies: [
        "CArchive", "Support", "Datasets", "NamedModels", "Acquisition", "TestSupport", "TestHub",
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "HummingbirdTLS", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "WebDatasetTests", dependencies: ["Archives", "Support", "WebDataset", "TestSupport"],
      resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "MetricsTests", dependencies: ["ClassificationMetrics", "Support"], resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "TokenizationTests", dependencies: ["Support", "Tokenization", "TestSupport"],
      resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CLIPTests",
      dependencies: ["Support", "Torch", "Images", "Tokenization", "CLIP", "Embedded", "TestSupport"],
      resources: [.copy("Fixtures")],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "PromptLearningTests",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning", "Embedded",
        "TestSupport",
      ],
      resources: [.copy("Fixtures")], swiftSettings: swiftSettings),
    .testTarget(
      name: "RunsTests",
      dependencies: [
        "Support", "NamedModels", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning",
        "Embedded", "Runs", "TestSupport",
      ],
      resources: [.copy("Fixtures")], swiftSettings: swiftSettings),
    .testTarget(
      name: "ExportTests",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "CLIP", "PromptLearning", "Embedded", "Runs", "Export", "TestSupport",
        "cocoop",
      ],
      resources: [.copy("Fixtures")], swiftSettings: swiftSettings),
    .testTarget(
      name: "ReproductionTests",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning", "Embedded", "Runs",
        "Reproduction", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ReportTests",
      dependencies: [
        "Support", "Torch", "Images", "Datasets", "ClassificationMetrics", "CLIP", "PromptLearning", "Embedded",
        "Runs", "Reproduction", "Report", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CompatibilityTests",
      dependencies: [
        "Support", "ClassificationMetrics", "PromptLearning", "Embedded", "Compatibility", "TestSupport",
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "ServerTests",
      dependencies: [
        "Support",
        "CocoopServer", "Runs", "Prediction", "Images", "TestSupport",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
      ],
      swiftSettings: swiftSettings),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Support", "Torch", "Images", "CLIP", "Datasets", "ClassificationMetrics", "Embedded", "PromptLearning",
        "Runs", "Prediction", "Reproduction", "TestSupport", "TestHub", "cocoop",
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: swiftSettings),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)
