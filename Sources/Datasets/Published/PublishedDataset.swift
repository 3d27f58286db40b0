import Foundation
import Support

/// The eleven datasets of the paper's evaluation, and the four variants of ImageNet on which it tests ImageNet's
/// prompts.
///
/// This file holds their names, ``DatasetLayout`` their contents on disk.
public enum PublishedDataset: String, CaseIterable, Sendable {
  case imageNet = "ImageNet"
  case caltech101 = "Caltech101"
  case oxfordPets = "OxfordPets"
  case stanfordCars = "StanfordCars"
  case flowers102 = "Flowers102"
  case food101 = "Food101"
  case fgvcAircraft = "FGVCAircraft"
  case sun397 = "SUN397"
  case dtd = "DTD"
  case euroSAT = "EuroSAT"
  case ucf101 = "UCF101"
  case imageNetV2 = "ImageNetV2"
  case imageNetSketch = "ImageNet-Sketch"
  case imageNetA = "ImageNet-A"
  case imageNetR = "ImageNet-R"

  /// The name that the reference's configuration files (CoOp, `configs/datasets`) and the help texts use.
  public var spelling: String {
    switch self {
    case .imageNet: "imagenet"
    case .caltech101: "caltech101"
    case .oxfordPets: "oxford_pets"
    case .stanfordCars: "stanford_cars"
    case .flowers102: "oxford_flowers"
    case .food101: "food101"
    case .fgvcAircraft: "fgvc_aircraft"
    case .sun397: "sun397"
    case .dtd: "dtd"
    case .euroSAT: "eurosat"
    case .ucf101: "ucf101"
    case .imageNetV2: "imagenetv2"
    case .imageNetSketch: "imagenet_sketch"
    case .imageNetA: "imagenet_a"
    case .imageNetR: "imagenet_r"
    }
  }

  /// Finds the benchmark of a name: the paper's, the reference's class or configuration, its folder or its split file.
  ///
  /// Case and punctuation don't count: `oxford_flowers`, `OxfordFlowers`, `flowers102`, `imagenet-a`, `ImageNetA`.
  public init?(named name: String) {
    let key = Self.key(name)
    guard let match = Self.allCases.first(where: { $0.spellings.map(Self.key).contains(key) }) else { return nil }
    self = match
  }

  /// The benchmark's ``spelling`` that an unknown name may have meant.
  public static func nearest(to name: String) -> String? {
    let key = Self.key(name)
    let containing = allCases.filter { benchmark in
      key.count >= 3 && benchmark.spellings.contains { Self.key($0).contains(key) }
    }
    if containing.count == 1 { return containing[0].spelling }
    guard let nearest = key.nearest(among: allCases.flatMap(\.spellings).map(Self.key)) else { return nil }
    return PublishedDataset(named: nearest)?.spelling
  }

  private static func key(_ name: String) -> String { name.lowercased().filter { $0.isLetter || $0.isNumber } }

  private var spellings: [String] {
    let published = splitFile?.dropFirst("split_zhou_".count).dropLast(".json".count)
    return [rawValue, spelling, folder] + [published].compactMap { $0.map(String.init) }
  }
}

extension PublishedDataset {
  /// The folder under a data root.
  public var folder: String { layout.folder }

  /// The folder under ``folder`` that paths are relative to; empty where they are relative to ``folder`` itself.
  public var images: String { layout.images }

  /// The published split file, or `nil` where there is none: ImageNet, its variants and Aircraft have their own lists.
  public var splitFile: String? { layout.splitFile }

  /// The sample that an earlier run of the reference saved under a data root, and that the reference reads instead of
  /// drawing one; `nil` where there is none.
  public func keptSample(shots: Int, seed: Int, root: URL) -> URL? {
    let file = root.appending(path: "\(folder)/split_fewshot/shot_\(shots)-seed_\(seed).pkl")
    return FileManager.default.fileExists(atPath: file.path) ? file : nil
  }

  /// Whether the benchmark has test images only: ImageNet's four variants.
  public var isTestOnly: Bool { layout.sizes.train == 0 }

  /// Whether two classes may have one name: ImageNet's list calls two classes 'missile' and two 'sunglasses'.
  var mayRepeatNames: Bool { [.imageNet, .imageNetV2, .imageNetSketch].contains(self) }
}
